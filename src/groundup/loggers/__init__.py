"""Where the figures of a run are written.

Read first: `tensorboard`, the only one of ours.
"""
