"""Neural networks written by hand in NumPy, each line of forward and backward to be read. Never imports torch."""

from groundup.numpy_nets.activations import Identity, ReLU, Sigmoid, Softmax, Tanh
from groundup.numpy_nets.dense import Dense
from groundup.numpy_nets.layer import InputError, Layer
from groundup.numpy_nets.sequential import Sequential

__all__ = ["Dense", "Identity", "InputError", "Layer", "ReLU", "Sequential", "Sigmoid", "Softmax", "Tanh"]
