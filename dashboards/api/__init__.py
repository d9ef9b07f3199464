"""The read-only JSON API over studies, trials, fronts and audits, described by an OpenAPI document."""
