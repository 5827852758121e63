"""A trained network with all that is around it, as one function of images as they are in files, and its traces."""

from __future__ import annotations

import copy
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export, save

from groundup.errors import UserError
from groundup.learning.numpy_net import NumPyNet
from groundup.learning.numpy_twin import twin_of
from groundup.learning.predictor import Predictor, are_probabilities
from groundup.rundir.exported import CLASS, IMAGES, METADATA, PROBABILITIES
from groundup.spec import DatasetSpec

OPSET = 18  # of ONNX; ONNX Runtime reads it since 1.14
LARGEST = 2**31 - 1  # bytes of an ONNX file, which is one message of Protocol Buffers


class Exported(nn.Module):
    """Images `(N, C, H, W)` of uint8 in, probabilities `(N, K)` out: normalisation, network and what its outputs mean.

    Args:
        predictor: a trained one, in evaluation mode. It is copied, a hand-written network in it as its twin.
        spec: of the images that it was trained on.
        meaning: class scores to probabilities.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, predictor: LightningModule, spec: DatasetSpec, meaning: Callable[[Tensor], Tensor]):
        super().__init__()
        self.predictor, self.meaning = copy.deepcopy(predictor), meaning
        self.computes_in: torch.dtype = torch.float64 if predictor.dtype == torch.float64 else torch.float32
        if isinstance(net := getattr(predictor, "net", None), NumPyNet):
            self.predictor.net = twin_of(net)
        self.predictor.requires_grad_(False)
        for name, values in (("mean", spec.mean), ("std", spec.std)):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        normalised = (images.float() / 255 - self.mean) / self.std
        return self.meaning(self.predictor(normalised.to(self.computes_in)))


def meaning_of(predictor: LightningModule, answers: Tensor) -> Callable[[Tensor], Tensor]:
    """What class scores mean. Where the loss does not say so, `answers` decide, as for `probabilities_of`."""
    convert = getattr(getattr(predictor, "loss", None), "probabilities", None)
    if isinstance(predictor, Predictor) and convert:
        return convert
    return Tensor.float if are_probabilities(answers.float()) else _softmax


def _softmax(answers: Tensor) -> Tensor:
    return answers.float().softmax(dim=1)


def traced(network: Exported, images: Tensor, name: str) -> ExportedProgram:
    """The network as a graph, for any number of images.

    Args:
        images: some, at least two.
        name: of the model, for messages.

    Raises:
        UserError: PyTorch cannot follow it.
    """
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return export(network.eval(), (images,), dynamic_shapes={IMAGES: {0: Dim("batch")}})
    except Exception as error:  # of any kind: whatever a network does that cannot be followed
        raise UserError(
            f"model={name}: cannot be exported: torch.export cannot follow what it computes "
            f"({type(error).__name__}: {_first_line(error)}); accepted: a network whose steps do not depend on the "
            "values or the number of its images"
        ) from error


def as_pt2(program: ExportedProgram, facts: Mapping[str, Any]) -> bytes:
    """The file that `torch.export.load` reads; what is known of the network is its extra file `METADATA`."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No complete tensor found in the group")  # of a view: it is copied
        save(program, file, extra_files={f"{METADATA}.json": json.dumps(facts, ensure_ascii=False)})
    return file.getvalue()


def as_onnx(program: ExportedProgram, facts: Mapping[str, Any], name: str) -> bytes:
    """The file that ONNX Runtime reads: outputs are probabilities and the name of the likeliest class.

    Raises:
        UserError: a step of the network has no counterpart in ONNX, or the file would be too large.
    """
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), exporters_silenced():
            warnings.simplefilter("ignore")
            made = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=[IMAGES],
                output_names=[PROBABILITIES],
                verbose=False,
            )
            assert made is not None
            model = made.model_proto
    except Exception as error:  # likewise
        raise UserError(
            f"model={name}: cannot be exported to ONNX ({type(error).__name__}: {_first_line(error)}); accepted: "
            "to=pt2, or a network of operations that ONNX has"
        ) from error
    _name_classes(model, facts)
    if model.ByteSize() > LARGEST:
        raise UserError(f"model={name}: more than 2 GiB, which an ONNX file cannot hold; accepted: to=pt2")
    return model.SerializeToString()


@contextmanager
def exporters_silenced() -> Iterator[None]:
    """What exporters log of every step that they take is no news."""
    logs = [logging.getLogger(name) for name in ("onnxscript", "onnx_ir", "torch.onnx")]
    levels = [one.level for one in (*logs, logging.getLogger())]
    for one in logs:
        one.setLevel(logging.ERROR)
    logging.getLogger().setLevel(logging.WARNING)  # the quantizer says it to the root
    try:
        yield
    finally:
        for one, level in zip((*logs, logging.getLogger()), levels, strict=True):
            one.setLevel(level)


def _name_classes(model: Any, facts: Mapping[str, Any]) -> None:
    """Adds the output `class`, the name of the likeliest, and what is known of the network."""
    from onnx import TensorProto, helper

    names = facts["class_names"]
    encoded = [name.encode() for name in names]
    model.graph.initializer.append(helper.make_tensor("class_names", TensorProto.STRING, [len(names)], encoded))
    model.graph.node.extend(
        [
            helper.make_node("ArgMax", [PROBABILITIES], ["class_index"], axis=1, keepdims=0),
            helper.make_node("Gather", ["class_names", "class_index"], [CLASS]),
        ]
    )
    model.graph.output.append(helper.make_tensor_value_info(CLASS, TensorProto.STRING, ["batch"]))
    helper.set_model_props(
        model, {METADATA: json.dumps(facts, ensure_ascii=False), "class_names": json.dumps(names, ensure_ascii=False)}
    )


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "")[:160]
