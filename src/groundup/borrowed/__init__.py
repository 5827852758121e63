"""Private names of libraries that this project uses, one module a library. Each says which public names do not do.

Read first: `hydra`. An upgrade that takes a name away fails `tests/borrowed`, and is mended in the one module here.
"""
