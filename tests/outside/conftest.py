"""Somebody else's package, on the path, and its configs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf, open_dict

OUTSIDE = Path(__file__).parent
sys.path.insert(0, str(OUTSIDE))


@pytest.fixture
def with_model(compose_config) -> Callable[..., dict[str, Any]]:
    """The checked config of a small run of an own model: `with_model("calm", "seed=1", calmness=0.1)`."""
    from groundup.config.check import check_run

    def make(name: str, *overrides: str, **options: Any) -> dict[str, Any]:
        cfg = compose_config("trainer.max_epochs=2", "trainer.accelerator=cpu", *overrides)
        with open_dict(cfg):
            cfg.model = OmegaConf.merge(OmegaConf.load(OUTSIDE / "conf" / "model" / f"{name}.yaml"), options)
        return check_run(cfg).config

    return make


@pytest.fixture
def with_data(compose_config) -> Callable[..., dict[str, Any]]:
    """The checked config of a small run on data of somebody else's: `with_data("stars", "seed=1", noise=3)`."""
    from groundup.config.check import check_run

    def make(data: str | dict[str, Any], *overrides: str, **options: Any) -> dict[str, Any]:
        cfg = compose_config("trainer.max_epochs=2", "trainer.accelerator=cpu", *overrides)
        node = data if isinstance(data, dict) else OmegaConf.load(OUTSIDE / "conf" / "data" / f"{data}.yaml")
        with open_dict(cfg):
            base = cfg.data if "defaults" in node else {}
            cfg.data = OmegaConf.merge(base, {key: node[key] for key in node if key != "defaults"}, options)
        return check_run(cfg).config

    return make
