"""Whether a trained network of somebody else's is all in its checkpoint: `evaluate.py` knows no other."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.seed import isolate_rng

from groundup.learning.classifier import Classifier
from groundup.learning.numpy_net import NumPyNet
from groundup.learning.predictor import Predictor
from groundup.models.summary import untouched
from groundup.run.trials import IMAGES, answer_alike
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)


def use_what_is_read_back(module: LightningModule, rebuild: Callable[[], LightningModule], spec: DatasetSpec) -> None:
    """Says where a network built anew with the weights of `module` answers otherwise.

    That is what the test is then of, where the way of learning is ours: the network of `module` is replaced.
    """
    try:
        with isolate_rng():
            anew = _read_back(module, rebuild)
            alike = answer_alike(module, anew, spec) and _lose_alike(module, anew, spec)
    except Exception as error:  # of any kind: a forward may be for something else than images
        if not isinstance(module, Predictor):
            return
        log.warning(f"model: reading its checkpoint back could not be tried: {' '.join(str(error).split())[:200]}")
        return
    if alike:
        return
    cause = (
        "model: its outputs depend on a state that is not in its checkpoints, such as a buffer with persistent=False; "
    )
    if not isinstance(module, Classifier) or isinstance(module.net, NumPyNet):
        log.warning(f"{cause}the results of evaluate.py and predict.py differ from the figures of this run")
        return
    with isolate_rng():
        anew = _read_back(module, rebuild)
    module.net, module.loss = anew.net, anew.loss  # type: ignore[assignment]
    log.warning(
        f"{cause}the test uses the network as evaluate.py reads it, and the validations used that with the state"
    )


def _lose_alike(module: LightningModule, anew: LightningModule, spec: DatasetSpec) -> bool:
    """Whether their losses of the same logits are the same: they may have a state too."""
    if not isinstance(module, Predictor) or not isinstance(anew, Predictor):
        return True
    target = torch.arange(IMAGES, device=module.device) % spec.num_classes
    logits = torch.linspace(-1, 1, IMAGES * spec.num_classes, device=module.device).view(IMAGES, -1)
    with untouched(module), untouched(anew):
        losses = []
        for each in (module, anew):
            torch.manual_seed(0)
            losses.append(each.loss(logits.clone(), target).float())
    return torch.allclose(losses[0], losses[1], rtol=1e-3)


def _read_back(module: LightningModule, rebuild: Callable[[], LightningModule]) -> LightningModule:
    made = rebuild()
    made.load_state_dict(module.state_dict(), strict=getattr(module, "strict_loading", True))
    return made.to(module.device)
