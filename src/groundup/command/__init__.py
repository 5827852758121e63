"""From the words of a command line to a config, and from what comes of it to an exit code. Imports no torch.

Read first: `frame`, which every command is in; then `explain`, which answers what Hydra refuses.
"""
