"""Where the figures of a run are written: TensorBoard's files, and any of Lightning's loggers.

Read first: `keeper`, what a run does with a logger, whichever it is; then `tensorboard`, the only one of ours.
"""
