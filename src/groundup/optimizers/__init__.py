"""Update rules that PyTorch does not have. They tell from the name of a parameter what it is.

Read first: `roles`, which does this; then `decoupled_sgd` and `muon`.
"""
