"""Many runs: their configs frozen, one table, nothing lost. Imports no torch before a job runs.

Read first: `sweeper`, a sweep from its words to its table; then `expand`, words to jobs, and `job`, one where it runs.
"""
