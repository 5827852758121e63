"""What the files of a run and of a sweep are called."""

from __future__ import annotations

from pathlib import Path

# In the directory of a run
CONFIG = "config.yaml"
RESULTS = "results.json"
METRICS = "metrics.csv"
MEASURED = "costs.json"  # of its predictions, by `measure`
LOG = "train.log"
EVENTS = "events.out.tfevents.*"  # TensorBoard's own names
PROJECTOR = "projector"  # a folder, of what TensorBoard's tab of this name shows
PROJECTOR_CONFIG = "projector_config.pbtxt"  # TensorBoard's own name
LOCK = ".lock"
PRUNED = "pruned.json"  # why a study has stopped the run
TRACKERS = "trackers.json"  # what the run is called by W&B, by MLflow
CHECKPOINTS = "checkpoints"  # a folder
LAST = Path(CHECKPOINTS) / "last.ckpt"
BEST = Path(CHECKPOINTS) / "best.ckpt"
EXPORTED = {"onnx": "model.onnx", "pt2": "model.pt2"}  # the network for other programs, by `export`
PREDICTIONS = {"test": "test_predictions.npz", "val": "val_predictions.npz"}
RANGE_CURVE, RANGE_PICTURE = "lr_range.csv", "lr_range.png"  # of a learning-rate range test
OF_A_RUN: tuple[str, ...] = (CONFIG, RESULTS, METRICS, MEASURED, LOG, EVENTS, PROJECTOR_CONFIG, LOCK, PRUNED, TRACKERS)
OF_A_RUN += (
    CHECKPOINTS,
    f"{CHECKPOINTS}/*",
    PROJECTOR,
    f"{PROJECTOR}/*",
    *PREDICTIONS.values(),
    RANGE_CURVE,
    RANGE_PICTURE,
)

# In the directory of a sweep, which holds its jobs' run directories, see `folders`
JOBS = "jobs.jsonl"
COLUMNS = "columns.json"  # of TensorBoard's tab HPARAMS, and the rows of its jobs there
TABLES = ("sweep.json", "sweep.md", "sweep.csv")
STUDY = "study.json"  # what an Optuna study is, for going on with it
STUDY_DATABASE = "study.db"
MEANS = "means"  # a folder, of the mean curves of configurations, for TensorBoard
PROCESSES = ".processes"  # a folder, while the sweep runs
SUBMITIT = ".submitit"  # likewise: of hydra-submitit-launcher
OF_A_SWEEP = (JOBS, COLUMNS, *TABLES, STUDY, STUDY_DATABASE, MEANS, f"{MEANS}/*", PROCESSES, SUBMITIT)
