"""What a run and a sweep leave behind: the names of their files, written whole and read back. Imports no torch.

Read first: `names`, every file; then `results`, of a run, and `jobs` and `table`, of a sweep.
"""
