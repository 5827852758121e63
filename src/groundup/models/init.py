"""Weight initialisation by name. `fan_in` and `fan_out` count the connections into and out of one unit."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from groundup.errors import UserError


def uniform(weight: Tensor) -> None:
    """U(-1/sqrt(fan_in), 1/sqrt(fan_in)), the older heuristic (LeCun et al. 1998, "Efficient BackProp")."""
    fan_in = weight[0].numel()
    nn.init.uniform_(weight, -(fan_in**-0.5), fan_in**-0.5)


def xavier(weight: Tensor) -> None:
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, equation 16)."""
    nn.init.xavier_uniform_(weight)


def kaiming(weight: Tensor) -> None:
    """N(0, 2 / fan_in), which keeps the variance through ReLU (He et al. 2015, equation 10)."""
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


def normal(weight: Tensor) -> None:
    """N(0, 0.01²) whatever the width of the layer (Krizhevsky et al. 2012, section 5)."""
    nn.init.normal_(weight, std=0.01)


INITS: dict[str, Callable[[Tensor], None]] = {
    "uniform": uniform,
    "xavier": xavier,
    "kaiming": kaiming,
    "normal": normal,
}


def init_weights(model: nn.Module, scheme: str) -> None:
    """Draws the weights of every linear and convolutional layer by `scheme` and sets their biases to zero.

    Raises:
        UserError: there is no scheme of that name.
    """
    if scheme not in INITS:
        raise UserError(f"model.init={scheme}: accepted: {', '.join(INITS)}")
    for layer in model.modules():
        if not isinstance(layer, nn.Linear | nn.Conv2d):
            continue
        INITS[scheme](layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
