"""PyTorch backbones: image batch in, logits out."""
