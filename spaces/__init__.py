"""What can be chosen and what is judged; Python and NumPy only."""
