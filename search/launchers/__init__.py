"""Launchers start worker processes and keep them running; what the workers do stands in the database."""
