"""NoProp (Li, Teh and Pascanu 2025, arXiv 2503.24322): its networks, its ways of learning, and their controls."""
