"""What many answers, or many runs, say: pure functions over arrays. Imports NumPy and scipy alone."""
