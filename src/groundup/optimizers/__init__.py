"""Update rules that PyTorch does not have, which tell by its name what a parameter is.

Read first: `roles`, that telling; then `decoupled_sgd` and `muon`.
"""
