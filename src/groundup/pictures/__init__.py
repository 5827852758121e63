"""Pictures of what a network is and does: arrays in, Pillow images out. No torch, no TensorBoard.

Read first: `tiles`, many small images as one.
"""
