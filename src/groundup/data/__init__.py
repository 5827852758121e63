"""What images there are, as tensors in memory, and how a batch of them is made."""
