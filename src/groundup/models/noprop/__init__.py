"""Networks of NoProp (Li, Teh and Pascanu 2025, arXiv 2503.24322) and of what it is compared with."""
