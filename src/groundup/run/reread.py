"""Whether a trained network of somebody else's is all in its checkpoint: `evaluate.py` knows no other."""

from __future__ import annotations

import logging
from collections.abc import Callable

from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.seed import isolate_rng

from groundup.learning.classifier import Classifier
from groundup.learning.numpy_net import NumPyNet
from groundup.learning.predictor import Predictor
from groundup.run.trials import answer_alike
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)


def use_what_is_read_back(module: LightningModule, rebuild: Callable[[], LightningModule], spec: DatasetSpec) -> None:
    """Says where a network built anew with the weights of `module` answers otherwise.

    That is what the test is then of, where the way of learning is ours: the network of `module` is replaced.
    """
    try:
        with isolate_rng():
            alike = answer_alike(module, _read_back(module, rebuild), spec)
    except Exception as error:  # of any kind: a forward may be for something else than images
        if not isinstance(module, Predictor):
            return
        log.warning(f"model: its weights cannot be read back: {' '.join(str(error).split())[:200]}")
        return
    if alike:
        return
    cause = "model: it answers by a state that is not in its checkpoints, such as a buffer with persistent=False; "
    if not isinstance(module, Classifier) or isinstance(module.net, NumPyNet):
        log.warning(f"{cause}what evaluate.py and predict.py make of them differs from the figures of this run")
        return
    with isolate_rng():
        module.net = _read_back(module, rebuild).net  # type: ignore[assignment]
    log.warning(f"{cause}the test is of the network as evaluate.py reads it, validations were of that with the state")


def _read_back(module: LightningModule, rebuild: Callable[[], LightningModule]) -> LightningModule:
    made = rebuild()
    made.load_state_dict(module.state_dict(), strict=getattr(module, "strict_loading", True))
    return made.to(module.device)
