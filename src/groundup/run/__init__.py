"""One run, from a checked config to its results; and a finished run evaluated, asked for predictions, gone on with.

Read first: `run`; then `parts`, what a run is made of, and `recorded`, what is written however it ends.
"""
