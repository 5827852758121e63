"""Private names of libraries that this project leans on, a module a library; each says what it looked at first.

An upgrade that takes one away fails `tests/borrowed`, by name, and is mended in the one module here.
"""
