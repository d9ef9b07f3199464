"""The pages in the browser: a Dash application over the repositories; it reads, and never changes a study."""
