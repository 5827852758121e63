"""What every key of a config may be: the types and ranges of each node that ships. Imports no torch.

A node is found by its `_target_`, and by its `name` where several share one. One that is not ours may hold any keys.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic_core import PydanticCustomError

from groundup.config.trainer_arguments import REFUSED_ARGUMENTS, Refused
from groundup.data import augment_names
from groundup.data.published import published_names, published_set


def augmentations(given: Any) -> Any:
    """A single name stands for a list."""
    return [given] if isinstance(given, str) else given


def _two(values: list[float]) -> list[float]:
    if len(values) != 2:
        raise PydanticCustomError("two_numbers", "must be two numbers")
    return values


def _rising(sizes: list[list[float]]) -> list[list[float]]:
    shares = [size[0] for size in sizes if len(size) == 2]
    whole = all(size[-1] == int(size[-1]) and size[-1] >= 1 for size in sizes if size)
    if (
        not shares
        or len(shares) < len(sizes)
        or not whole
        or shares != sorted(set(shares))
        or shares[0] != 0
        or shares[-1] >= 1
    ):
        raise PydanticCustomError("sizes", "must be pairs of a share of the training, rising from 0, and pixels a side")
    return sizes


def _reachable(mirror: str) -> str:
    """A URL to whose end the names of files are put, or a folder. It is written down with the run, so no password."""
    if "://" not in mirror:
        return mirror
    if not mirror.lower().startswith(("http://", "https://")):
        raise PydanticCustomError("scheme", "must be a URL that begins with http:// or https://, or a folder")
    url = _url(mirror)
    if "@" in url.netloc:
        raise PydanticCustomError("secret", "must hold no password, it would be written down: put it into ~/.netrc")
    if url.query or url.fragment or not url.hostname:
        raise PydanticCustomError("url", "must be a URL that names of files can be put to the end of, without ? and #")
    return mirror


def _url(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.port  # is looked at when it is asked for
    except ValueError as error:
        raise PydanticCustomError("url", "must be a URL") from error
    return url


def _without_password(storage: str) -> str:
    if "://" in storage and _url(storage).password is not None:
        raise PydanticCustomError("secret", "must hold no password, it would be written down: ~/.pgpass takes it")
    return storage


def _in_memory(chosen: bool) -> bool:
    if not chosen:
        raise PydanticCustomError("in_memory", "must be true; only data=image_folder can be read from disk")
    return chosen


def _colour(given: Any) -> Any:
    numbers = isinstance(given, list) and all(type(value) is int and 0 <= value <= 255 for value in given)
    if given not in ("white", "black") and not (numbers and len(given) == 3):
        raise PydanticCustomError("colour", "must be white, black or [red,green,blue], three whole numbers of 0..255")
    return given


def _some_devices(given: Any) -> Any:
    if given in (-1, "-1", [-1]):  # as Lightning writes it
        raise PydanticCustomError("devices", "all there are is written trainer.devices=auto")
    if given == []:
        raise PydanticCustomError("devices", "must be a number of devices, or a list of at least one")
    return given


def _batches(given: Any) -> Any:
    whole = isinstance(given, int) and not isinstance(given, bool) and given >= 0
    if not (given is None or whole or (isinstance(given, float) and 0 <= given <= 1)):
        raise PydanticCustomError("batches", "must be a number of batches, such as 10, or a share, such as 0.5")
    return given


def _some_batches(given: Any) -> Any:
    if given == 0:
        raise PydanticCustomError("none_left", "must be greater than 0: nothing would be learnt")
    return _batches(given)


def _duration(given: Any) -> Any:
    """As Lightning writes one: DD:HH:MM:SS, or what `datetime.timedelta` takes."""
    if given is None:
        return given
    if isinstance(given, str) and re.fullmatch(r"\d+(:\d\d){3}", given) and re.search("[1-9]", given):
        return given
    if isinstance(given, dict):
        try:
            long_enough = timedelta(**given) > timedelta(0)
        except (TypeError, OverflowError):
            long_enough = False
        if long_enough:
            return given
    raise PydanticCustomError("duration", "must be a time as DD:HH:MM:SS, such as 00:01:30:00, or as {hours: 1.5}")


def _interval(given: Any) -> Any:
    if isinstance(given, str | dict):
        return _duration(given)
    whole = isinstance(given, int) and not isinstance(given, bool) and given >= 1
    if not (given is None or whole or (isinstance(given, float) and 0 < given <= 1)):
        raise PydanticCustomError(
            "interval", "must be a number of batches of at least 1, a share of an epoch, such as 0.25, or a time"
        )
    return given


def _refuse_argument(given: Any, refused: Refused) -> Any:
    if given in (None, refused.default):
        return given
    raise PydanticCustomError("refused", refused.why)  # type: ignore[arg-type]  # a literal, but for its place


Text = Annotated[str, Field(pattern=r"\S")]  # an empty path would be the current directory
Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
# Bounds of what memory or processes are taken for: above them is a slip of the hand, or a stranger's bad joke.
Pixels = Annotated[int, Field(ge=1, le=10_000)]  # a side
Units = Annotated[int, Field(ge=1, le=1_000_000)]
Depth = Annotated[int, Field(ge=1, le=1000)]  # layers or blocks
Workers = Annotated[int, Field(ge=0, le=1024)]
UnitsOfLayers = Annotated[list[Units], Field(max_length=1000)]
Stages = Annotated[list[Units], Field(max_length=16)]  # each halves the image
Rate = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]  # of a whole; 1 allowed
Part = Annotated[float, Field(ge=0, lt=1)]  # of a whole; 1 would leave nothing
Betas = Annotated[list[Part], AfterValidator(_two)]
Activation = Literal["relu", "gelu", "silu", "tanh", "sigmoid", "leaky_relu"]
Accelerator = Literal["auto", "cpu", "cuda", "gpu", "mps"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true"]
Metric = Literal["train/loss", "train/acc", "val/loss", "val/acc", "val/f1", "val/top5"]


class Node(BaseModel):
    """A group of keys, of exactly these types: a string is no number, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Data(Node):
    target: Literal["groundup.data.module.ImageData"] = Field(alias="_target_")
    root: Text
    mirror: Annotated[Text, AfterValidator(_reachable)] | None
    batch_size: Positive
    eval_batch_size: Positive
    val_fraction: Part
    limit_train: Positive | None
    limit_test: Positive | None
    augment: Annotated[list[augment_names.Name], BeforeValidator(augmentations)]
    crop_padding: Pixels
    shift: Pixels
    cutout_size: Pixels
    progressive_sizes: Annotated[list[list[float]], AfterValidator(_rising)] | None
    tta: Literal["none", "mirror", "shift", "mirror_shift"]
    image_size: Pixels | None
    in_memory: Annotated[bool, AfterValidator(_in_memory)]
    workers: Workers


_published = {name: published_set(name) for name in published_names()}
_finely_labelled = tuple(name for name, found in _published.items() if found is not None and found.coarse is not None)
_published_otherwise = tuple(name for name in _published if name not in _finely_labelled)


class PublishedImages(Data):
    name: Literal[_published_otherwise]  # type: ignore[valid-type]


class FinelyLabelledImages(Data):
    name: Literal[_finely_labelled]  # type: ignore[valid-type]
    labels: Literal["fine", "coarse"]


class ImageFolder(Data):
    name: Literal["image_folder"]
    image_size: Pixels
    channels: Literal[1, 3]
    mean: list[float] | None
    std: list[Rate] | None
    background: Annotated[Any, AfterValidator(_colour)]
    in_memory: bool


class Model(Node):
    min_image_size: ClassVar[int] = 1  # pixels a side
    any_image_size: ClassVar[bool] = False  # from there on, whatever it was made for
    sizes: ClassVar[tuple[str, ...]] = ()  # the keys that its weights are as many by as one likes

    @classmethod
    def smallest_image(cls, options: Mapping[str, Any]) -> int:
        """Pixels a side that the model needs with these options."""
        return cls.min_image_size

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        """A number of weights that it has at least, for images of so many numbers: those of its large layers."""
        return 0


def _between(units: list[int]) -> int:
    """Weights between layers of so many units."""
    return sum(before * after for before, after in itertools.pairwise(units))


class Mlp(Model):
    sizes = ("hidden_dims",)
    target: Literal["groundup.models.mlp.MLP"] = Field(alias="_target_")
    name: Literal["mlp"]
    hidden_dims: UnitsOfLayers
    activation: Activation
    batch_norm: bool
    dropout: Part
    init: Literal["uniform", "xavier", "kaiming", "normal"]

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        return _between([inputs, *options["hidden_dims"], classes])


class LeNet(Model):
    min_image_size = 12
    target: Literal["groundup.models.lenet.LeNet"] = Field(alias="_target_")
    name: Literal["lenet"]
    activation: Activation
    pool: Literal["max", "avg"]


class Cnn(Model):
    min_image_size = 8
    any_image_size = True
    sizes = ("width",)
    target: Literal["groundup.models.cnn.CNN"] = Field(alias="_target_")
    name: Literal["cnn"]
    width: Units
    activation: Activation
    dropout: Part

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        return 9 * (3 + 10 + 40) * options["width"] ** 2  # 3x3 convolutions of the three stages


class ResNet18(Model):
    min_image_size = 8
    any_image_size = True
    target: Literal["groundup.models.resnet.resnet18"] = Field(alias="_target_")
    name: Literal["resnet18"]


class SpeedNet(Model):
    any_image_size = True
    sizes = ("widths", "depth")
    target: Literal["groundup.models.speednet.SpeedNet"] = Field(alias="_target_")
    name: Literal["speednet"]
    widths: Annotated[Stages, Field(min_length=1)]
    depth: Depth
    activation: Activation
    whiten_size: Pixels
    norm_momentum: Annotated[float, Field(gt=0, le=1)]
    logit_scale: Rate

    @classmethod
    def smallest_image(cls, options: Mapping[str, Any]) -> int:
        return 2 ** len(options["widths"]) + options["whiten_size"] - 1  # leaves one pixel at the end

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        widths, more = options["widths"], options["depth"] - 1
        return 9 * (_between(widths) + more * sum(width**2 for width in widths))


class NumPyModel(Model):
    activation: Literal["relu", "sigmoid", "tanh"]
    output: Literal["identity", "sigmoid", "tanh", "softmax"]
    init: Literal["uniform", "xavier", "kaiming", "normal", "perceptron", "uniform_half", "standard_normal"]


class NumPyMlp(NumPyModel):
    sizes = ("hidden_dims",)
    target: Literal["groundup.numpy_nets.models.mlp"] = Field(alias="_target_")
    name: Literal["numpy_mlp"]
    hidden_dims: UnitsOfLayers
    batch_norm: bool
    dropout: Part

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        return _between([inputs, *options["hidden_dims"], classes])


class NumPyLeNet(NumPyModel):
    min_image_size = 12
    target: Literal["groundup.numpy_nets.models.lenet"] = Field(alias="_target_")
    name: Literal["numpy_lenet"]
    pool: Literal["max", "avg"]


class NumPyCnn(NumPyModel):
    sizes = ("channels", "hidden_dims")
    target: Literal["groundup.numpy_nets.models.cnn"] = Field(alias="_target_")
    name: Literal["numpy_cnn"]
    channels: Stages
    hidden_dims: UnitsOfLayers
    pool: Literal["max", "avg"]

    @classmethod
    def smallest_image(cls, options: Mapping[str, Any]) -> int:
        return 3 * 2 ** len(options["channels"]) - 2  # leaves one pixel, see `groundup.numpy_nets.models.cnn`

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        return 9 * _between(options["channels"]) + _between(
            [*options["channels"][-1:], *options["hidden_dims"], classes]
        )


class NoPropModel(Model):
    min_image_size = 14
    embedding: Literal["one_hot", "learned", "prototype"]
    embedding_dim: Units


class NoPropDt(NoPropModel):
    target: Literal["groundup.noprop.dt.NoPropDT"] = Field(alias="_target_")
    name: Literal["noprop_dt"]
    blocks: Annotated[int, Field(ge=1, le=64)]  # see `noprop.noise.cosine_signal`
    eta: Rate
    schedule: Literal["sequential", "stacked"]


class NoPropCt(NoPropModel):
    target: Literal["groundup.noprop.ct.NoPropCT"] = Field(alias="_target_")
    name: Literal["noprop_ct"]
    eta: Rate
    inference_steps: Units


class NoPropFm(NoPropModel):
    target: Literal["groundup.noprop.ct.NoPropFM"] = Field(alias="_target_")
    name: Literal["noprop_fm"]
    inference_steps: Units


class NoPropAdjoint(NoPropModel):
    target: Literal["groundup.noprop.ct.NoPropAdjoint"] = Field(alias="_target_")
    name: Literal["noprop_adjoint"]
    inference_steps: Units


class ForwardForward(Model):
    sizes = ("hidden_dims",)
    target: Literal["groundup.learning.forward_forward.ForwardForward"] = Field(alias="_target_")
    name: Literal["forward_forward"]
    hidden_dims: Annotated[UnitsOfLayers, Field(min_length=1)]
    threshold: Rate

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        return _between([inputs, *options["hidden_dims"]])


class FeedbackAlignment(Model):
    sizes = ("hidden_dims",)
    target: Literal["groundup.learning.feedback_alignment.FeedbackAlignment"] = Field(alias="_target_")
    name: Literal["feedback_alignment"]
    hidden_dims: UnitsOfLayers
    activation: Activation
    dropout: Part

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        return _between([inputs, *options["hidden_dims"], classes])


class NoPropBackprop(NoPropModel):
    target: Literal["groundup.noprop.baselines.NoPropBackprop"] = Field(alias="_target_")
    name: Literal["noprop_backprop"]
    blocks: Depth


class BlockCe(Model):
    min_image_size = 14
    target: Literal["groundup.noprop.baselines.BlockCE"] = Field(alias="_target_")
    name: Literal["block_ce"]


class BlockLocal(Model):
    min_image_size = 14
    target: Literal["groundup.noprop.baselines.BlockLocal"] = Field(alias="_target_")
    name: Literal["block_local"]
    blocks: Depth


class BlockEnsemble(Model):
    min_image_size = 14
    target: Literal["groundup.noprop.baselines.BlockEnsemble"] = Field(alias="_target_")
    name: Literal["block_ensemble"]
    blocks: Depth


class CrossEntropy(Node):
    target: Literal["groundup.learning.losses.CrossEntropy"] = Field(alias="_target_")
    name: Literal["cross_entropy"]
    label_smoothing: Part


class MeanSquaredError(Node):
    target: Literal["groundup.learning.losses.MeanSquaredError"] = Field(alias="_target_")
    name: Literal["mse"]


class SquaredError(Node):
    target: Literal["groundup.learning.losses.SquaredError"] = Field(alias="_target_")
    name: Literal["squared_error"]
    reduction: Literal["mean", "batchmean", "half"]


class BinaryCrossEntropy(Node):
    target: Literal["groundup.learning.losses.BinaryCrossEntropy"] = Field(alias="_target_")
    name: Literal["bce"]


class Optimizer(Node):
    partial: Literal[True] = Field(alias="_partial_")
    lr: Rate
    weight_decay: NotNegative


class TorchOptimizer(Optimizer):
    fused: bool


class Sgd(TorchOptimizer):
    target: Literal["torch.optim.SGD"] = Field(alias="_target_")
    name: Literal["sgd"]
    momentum: Part
    nesterov: bool


class Adam(TorchOptimizer):
    target: Literal["torch.optim.Adam"] = Field(alias="_target_")
    name: Literal["adam"]
    betas: Betas
    eps: Rate


class AdamW(TorchOptimizer):
    target: Literal["torch.optim.AdamW"] = Field(alias="_target_")
    name: Literal["adamw"]
    betas: Betas
    eps: Rate


class Muon(Optimizer):
    target: Literal["groundup.optimizers.muon.Muon"] = Field(alias="_target_")
    name: Literal["muon"]
    momentum: Part
    nesterov: bool
    steps: Positive
    renormalize: bool
    other: Literal["adam", "sgd"]
    other_lr: Rate
    head_lr: Rate | None
    stem_lr: Rate | None
    stem_epochs: Rate | None
    other_momentum: Part
    betas: Betas
    eps: Rate
    other_weight_decay: NotNegative
    batch_size: Positive


class DecoupledSgd(TorchOptimizer):
    target: Literal["groundup.optimizers.decoupled_sgd.DecoupledSGD"] = Field(alias="_target_")
    name: Literal["decoupled_sgd"]
    momentum: Part
    nesterov: bool
    bias_scale: Rate
    stem_epochs: Rate | None
    batch_size: Positive


class NumPySgd(Optimizer):
    target: Literal["groundup.learning.numpy_optimizer.NumPySGD"] = Field(alias="_target_")
    name: Literal["numpy_sgd"]
    momentum: Part
    nesterov: bool


class NumPyRmsProp(Optimizer):
    target: Literal["groundup.learning.numpy_optimizer.NumPyRMSProp"] = Field(alias="_target_")
    name: Literal["numpy_rmsprop"]
    alpha: Part
    eps: Rate
    momentum: Part


class NumPyAdam(Optimizer):
    target: Literal["groundup.learning.numpy_optimizer.NumPyAdam"] = Field(alias="_target_")
    name: Literal["numpy_adam"]
    betas: Betas
    eps: Rate
    bias_correction: bool


class Constant(Node):
    target: Literal["groundup.learning.schedules.Constant"] = Field(alias="_target_")
    name: Literal["constant"]
    warmup_epochs: NotNegative


class Step(Node):
    target: Literal["groundup.learning.schedules.Step"] = Field(alias="_target_")
    name: Literal["step"]
    warmup_epochs: NotNegative
    step_epochs: Positive
    gamma: Rate


class Cosine(Node):
    target: Literal["groundup.learning.schedules.Cosine"] = Field(alias="_target_")
    name: Literal["cosine"]
    warmup_epochs: NotNegative
    final: Share


class OneCycle(Node):
    target: Literal["groundup.learning.schedules.OneCycle"] = Field(alias="_target_")
    name: Literal["onecycle"]
    warmup_fraction: Share
    start: Annotated[float, Field(gt=0, le=1)]
    final: Share


class Triangle(Node):
    target: Literal["groundup.learning.schedules.Triangle"] = Field(alias="_target_")
    name: Literal["triangle"]
    warmup_fraction: Share
    start: Annotated[float, Field(gt=0, le=1)]
    final: Share


class TrainerKeys(Node):
    """The arguments of Lightning's Trainer that work, and two of the project."""

    max_epochs: Positive
    accelerator: Accelerator
    devices: Annotated[Positive | Literal["auto"] | list[Count], BeforeValidator(_some_devices)]
    precision: Precision
    compile: bool
    capture: bool = False
    deterministic: bool | Literal["warn"]
    gradient_clip_val: Rate | None
    log_every_n_steps: Positive
    accumulate_grad_batches: Positive = 1
    benchmark: bool | None = None
    check_val_every_n_epoch: Positive | None = 1
    detect_anomaly: bool = False
    gradient_clip_algorithm: Literal["norm", "value"] | None = None
    inference_mode: bool = True
    limit_train_batches: Annotated[Any, AfterValidator(_some_batches)] = None
    limit_val_batches: Annotated[Any, AfterValidator(_batches)] = None
    limit_test_batches: Annotated[Any, AfterValidator(_batches)] = None
    max_steps: Positive | Literal[-1] = -1
    max_time: Annotated[Any, AfterValidator(_duration)] = None
    min_epochs: Positive | None = None
    min_steps: Positive | None = None
    num_sanity_val_steps: Annotated[int, Field(ge=-1)] | None = None
    profiler: Literal["simple", "advanced", "pytorch"] | None = None
    reload_dataloaders_every_n_epochs: Count = 0
    strategy: Literal["auto", "ddp", "ddp_find_unused_parameters_true", "ddp_find_unused_parameters_false"] = "auto"
    sync_batchnorm: bool = False
    val_check_interval: Annotated[Any, AfterValidator(_interval)] = None


_refused: dict[str, Any] = {
    name: (Annotated[Any, AfterValidator(partial(_refuse_argument, refused=refused))], None)
    for name, refused in REFUSED_ARGUMENTS.items()
}
Trainer: type[Node] = create_model("Trainer", __base__=TrainerKeys, **_refused)


class Checkpoints(Node):
    target: Literal["groundup.callbacks.checkpoints.Checkpoints"] = Field(alias="_target_")
    monitor: Metric = "val/acc"
    mode: Literal["max", "min"] = "max"


class EarlyStopping(Node):
    model_config = ConfigDict(extra="allow")  # Lightning's own, with more arguments

    target: Literal["lightning.pytorch.callbacks.EarlyStopping"] = Field(alias="_target_")
    monitor: Metric
    mode: Literal["min", "max"] = "min"
    patience: Count = 3


class Lookahead(Node):
    target: Literal["groundup.callbacks.lookahead.Lookahead"] = Field(alias="_target_")
    every: Positive = 5
    decay: Share = 0.95


class Ema(Node):
    model_config = ConfigDict(extra="allow")  # Lightning's own, with more arguments

    target: Literal["lightning.pytorch.callbacks.EMAWeightAveraging"] = Field(alias="_target_")
    decay: Share = 0.999


class Progress(Node):
    target: Literal["groundup.callbacks.progress.Progress"] = Field(alias="_target_")


class MetricsCsv(Node):
    target: Literal["groundup.callbacks.metrics_csv.MetricsCSV"] = Field(alias="_target_")


class Watcher(Node):
    """A part of what TensorBoard shows that has no settings."""

    target: Literal[
        "groundup.callbacks.charts.Charts",
        "groundup.callbacks.gradient_norm.GradientNorm",
        "groundup.callbacks.graph.Graph",
        "groundup.callbacks.throughput.Throughput",
    ] = Field(alias="_target_")


class SmoothLoss(Node):
    target: Literal["groundup.callbacks.smooth_loss.SmoothLoss"] = Field(alias="_target_")
    window: Positive = 60


class Samples(Node):
    target: Literal["groundup.callbacks.samples.Samples"] = Field(alias="_target_")
    count: Positive = 16


class RecurringWatcher(Node):
    """A part of what TensorBoard shows that is written again every so many epochs."""

    target: Literal[
        "groundup.callbacks.confusion.Confusion",
        "groundup.callbacks.per_class.PerClass",
        "groundup.callbacks.histograms.Histograms",
    ] = Field(alias="_target_")
    every_n_epochs: Positive = 5


class CountedWatcher(Node):
    """Likewise, of at most `count` images, filters or maps."""

    target: Literal[
        "groundup.callbacks.filters.Filters",
        "groundup.callbacks.mistakes.Mistakes",
        "groundup.callbacks.feature_maps.FeatureMaps",
    ] = Field(alias="_target_")
    count: Positive = 32
    every_n_epochs: Positive = 5


class DeadUnits(Node):
    target: Literal["groundup.callbacks.dead_units.DeadUnits"] = Field(alias="_target_")
    images: Positive = 256
    every_n_epochs: Positive = 1


class PrCurves(Node):
    target: Literal["groundup.callbacks.pr_curves.PRCurves"] = Field(alias="_target_")
    classes: Count = 20
    every_n_epochs: Positive = 5


class TensorBoard(Node):
    target: Literal["groundup.loggers.tensorboard.TensorBoard"] = Field(alias="_target_")
    partial: Literal[True] = Field(alias="_partial_")


class Sweep(Node):
    """How jobs are swept; no part of any of them."""

    resume: Text | None
    fail_fast: bool
    max_jobs: Positive


class Study(Node):
    """How Optuna searches: `hydra.sweeper` with `hydra/sweeper=optuna`."""

    sampler: Literal["tpe", "random", "grid"]
    n_trials: Positive | None
    n_jobs: Positive | None
    metric: Literal["val/acc", "val/loss"]  # what results.json holds of validation; never the test split
    direction: Literal["maximize", "minimize"] | None
    storage: Annotated[Text, AfterValidator(_without_password)] | None
    study_name: Text | None
    seed: Count


class Run(Node):
    """The keys of `train.py` that are no group."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    resume: Text | None
    sweep: Sweep | None = None


class EvaluateData(Node):
    root: Text | None
    mirror: Annotated[Text, AfterValidator(_reachable)] | None
    tta: Literal["none", "mirror", "shift", "mirror_shift"] | None
    eval_batch_size: Positive | None


class Evaluate(Node):
    run: Text
    ckpt: Text
    draws: Positive
    out: Text | None
    accelerator: Accelerator
    data: EvaluateData


class Predict(Node):
    run: Text
    images: Text
    ckpt: Text
    out: Text | None
    top: Positive


NODES: dict[str, list[type[Node]]] = {
    "data": [PublishedImages, FinelyLabelledImages, ImageFolder],
    "model": [
        *(Mlp, LeNet, Cnn, ResNet18, SpeedNet, NumPyMlp, NumPyLeNet, NumPyCnn),
        *(NoPropDt, NoPropCt, NoPropFm, NoPropBackprop, BlockCe, BlockLocal, BlockEnsemble),
        *(NoPropAdjoint, ForwardForward, FeedbackAlignment),
    ],
    "loss": [CrossEntropy, MeanSquaredError, SquaredError, BinaryCrossEntropy],
    "optimizer": [Sgd, Adam, AdamW, Muon, DecoupledSgd, NumPySgd, NumPyRmsProp, NumPyAdam],
    "scheduler": [Constant, Step, Cosine, OneCycle, Triangle],
}
NAMED_NODES: dict[str, list[type[Node]]] = {  # groups of nodes with names of the user's choice
    "callbacks": [
        *(Checkpoints, EarlyStopping, Lookahead, Ema, Progress, MetricsCsv),
        *(Watcher, SmoothLoss, Samples, RecurringWatcher, CountedWatcher, DeadUnits, PrCurves),
    ],
    "logger": [TensorBoard],
}


def accepted(node: type[Node], field: str) -> tuple[Any, ...]:
    """The values of a field that is a Literal: its `_target_` or its names."""
    return node.model_fields[field].annotation.__args__  # type: ignore[union-attr]


def schema_of(nodes: list[type[Node]], node: Mapping[str, Any]) -> type[Node] | None:
    """The one of these schemas that a node must keep to; None where its `_target_` is not ours."""
    same_target = with_target(nodes, node)
    same_name = [keys for keys in same_target if node.get("name") in accepted(keys, "name")]
    return next(iter(same_name or same_target), None)


def with_target(nodes: list[type[Node]], node: Mapping[str, Any]) -> list[type[Node]]:
    return [keys for keys in nodes if node.get("_target_") in accepted(keys, "target")]
