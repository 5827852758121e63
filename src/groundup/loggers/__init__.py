"""Where the figures of a run are written."""
