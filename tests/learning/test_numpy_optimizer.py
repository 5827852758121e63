"""The hand-written optimizers on torch parameters: the numbers of PyTorch's, and state that survives a checkpoint."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from torch import nn

from groundup.errors import UserError
from groundup.learning.numpy_optimizer import NumPyAdam, NumPyRMSProp, NumPySGD

TWINS = {
    "sgd": (NumPySGD, torch.optim.SGD, {"lr": 0.1}),
    "momentum": (NumPySGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "rmsprop": (NumPyRMSProp, torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.9, "momentum": 0.5}),
    "adam": (NumPyAdam, torch.optim.Adam, {"lr": 0.01, "betas": [0.8, 0.95], "eps": 1e-7, "weight_decay": 0.1}),
}
each = pytest.mark.parametrize(("ours", "theirs", "options"), TWINS.values(), ids=TWINS)


def parameters(dtype=torch.float64):
    random = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=random, dtype=dtype)) for shape in [(3, 2), (4,)]]


def step(optimizer, times=1, scale=1.0):
    for _ in range(times):
        optimizer.zero_grad()
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        sum((p.cos() * scale).sum() for p in weights).backward()
        optimizer.step()
    return [p.detach().clone() for p in weights]


@each
def test_ten_steps_end_where_those_of_pytorch_end(ours, theirs, options):
    ends, expected = (step(make(parameters(), **options), 10) for make in (ours, theirs))
    torch.testing.assert_close(ends, expected, rtol=1e-9, atol=0)
    other = step(theirs(parameters(), **options | {"lr": options["lr"] * 1.001}), 10)  # the control
    assert not torch.allclose(ends[0], other[0], rtol=1e-6)


@each
def test_a_checkpoint_goes_on_to_the_same_weights(ours, theirs, options):
    whole = ours(parameters(torch.float32), **options)
    step(whole, 3)
    half = [nn.Parameter(p.detach().clone()) for p in whole.param_groups[0]["params"]]
    file = io.BytesIO()
    torch.save(whole.state_dict(), file)
    file.seek(0)
    again = ours(half, **options)
    again.load_state_dict(torch.load(file, weights_only=True))
    assert all(torch.equal(a, b) for a, b in zip(step(whole, 4), step(again, 4), strict=True))


def test_adams_count_of_steps_is_still_a_whole_number_after_a_checkpoint():
    """PyTorch makes every floating-point weight's state floating-point, but for what is called "step"."""
    first, second = NumPyAdam(parameters(), lr=0.01), NumPyAdam(parameters(), lr=0.01)
    step(first, 3)
    second.load_state_dict(first.state_dict())
    counts = [second.state[weight]["step"] for weight in second.param_groups[0]["params"]]
    assert [(count.dtype, count.item()) for count in counts] == [(torch.int64, 3)] * 2
    assert second.state[second.param_groups[0]["params"][0]]["m"].dtype == torch.float64  # the control
    step(second)
    assert counts[0] == 4


def test_a_checkpoint_without_its_state_would_not(monkeypatch):
    whole = NumPyAdam(parameters(), lr=0.01)
    step(whole, 3)
    forgetful = NumPyAdam([nn.Parameter(p.detach().clone()) for p in whole.param_groups[0]["params"]], lr=0.01)
    assert not torch.equal(step(whole, 4)[0], step(forgetful, 4)[0])


def test_the_learning_rate_of_the_group_is_the_one_used():
    optimizer = NumPySGD([nn.Parameter(torch.ones(1))], lr=0.5)
    optimizer.param_groups[0]["lr"] = 0.0
    assert step(optimizer)[0] == 1
    optimizer.param_groups[0]["lr"] = 0.25
    # 1 - 0.25 * (-sin 1)
    assert step(optimizer)[0] == pytest.approx(1 + 0.25 * 0.8414709848, rel=1e-6)


def test_adam_without_bias_correction_by_hand():
    weight = nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    optimizer = NumPyAdam([weight], lr=0.1, betas=[0.5, 0.75], eps=0.0, bias_correction=False)
    weight.grad = torch.tensor([4.0], dtype=torch.float64)
    optimizer.step()
    # m = 0.5 * 4 = 2, v = 0.25 * 16 = 4: w = 1 - 0.1 * 2 / sqrt(4)
    assert weight.item() == pytest.approx(0.9, rel=1e-12)


def test_parameters_without_gradient_and_their_state_stay():
    first, second = parameters()
    optimizer = NumPyAdam([first, second], lr=0.1)
    first.grad, before = torch.ones_like(first), copy.deepcopy(second)
    optimizer.step()
    assert torch.equal(second, before)
    assert second not in optimizer.state


def test_the_memory_of_the_parameter_is_changed_itself():
    parameter = nn.Parameter(torch.ones(3))
    view = parameter.detach().numpy()
    step(NumPySGD([parameter], lr=0.1))
    assert (view != 1).all()


@pytest.mark.parametrize("kind", [{"dtype": torch.bfloat16}, {"device": "meta"}], ids=str)
def test_what_numpy_cannot_compute_with_is_refused(kind):
    with pytest.raises(UserError, match=r"NumPyAdam: NumPy computes on the CPU, in float32 or float64"):
        NumPyAdam([nn.Parameter(torch.ones(2, **kind))], lr=0.1)
