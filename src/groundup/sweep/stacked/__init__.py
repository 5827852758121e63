"""Jobs of a sweep that differ only in numbers, trained at once as one batched model.

Read first: `stackable`, which jobs these are; then `training`, all of them, and `member`, one of them.
"""
