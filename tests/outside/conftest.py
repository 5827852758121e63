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
