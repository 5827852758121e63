"""Runs read back: tables, statistics, plots and one page. Imports no torch.

Read first: `command`, from words to files; then `runs`, one run, and `configurations`, several of one config.
"""
