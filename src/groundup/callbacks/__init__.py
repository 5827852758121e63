"""What is watched, kept and stopped while a network learns: checkpoints, metrics.csv, pictures and curves.

Read first: `watcher`, the base of what is drawn; `evaluation_watcher`, of what looks at validation and test;
`checkpoints`, which keeps the best and the last weights.
"""
