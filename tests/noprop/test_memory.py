"""The paper's claim: with one block's activations alive, a step of NoProp-DT needs memory for one block."""

from __future__ import annotations

import gc

import pytest
import torch

from groundup.callbacks.interrupt import StopOnSignal
from groundup.notebook.backward_memory import kept_for_backward
from groundup.run.parts import assemble

SHORT = (
    *("optimizer=adamw", "scheduler=constant", "trainer.max_epochs=1", "logger=none", "data.batch_size=128"),
    *("data.limit_train=200", "+trainer.max_steps=1", "+trainer.limit_val_batches=0"),
)
BACKPROP, ONE_BY_ONE, AT_ONCE = (
    ("model=noprop_backprop",),
    ("model=noprop_dt", "model.schedule=sequential"),
    ("model=noprop_dt", "model.schedule=stacked"),
)


@pytest.fixture
def kept(make_config, tmp_path):
    """Bytes that one step of a run keeps for the backward pass."""

    def of(*words: str) -> int:
        config = make_config(*words, "trainer.accelerator=cpu", small=SHORT)
        with StopOnSignal() as stop:
            parts = assemble(config, tmp_path, stop)
            step, seen = parts.learner.training_step, []

            def watched(batch, batch_idx):
                with kept_for_backward(parts.learner, *batch) as storages:
                    loss = step(batch, batch_idx)
                seen.append(sum(storages.values()))
                return loss

            parts.learner.training_step = watched
            parts.trainer.fit(parts.learner, datamodule=parts.data)
        [number] = seen
        return number

    return of


def test_one_block_at_a_time_keeps_nearly_t_times_less_than_back_propagation(kept):
    """Nearly, for f_out is read in both; stacked, all blocks are alive at once and nothing is saved."""
    backprop, one_by_one, at_once = (kept(*words, "model.blocks=6") for words in (BACKPROP, ONE_BY_ONE, AT_ONCE))
    assert 5.8 < backprop / one_by_one <= 6
    assert 0.95 < backprop / at_once < 1.05


def test_one_block_at_a_time_keeps_the_same_for_any_number_of_blocks(kept):
    few, many = ("model.blocks=2",), ("model.blocks=6",)
    assert kept(*ONE_BY_ONE, *many) == kept(*ONE_BY_ONE, *few)
    assert kept(*BACKPROP, *many) > 2.5 * kept(*BACKPROP, *few)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_so_it_does_in_memory_of_a_gpu(make_config, tmp_path):
    """Of one step with its update, above the weights; the images and the optimizer's state are part of it."""

    def peak(*words: str) -> int:
        config = make_config(*words, "model.blocks=6", "data.image_size=32", "trainer.accelerator=cuda", small=SHORT)
        with StopOnSignal() as stop:
            parts = assemble(config, tmp_path, stop)
            gc.collect()
            parts.learner.cuda()
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            parts.trainer.fit(parts.learner, datamodule=parts.data)
        return torch.cuda.max_memory_allocated() - before

    peak(*BACKPROP)  # libraries take memory of their own, once
    backprop, one_by_one, at_once = (peak(*words) for words in (BACKPROP, ONE_BY_ONE, AT_ONCE))
    assert one_by_one < 0.5 * backprop
    assert at_once > 0.8 * backprop
