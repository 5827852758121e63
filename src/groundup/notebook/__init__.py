"""What the notebooks share, and nothing else imports.

Read first: `arrays`, a data set in NumPy; `sweeps`, runs by their command, and what they wrote.
"""
