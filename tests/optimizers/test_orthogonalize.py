"""Orthogonal matrices against the singular value decomposition of torch.linalg."""

from __future__ import annotations

import pytest
import torch

from groundup.optimizers.orthogonalize import batches, orthogonalize, orthogonalize_all

SHAPES = [(8, 20), (20, 8), (8, 16), (8, 8), (3, 5), (20, 8)]
CONVERGENT = (15 / 8, -10 / 8, 3 / 8)  # (15 s - 10 s^3 + 3 s^5) / 8: derivatives one and two are zero at s = 1


def random(*shape, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


@pytest.mark.parametrize("shape", [(8, 20), (20, 8), (8, 8)], ids=str)
def test_many_convergent_steps_come_to_the_polar_factor_of_the_svd(shape):
    matrices = random(2, *shape, dtype=torch.float64)
    u, _, vt = torch.linalg.svd(matrices, full_matrices=False)
    found = orthogonalize(matrices, 40, torch.float64, CONVERGENT)
    torch.testing.assert_close(found, u @ vt, rtol=0, atol=1e-10)
    few = orthogonalize(matrices, 3, torch.float64, CONVERGENT)  # the control
    assert (few - u @ vt).abs().max() > 0.01


def test_one_step_takes_a_singular_value_where_the_polynomial_says():
    # of diag(3, 4), whose norm is 5, 0.6 and 0.8: 3.4445 * 0.6 - 4.7750 * 0.216 + 2.0315 * 0.07776 = 1.1932694
    found = orthogonalize(torch.diag(torch.tensor([3.0, 4.0]))[None], steps=1)
    expected = [3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5 for s in (0.6, 0.8)]
    assert expected[0] == pytest.approx(1.1932694)
    torch.testing.assert_close(found, torch.diag(torch.tensor(expected))[None])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_five_steps_leave_singular_values_about_one(dtype):
    matrices = random(3, 16, 64) * torch.tensor([1e-6, 1.0, 1e6])[:, None, None]
    values = torch.linalg.svdvals(orthogonalize(matrices, 5, dtype).float())
    assert values.min() > 0.67
    assert values.max() < 1.21
    assert torch.linalg.svdvals(orthogonalize(matrices, 1, dtype).float()).min() < 0.6  # the control


def test_zeros_stay_zeros():
    assert torch.equal(orthogonalize(torch.zeros(1, 3, 4)), torch.zeros(1, 3, 4))


@pytest.mark.parametrize("waste", [1, 4, 1e9])
def test_a_list_gives_what_its_matrices_give_one_by_one(waste):
    matrices = [random(*shape) for shape in SHAPES]
    found = orthogonalize_all(matrices, 5, waste=waste)
    alone = [orthogonalize(matrix[None], 5)[0] for matrix in matrices]
    torch.testing.assert_close(found, alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found[1], found[5].roll(1, 0), atol=1e-2)  # the control


def test_a_result_has_the_type_of_its_matrix_and_the_matrix_stays_as_it_was():
    matrices = [random(4, 6, dtype=torch.float64), random(6, 4, dtype=torch.float64)]
    before = [matrix.clone() for matrix in matrices]
    found = orthogonalize_all(matrices, dtype=torch.bfloat16)
    assert {matrix.dtype for matrix in found} == {torch.float64}
    for matrix in found:
        matrix.mul_(2)
    assert all(torch.equal(a, b) for a, b in zip(matrices, before, strict=True))


def test_padding_with_zeros_changes_nothing():
    matrix = random(5, 7, dtype=torch.float64)
    padded = torch.zeros(1, 9, 30, dtype=torch.float64)
    padded[0, :5, :7] = matrix
    found = orthogonalize(padded, 5, torch.float64)[0]
    torch.testing.assert_close(found[:5, :7], orthogonalize(matrix[None], 5, torch.float64)[0], rtol=0, atol=1e-12)
    assert found[5:].count_nonzero() == found[:, 7:].count_nonzero() == 0
    padded[0, 5:, 7:] = 1e-3  # the control
    assert (orthogonalize(padded, 5, torch.float64)[0, :5, :7] - found[:5, :7]).abs().max() > 1e-6


def test_matrices_share_a_batch_where_padding_wastes_little():
    # airbench94's filters; 64 x 216 in 64 x 576 costs 2.7 times its own work, 256 x 576 in 256 x 2304 four times
    shapes = [(64, 216), (64, 576), (256, 576), (256, 2304), (256, 2304), (256, 2304)]
    assert batches(shapes, waste=4) == [[3, 4, 5, 2], [1, 0]]
    assert batches(shapes, waste=3.9) == [[3, 4, 5], [2], [1, 0]]
    assert batches(shapes, waste=1) == [[3, 4, 5], [2], [1], [0]]
    assert batches([], waste=1) == []
