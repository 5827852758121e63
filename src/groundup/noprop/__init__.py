"""NoProp (Li, Teh and Pascanu 2025, arXiv 2503.24322): its networks, its ways of learning, and their controls.

Read first: `noise`, `block`, `discrete` and `dt`, the method as it stands in the paper; `continuous` and `ct` vary it.
"""
