"""The one process that serves everything: our pages and API under /cosearch, the Optuna dashboard at the root."""
