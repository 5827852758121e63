"""MLflow, by Lightning's MLFlowLogger: an MLflow run for every run, with its pictures, and with how it ended."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock
from lightning.pytorch.loggers import Logger, MLFlowLogger

from groundup.loggers.keeper import Beginning, Ending, Keeper, Place
from groundup.rundir.trackers import id_of, keep_id

log = logging.getLogger(__name__)

STATUS = {"finished": "FINISHED", "pruned": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
SQLITE = "sqlite:///"
LONGEST = 250  # letters that Lightning gives MLflow of a parameter


class MLflowKeeper(Keeper):
    """A run that goes on in its directory goes on in MLflow, by an id that is kept there."""

    def takes_pictures(self, logger: Logger | type) -> bool:
        return True

    def arguments(self, node: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """Lightning's own defaults are a folder where the command was typed, which MLflow no longer writes."""
        _hush()
        uri = node.get("tracking_uri") or os.environ.get("MLFLOW_TRACKING_URI")
        uri = uri or f"{SQLITE}{Path(node.get('save_dir') or place.run_dir).resolve() / 'mlflow.db'}"
        offered = {"tracking_uri": uri, "run_name": place.name, "save_dir": None}
        if uri.startswith(SQLITE):  # MLflow's default would be where the command was typed
            database = Path(uri.removeprefix(SQLITE).partition("?")[0]).resolve()
            _make_tables(uri, database)
            offered["artifact_location"] = (database.parent / "mlartifacts").as_uri()
        its_own = id_of(place.run_dir, place.key) if place.goes_on else None
        if its_own is not None and _is_there(uri, its_own, place.key):
            offered["run_id"] = its_own
        return offered

    def begin(self, logger: MLFlowLogger, run: Beginning, place: Place) -> None:  # type: ignore[override]
        client, run_id = _begun(logger), logger.run_id
        assert run_id is not None
        keep_id(place.run_dir, place.key, run_id)
        if place.goes_on:
            client.update_run(run_id, status="RUNNING")
            _leave_out(logger, _known_from(client, run_id, place.first_step))
        self.write_params(logger, run.params)
        client.set_tag(run_id, "run_dir", str(place.run_dir))
        for title, text in run.texts.items():
            client.log_text(run_id, text, f"{title}.md")
        logger.log_image = functools.partial(_log_image, logger)  # type: ignore[attr-defined]

    def write_params(self, logger: MLFlowLogger, params: Mapping[str, Any]) -> None:  # type: ignore[override]
        """A parameter stays there what it was at first: what has changed is a tag. The status is MLflow's own."""
        client, run_id = logger.experiment, logger.run_id
        before = client.get_run(run_id).data.params
        known = {*before, "status"}
        logger.log_hyperparams({name: value for name, value in params.items() if name not in known})
        for name, value in params.items():
            if name in before and before[name][:LONGEST] != str(value)[:LONGEST]:
                client.set_tag(run_id, name, value)

    def end(self, logger: MLFlowLogger, run: Ending) -> None:  # type: ignore[override]
        try:
            super().end(logger, run)
        finally:
            logger.experiment.set_terminated(logger.run_id, STATUS[run.status])


def _log_image(logger: MLFlowLogger, key: str, images: list[Any], step: int | None = None) -> None:
    """As WandbLogger has it."""
    for image in images:
        logger.experiment.log_image(logger.run_id, image, key=key, step=step, synchronous=True)


def _make_tables(uri: str, database: Path) -> None:
    """Has one process at a time make, or renew, the tables of a database: else several trip over one another."""
    from mlflow.tracking import MlflowClient

    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{database}.lock"):
        MlflowClient(uri)


def _hush() -> None:
    """How MLflow makes its tables is no news; its own variable says otherwise."""
    import mlflow  # noqa: F401  # which sets the level anew

    if "MLFLOW_LOGGING_LEVEL" not in os.environ:
        logging.getLogger("mlflow").setLevel(logging.WARNING)


def _is_there(uri: str, run_id: str, key: str) -> bool:
    from mlflow.tracking import MlflowClient

    try:
        return MlflowClient(uri).get_run(run_id).info.lifecycle_stage == "active"
    except Exception as error:
        log.warning(f"{key}: run {run_id} is not in {uri}, another begins: {' '.join(str(error).split())[:200]}")
        return False


def _begun(logger: MLFlowLogger) -> Any:
    """The client, with an experiment and a run. Of two processes that make one experiment, one finds it made."""
    from mlflow.exceptions import MlflowException

    lightnings = logging.getLogger("lightning.pytorch.loggers.mlflow")
    level = lightnings.level
    lightnings.setLevel(logging.ERROR)  # that there is no such experiment yet is no news
    try:
        return logger.experiment
    except MlflowException:
        return logger.experiment
    finally:
        lightnings.setLevel(level)


def _known_from(client: Any, run_id: str, step: int) -> set[tuple[str, int]]:
    """The figures that an earlier part of the run has logged of steps that are trained again."""
    names = client.get_run(run_id).data.metrics
    histories = (client.get_metric_history(run_id, name) for name in names)
    return {(metric.key, metric.step) for history in histories for metric in history if metric.step >= step}


def _leave_out(logger: MLFlowLogger, known: set[tuple[str, int]]) -> None:
    """MLflow keeps both of two figures of a step."""
    log_metrics: Callable[..., None] = logger.log_metrics

    def log_others(metrics: Mapping[str, float], step: int | None = None) -> None:
        log_metrics({name: value for name, value in metrics.items() if (name, step or 0) not in known}, step)

    logger.log_metrics = log_others  # type: ignore[method-assign]
