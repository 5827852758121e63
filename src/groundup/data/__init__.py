"""What images there are, as tensors in memory, and how a batch of them is made.

Read first: `module`, the LightningDataModule; then `loader`, which makes batches, and `sources`, which reads images.
"""
