"""From the words of a command line to a config, and from what comes of it to an exit code. Imports no torch."""
