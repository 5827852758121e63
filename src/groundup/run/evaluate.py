"""Metrics of a finished run on one of its splits, from its own config and checkpoint."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from groundup.callbacks.interrupt import StopOnSignal
from groundup.callbacks.progress import EvaluationProgress
from groundup.config.data_module import arguments_of, look_at_test_data
from groundup.config.own_code import warn_of_other_code
from groundup.config.sizes import refuse_heavy_images
from groundup.data.download import is_there
from groundup.data.specs import make_test_spec
from groundup.data.whose import has_our_keys, tells_its_spec
from groundup.errors import UserError
from groundup.learning.companion import put_checkpoint
from groundup.learning.predictor import Predictor
from groundup.paths import home
from groundup.run import kinds
from groundup.run.allocator import keep_freed_memory
from groundup.run.asked import Asked, into_file
from groundup.run.evaluate_module import evaluate_module
from groundup.run.evaluate_predictor import evaluate_predictor, is_random
from groundup.run.failures import one_line_cause
from groundup.run.learners import build_predictor
from groundup.run.quiet import quiet
from groundup.run.readback import building_from, read_config, warn_of_pruned
from groundup.run.splits import refuse_trained_on, spec_of_training, turn_to
from groundup.run.trained import read_saved
from groundup.run.trainer import accelerator_for
from groundup.run.weigh import refuse_heavy_parts
from groundup.rundir.results import as_json
from groundup.spec import DatasetSpec


def evaluate(
    run_dir: Path,
    ckpt: str = "best",
    accelerator: str = "auto",
    data: Mapping[str, Any] | None = None,
    draws: int = 1,
    trust: Collection[str] = (),
    split: str = "test",
    predictions: Path | None = None,
) -> dict[str, Any]:
    """Runs the test split, or another, through a run's network, as `evaluate_as_asked` says.

    Args:
        run_dir: of the run.
        ckpt: `best`, `last` or a path.
        accelerator: cpu, cuda, mps or auto.
        data: data keys to use instead of the run's own, such as `root` where the files have moved.
        draws: how often, where predictions depend on random numbers.
        trust: packages of your own, parts of which the run's data, network and loss may be; see `config.trusted`.
        split: `train`, `val` or `test`, as the run has cut them; names of metrics begin with it.
        predictions: a file that the answers are written to, see `rundir.predictions`; of several draws, the first.

    Returns:
        `test/acc`, `test/loss`, `test/top5`, `test/f1`, `test/nll`, `test/brier`, `test/ece`, `test/balanced_acc`,
        `test/per_class`, the accuracy by class name, NaN for one without images, and `test/confusion`, a row of counts
        for each true class. Of several draws means, their sample standard deviations as `test/acc sd` and so on, and
        the sum of all counts.

    Raises:
        UserError: as there, or the file cannot be written.
    """
    asked = Asked(split, draws) if predictions is None else Asked(split, draws, *into_file(predictions, split))
    return evaluate_as_asked(run_dir, ckpt, accelerator, data or {}, trust, asked)


def evaluate_as_asked(
    run_dir: Path, ckpt: str, accelerator: str, data: Mapping[str, Any], trust: Collection[str], asked: Asked
) -> dict[str, Any]:
    """The metrics of a split; what asks for the answers gets them. Training images are not augmented.

    Classes are those of the network, told by their names: images may lie where their classes sort otherwise. Missing
    files are fetched from the published address, or from the `mirror` given here, never from the run's.

    Raises:
        UserError: no such run or checkpoint, it has no such split, or one with classes that the network does not know.
    """
    split = asked.split
    keep_freed_memory()
    config = read_config(run_dir, ("data", "model", "loss"), trust)
    warn_of_pruned(run_dir)
    saved = read_saved(run_dir, config, ckpt)
    checkpoint, trained = saved.checkpoint, saved.spec
    options = data_options(run_dir, config["data"], data)
    with quiet(), building_from(run_dir):
        spec = (test_spec if split == "test" else spec_of_training)(options, trained, config["seed"])
        refuse_heavy_parts(config, spec)
        module = kinds.data(options, spec, config["seed"])
        predictor = build_predictor(config, spec)
        computes = accelerator_for(predictor, accelerator, config["model"]["name"])
        trainer = _make_trainer(computes, config["trainer"]["precision"], run_dir)
    warn_of_other_code(checkpoint, config, saved.file)
    put_checkpoint(predictor, checkpoint, saved.file)
    if split == "test" and spec.test_size == 0:
        raise UserError(f"run={run_dir}: its data, {spec.name}, has no test split")
    if split == "test":
        refuse_trained_on(module, checkpoint)
    else:
        _refuse_views_of(split, data)
        turn_to(split, module, checkpoint)
    if not isinstance(predictor, Predictor):
        _refuse_draws(asked.draws, config["model"])
        _refuse_views(data, config["model"])
        with quiet(), StopOnSignal():
            return evaluate_module(trainer, predictor, module, config["seed"], spec, asked)
    if asked.draws > 1 and not is_random(predictor, config["model"], trained):
        raise UserError(
            f"draws={asked.draws}: the predictions of {config['model']['name']} are not random; accepted: 1"
        )
    return evaluate_predictor(trainer, predictor, module, config["seed"], asked)


def test_spec(data: Mapping[str, Any], trained: DatasetSpec, seed: int) -> DatasetSpec:
    """What is known of the test images, for a network that was trained on `trained`."""
    if not has_our_keys(data):
        return look_at_test_data(data, trained, seed)
    spec = make_test_spec(data, trained)
    refuse_heavy_images(data, spec, min(spec.test_size, data.get("limit_test") or spec.test_size))
    return spec


def data_options(run_dir: Path, of_run: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The data keys of the run, and what was chosen in their place.

    Somebody else may have written the first: nothing is fetched from where they say, nor written to a folder that they
    name.

    Raises:
        UserError: files would have to be fetched to such a folder.
    """
    if not has_our_keys(of_run):
        if unknown := next((key for key in chosen if key not in of_run and key not in arguments_of(of_run)), None):
            accepted = ", ".join([*arguments_of(of_run)]) or "none"
            raise UserError(
                f"data.{unknown}={chosen[unknown]}: {of_run['_target_']}, the data of this run, has no such key; "
                f"accepted: {accepted}"
            )
        return {**of_run, **chosen}
    if unknown := next((key for key in ("file", "test_file", "table") if key in chosen and key not in of_run), None):
        raise UserError(f"data.{unknown}={chosen[unknown]}: data={of_run.get('name')} of this run has no such key")
    options = {**of_run, "mirror": None, **chosen}
    if options.get("cache") is not None:  # nothing is written where somebody else says
        options["cache"] = "auto"
    own = tells_its_spec(of_run) is not None or "root" in chosen or options.get("root") == home().data_root()
    if not own and not is_there(str(options.get("name")), str(options.get("root")), options):
        raise UserError(
            f"run={run_dir}: files of {options['name']} are missing in {options['root']}, the folder that its "
            "config.yaml names, and nothing is downloaded to such a folder; name the folder: data.root=DIR"
        )
    return options


def _refuse_views(chosen: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    if chosen.get("tta") not in (None, "none"):
        raise UserError(
            f"data.tta={chosen['tta']}: {model['name']} is a LightningModule, which evaluates by itself; accepted: none"
        )


def _refuse_views_of(split: str, chosen: Mapping[str, Any]) -> None:
    if chosen.get("tta") not in (None, "none"):
        raise UserError(f"data.tta={chosen['tta']} with split={split}: several views are of the test; accepted: none")


def _refuse_draws(draws: int, model: Mapping[str, Any]) -> None:
    if draws > 1:
        raise UserError(f"draws={draws}: {model['name']} is a LightningModule, which evaluates by itself; accepted: 1")


def _make_trainer(accelerator: str, precision: Any, run_dir: Path) -> Trainer:
    try:
        return Trainer(
            accelerator=accelerator,
            devices=1,
            precision=precision,
            logger=False,
            enable_checkpointing=False,
            callbacks=[EvaluationProgress()],
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
    except Exception as error:  # Lightning's own checks, all about these keys
        raise UserError(f"accelerator={accelerator}: {one_line_cause(error, run_dir)}") from error


def write_metrics(metrics: Mapping[str, Any], file: Path) -> None:
    """Writes metrics as JSON.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        file.write_text(as_json(metrics) + "\n")
    except OSError as error:
        raise UserError(f"out={file}: cannot be written: {error.strerror}") from error
