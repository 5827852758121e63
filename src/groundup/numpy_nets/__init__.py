"""Neural networks written by hand in NumPy, each line of forward and backward to be read. Never imports torch.

Read in this order; a file imports only files that stand before it. What every layer is: `layer`, `checks`. Layers:
`init`, `neuron`, `dense`, `activations`, `flatten`, `conv`, `pooling`, `batch_norm`, `dropout`. How wrong an output is:
`targets`, `losses`. How weights follow their gradients: `optimizers`. Layers one after another, and the chain rule:
`arrays`, `chain`. Training: `arguments`, `misuse`, `evaluation`, `progress`, `training`. Looking at a network and
keeping it: `summary`, `typeset`, `worked`, `trace`, `weights`. All of it as methods of one class: `sequential`. Last,
what is made with it: `models`, whose options are in `options`, which alone needs more than NumPy; `gradient_check`.
"""

from groundup.numpy_nets.activations import Identity, ReLU, Sigmoid, Softmax, Tanh
from groundup.numpy_nets.batch_norm import BatchNorm
from groundup.numpy_nets.conv import Conv2D
from groundup.numpy_nets.dense import Dense
from groundup.numpy_nets.dropout import Dropout
from groundup.numpy_nets.evaluation import Evaluation
from groundup.numpy_nets.flatten import Flatten
from groundup.numpy_nets.gradient_check import central_differences, gradient_errors
from groundup.numpy_nets.layer import InputError, Layer
from groundup.numpy_nets.losses import BinaryCrossEntropy, Loss, MeanSquaredError, SoftmaxCrossEntropy
from groundup.numpy_nets.misuse import MisuseWarning
from groundup.numpy_nets.neuron import Neuron, NeuronLayer
from groundup.numpy_nets.optimizers import SGD, Adam, Optimizer, RMSProp
from groundup.numpy_nets.pooling import AvgPool2D, MaxPool2D
from groundup.numpy_nets.sequential import Sequential

__all__ = [
    "SGD",
    "Adam",
    "AvgPool2D",
    "BatchNorm",
    "BinaryCrossEntropy",
    "Conv2D",
    "Dense",
    "Dropout",
    "Evaluation",
    "Flatten",
    "Identity",
    "InputError",
    "Layer",
    "Loss",
    "MaxPool2D",
    "MeanSquaredError",
    "MisuseWarning",
    "Neuron",
    "NeuronLayer",
    "Optimizer",
    "RMSProp",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Tanh",
    "central_differences",
    "gradient_errors",
]
