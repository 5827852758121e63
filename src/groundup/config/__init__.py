"""What a config may be, in words where it is not; one node to one object; and whose config is trusted. No torch.

Read first: `check`, which every config goes through; `build`, which makes objects; `trust`, for configs of strangers.
"""
