"""Optimizers beside PyTorch's own, which tell by its name what a parameter is."""
