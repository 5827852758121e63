"""One run, from a checked config to its results; and a finished run evaluated, asked for predictions, gone on with."""
