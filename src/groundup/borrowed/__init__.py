"""Private names of libraries that this project uses, one module a library. Each says what was tried first.

Read first: `hydra`. An upgrade that takes a name away fails `tests/borrowed`, and is mended in the one module here.
"""
