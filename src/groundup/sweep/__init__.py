"""Many runs: their configs frozen, one table, nothing lost. Imports no torch before a job runs."""
