"""Matrices with their singular values moved to about one, by products of matrices alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from groundup.borrowed.torch import foreach_copy_

Coefficients = tuple[float, float, float]
Shape = tuple[int, int]

COEFFICIENTS: Coefficients = (3.4445, -4.7750, 2.0315)  # steepest at zero; the limit is a range, not a point
TINY = 1e-12  # a matrix of zeros stays one


def orthogonalize(
    matrices: Tensor,
    steps: int = 5,
    dtype: torch.dtype | None = None,
    coefficients: Coefficients = COEFFICIENTS,
) -> Tensor:
    """About U V^T of each matrix U S V^T, by Newton-Schulz iteration (Jordan et al. 2024, "Muon"):

        X <- a X + b (X X^T) X + c (X X^T)^2 X,   X_0 = G / ||G||_F

    Each step takes every singular value s to a s + b s^3 + c s^5. After five, those that began above 0.0015 of the norm
    are within 0.68 and 1.21.

    Args:
        matrices: `(B, m, n)`.
        steps: of the iteration.
        dtype: to compute in; None is bfloat16 on CUDA and float32 elsewhere.
        coefficients: a, b and c.

    Returns:
        `(B, m, n)` of the type computed in.
    """
    a, b, c = coefficients
    x = matrices.to(dtype or usual_dtype(matrices.device))
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True).clamp(min=TINY)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def orthogonalize_all(
    matrices: Sequence[Tensor], steps: int = 5, dtype: torch.dtype | None = None, waste: float | None = None
) -> list[Tensor]:
    """`orthogonalize` of matrices of any shapes on one device, in few batches.

    Rows and columns of zeros change nothing: they add nothing to the norm and stay zero. So matrices of unlike shapes
    share a batch, the smaller ones padded, and tall ones lie on their side.

    Args:
        matrices: `(m, n)` each.
        steps, dtype: see `orthogonalize`.
        waste: how many times its own work a padded matrix may cost; None is 4 on CUDA, where a launch costs more than
            the products of a small matrix, and 1 elsewhere.

    Returns:
        Of each matrix the result, in its own shape and type, to be changed at will.
    """
    wide = [matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT for matrix in matrices]
    shapes = [(matrix.shape[0], matrix.shape[1]) for matrix in wide]
    results: dict[int, Tensor] = {}
    for positions in batches(shapes, _usual_waste(matrices) if waste is None else waste):
        chosen = [wide[position] for position in positions]
        batch = orthogonalize(_padded(chosen, dtype), steps, dtype).to(chosen[0].dtype)
        results |= {
            position: batch[i, : shapes[position][0], : shapes[position][1]] for i, position in enumerate(positions)
        }
    return [results[i] if matrix is wide[i] else results[i].mT for i, matrix in enumerate(matrices)]


def batches(shapes: Sequence[Shape], waste: float) -> list[list[int]]:
    """Which matrices share a batch: positions in `shapes`, of each batch the one first that the others are padded to.

    Args:
        shapes: `(m, n)` with m <= n.
        waste: how many times its own work, m^2 n, a matrix may cost.
    """
    found: list[list[int]] = []
    for position in sorted(range(len(shapes)), key=lambda position: shapes[position], reverse=True):
        for batch in found:
            if _fits(shapes[position], shapes[batch[0]], waste):
                batch.append(position)
                break
        else:
            found.append([position])
    return found


def usual_dtype(device: torch.device) -> torch.dtype:
    """What to iterate in: the result needs no digits, and tensor cores have none to spare."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def _usual_waste(matrices: Sequence[Tensor]) -> float:
    return 4.0 if matrices and matrices[0].device.type == "cuda" else 1.0


def _fits(shape: Shape, padded: Shape, waste: float) -> bool:
    (m, n), (rows, columns) = shape, padded
    return m <= rows and n <= columns and rows * rows * columns <= waste * m * m * n


def _padded(matrices: Sequence[Tensor], dtype: torch.dtype | None) -> Tensor:
    """Matrices in the shape of the first, with zeros: `(B, m, n)`."""
    first = matrices[0]
    batch = first.new_zeros((len(matrices), *first.shape), dtype=dtype or usual_dtype(first.device))
    places = [batch[i, : matrix.shape[0], : matrix.shape[1]] for i, matrix in enumerate(matrices)]
    foreach_copy_(places, list(matrices))
    return batch
