"""A network in whole numbers of 8 bits, which ONNX Runtime makes of one in floating point."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groundup.rundir.exported import IMAGES

BATCH = 32


def as_int8(content: bytes, images: NDArray[np.uint8]) -> bytes:
    """Weights and activations of convolutions and matrix products as int8; what is around them stays as it is.

    The ranges of activations are those that training images cause (Jacob et al. 2018, section 3); weights have a scale
    a channel.

    Args:
        content: an ONNX file.
        images: training images `(N, C, H, W)` of uint8.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(range(0, len(images), BATCH))

        def get_next(self) -> Any:
            start = next(self._left, None)
            return None if start is None else {IMAGES: images[start : start + BATCH]}

    with tempfile.TemporaryDirectory() as folder:
        original, prepared, made = (Path(folder) / name for name in ("float.onnx", "prepared.onnx", "int8.onnx"))
        original.write_bytes(content)
        quant_pre_process(str(original), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(made),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
        )
        model = onnx.load(str(made))
    onnx.helper.set_model_props(
        model, {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
    )
    return model.SerializeToString()
