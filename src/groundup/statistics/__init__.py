"""What many answers, or many runs, say: pure functions over arrays. Imports NumPy and scipy alone.

Read first: `calibration`, of answers; `components`, which takes apart what two configurations differ by, and
`uncertainty`, which makes intervals of it; then `comparison`, all that is said of a pair, and `holm`, of many pairs.
"""
