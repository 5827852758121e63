"""The tab HPARAMS of TensorBoard: a run's row, and which columns there are. Imports no torch.

TensorBoard takes the columns from the first run that names some, whichever that is. So each job of a sweep names those
of all jobs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from google.protobuf.message import Message
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import (
    DATA_TYPE_BOOL,
    DATA_TYPE_FLOAT64,
    DATA_TYPE_STRING,
    STATUS_FAILURE,
    STATUS_SUCCESS,
    STATUS_UNKNOWN,
    Experiment,
    HParamInfo,
    MetricInfo,
    MetricName,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

Value = str | float | bool
STATUSES = {"finished": STATUS_SUCCESS, "failed": STATUS_FAILURE}
KINDS = {"bool": DATA_TYPE_BOOL, "int": DATA_TYPE_FLOAT64, "float": DATA_TYPE_FLOAT64, "str": DATA_TYPE_STRING}


def columns(kinds: Mapping[str, Collection[str]], first: Collection[str], metrics: Iterable[str]) -> Summary:
    """Which columns there are: settings, those that are marked as differing before the others, then figures.

    Args:
        kinds: the names of the types of values by the name of the setting.
        first: names of settings.
        metrics: tags of scalars.
    """
    infos = [
        HParamInfo(name=name, type=_kind(types), differs=name in first)  # type: ignore[arg-type]
        for name, types in kinds.items()
    ]
    experiment = Experiment(hparam_infos=infos, metric_infos=[MetricInfo(name=MetricName(tag=tag)) for tag in metrics])
    return _summary(metadata.EXPERIMENT_TAG, experiment=experiment)


def row(params: Mapping[str, Value], status: str, group: str = "") -> list[Summary]:
    """The settings of a run and how it ended; rows of one group are shown as one, with the means of their figures."""
    start = SessionStartInfo(group_name=group)
    for name, value in params.items():
        field = {bool: "bool_value", str: "string_value"}.get(type(value), "number_value")
        setattr(start.hparams[name], field, value)
    end = SessionEndInfo(status=STATUSES.get(status, STATUS_UNKNOWN))
    return [
        _summary(metadata.SESSION_START_INFO_TAG, session_start_info=start),
        _summary(metadata.SESSION_END_INFO_TAG, session_end_info=end),
    ]


def _kind(types: Collection[str]) -> int:
    kinds = {KINDS[kind] for kind in types}
    return kinds.pop() if len(kinds) == 1 else DATA_TYPE_STRING


def _summary(tag: str, **content: Message) -> Summary:
    data = HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content)  # type: ignore[arg-type]
    plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString())
    return Summary(value=[Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))])
