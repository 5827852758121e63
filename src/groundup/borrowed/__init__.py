"""Private names of libraries that this project leans on, a module a library; each says what it looked at first.

Read first: `hydra`. An upgrade that takes a name away fails `tests/borrowed`, and is mended in the one module here.
"""
