"""What the notebooks share: sweeps by their command, data as arrays, drawings, the memory of a backward pass."""
