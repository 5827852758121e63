"""The commands: what a script of a project, or `groundup` with a word after it, does.

Read first: `door`, `train`, `main`.
"""
