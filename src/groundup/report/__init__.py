"""Runs read back: tables, statistics, plots and one page. Imports no torch."""
