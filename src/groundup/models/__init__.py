"""Networks of PyTorch's: image batch in, logits out. They know shapes, never data sets or Hydra.

Read first: `mlp`, `lenet`; then `cnn`, the default, of the residual `blocks` that it shares with `resnet`.
"""
