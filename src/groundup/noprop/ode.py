"""The continuous-time baseline of NoProp: a neural ODE, with gradients by the adjoint method."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from groundup.config.extras import refuse_without
from groundup.noprop.continuous import Timed
from groundup.noprop.discrete import normal
from groundup.noprop.embedding import Kind


class NeuralODE(Timed):
    """dz/dt = v(z, x, t) from z_0 ~ N(0, I) at t = 0 to z_1, logits f_out(z_1): (N, C, H, W) to (N, K).

    Solved by Euler's method in `inference_steps` steps, in training too. Gradients come from a second equation, solved
    backwards (Chen et al. 2018), so that memory does not grow with the steps; it is exact as steps become small. The
    paper names the method and the number of steps; v is that of NoProp-FM here.

    Raises:
        UserError: torchdiffeq is not installed.
    """

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        num_classes: int,
        embedding: Kind = "one_hot",
        embedding_dim: int = 20,
        inference_steps: int = 1000,
    ):
        super().__init__(in_channels, image_size, num_classes, embedding, embedding_dim, inference_steps)
        refuse_without("torchdiffeq", "model=noprop_adjoint")
        from torchdiffeq import odeint_adjoint

        self._solve = odeint_adjoint
        self.head = nn.Linear(self.embedding.dim, num_classes)

    def forward(self, images: Tensor, generator: Generator | None = None) -> Tensor:
        start = normal((len(images), self.embedding.dim), images, generator)
        ends = torch.tensor([0.0, 1.0], device=images.device, dtype=images.dtype)
        options = {"step_size": 1 / self.inference_steps}
        # what is made of the image is part of the state, though it stays as it is: so its path gets a gradient
        state = (start, self.block.image(images))
        z, _ = self._solve(
            *(self._slope, state, ends), method="euler", options=options, adjoint_params=self._parameters_of_slope()
        )
        return self.head(z[-1])

    def _slope(self, time: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """dz/dt, and no change of what was made of the image."""
        z, features = state
        scores = self.block.scores(features, z, time.expand(len(z)))
        return scores @ self.embedding.weight, torch.zeros_like(features)

    def _parameters_of_slope(self) -> tuple[nn.Parameter, ...]:
        of_image = {id(parameter) for parameter in self.block.image.parameters()}
        own = (parameter for parameter in self.block.parameters() if id(parameter) not in of_image)
        return (*own, *self.embedding.parameters())
