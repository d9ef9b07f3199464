"""What is remembered: studies, trials, fronts and files. Knows `spaces` and nothing above."""
