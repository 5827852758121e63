"""A neural ODE that learns by the adjoint method: what NoProp in continuous time is compared with."""

from __future__ import annotations

from typing import Unpack

from groundup.learning.classifier import Classifier
from groundup.learning.contract import Training
from groundup.noprop.embedding import Kind
from groundup.noprop.ode import NeuralODE
from groundup.noprop.prototypes import WithPrototypes
from groundup.spec import DatasetSpec


class NoPropAdjoint(WithPrototypes, Classifier):
    """The paper's baseline in continuous time: a neural ODE, whose gradients the adjoint method gives.

    Args:
        spec, training: see `Learner`.
        embedding, embedding_dim, inference_steps: see `noprop.continuous.Timed`.

    Raises:
        UserError: torchdiffeq is not installed, or the image is smaller than 14x14.
    """

    def __init__(
        self,
        spec: DatasetSpec,
        *,
        embedding: Kind = "one_hot",
        embedding_dim: int = 20,
        inference_steps: int = 1000,
        **training: Unpack[Training],
    ):
        sizes = (spec.channels, spec.image_size, spec.num_classes)
        net = NeuralODE(*sizes, embedding, embedding_dim, inference_steps)
        super().__init__(net, spec, **training)
