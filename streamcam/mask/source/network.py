"""Mask source FILE: a network with one picture in and one mask out, as ONNX or TFLite, run by
OpenVINO on one core."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from streamcam.errors import UsageError, quoted, reason
from streamcam.frames import Pixels
from streamcam.mask import MaskSettings, MaskSource, NoMask, Plane
from streamcam.mask.source import existing

if TYPE_CHECKING:
    import openvino as ov

_FREE = (256, 144)  # (width, height) for a network that takes pictures of any size
_SMALLEST, _LARGEST = 16, 2048  # pixels of a side
_ONE_CORE = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_PRECISION_HINT": "f32",
}
_EXPECTED = (
    "expected is one picture in, (1, 3, height, width) or (1, height, width, 3) in 0 … 1, and one "
    "mask out, a number from 0 to 1 for each pixel"
)


def open_source(settings: MaskSettings) -> MaskSource:
    """`settings.source` is the file."""
    path = Path(settings.source).expanduser()
    return Network(existing(path, "mask.source", "an .onnx or .tflite file"))


class Network:
    """Used by one thread at a time. Computes on a thread of OpenVINO's."""

    exact = False

    def __init__(self, path: Path) -> None:
        """Raises `UsageError` for what is no such network."""
        self._name = quoted(str(path))
        try:
            self._open(path)
            mask = self._run(np.zeros((*self._size[::-1], 3), np.uint8))
        except (UsageError, NoMask) as error:
            raise UsageError(f"mask network {self._name}: {error}") from error
        except Exception as error:  # whatever OpenVINO makes of the file
            said = reason(error).splitlines()[-1]
            raise UsageError(
                f"mask network {self._name} cannot be opened: {said}; {_EXPECTED}."
            ) from error
        if float(mask.min()) < -0.01 or float(mask.max()) > 1.01:
            raise UsageError(
                f"mask network {self._name} gives numbers from {mask.min():.3g} to "
                f"{mask.max():.3g} for a black picture; {_EXPECTED}."
            )

    def look_at(self, picture: Pixels) -> Plane:
        smaller = cv2.resize(picture, self._size, dst=self._input[0])
        try:
            return np.clip(self._run(np.asarray(smaller, np.uint8)), 0.0, 1.0)
        except NoMask:
            raise
        except Exception as error:  # whatever OpenVINO raises
            raise NoMask(f"the network {self._name} failed: {reason(error)}") from error

    def shares(self, colours: Pixels) -> Plane:
        raise NotImplementedError("a network says nothing of single pixels")

    def clean(self, colours: Pixels) -> None:
        """Nothing is known of the background's light."""

    def _open(self, path: Path) -> None:
        # No telemetry: with this import refused, OpenVINO takes the stub that it brings.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino as ov

        model = _read(path)
        channels_last, self._size = _input_of(model)
        width, height = self._size
        channels = (1, height, width, 3) if channels_last else (1, 3, height, width)
        model.reshape(channels)
        _check_output(model, self._size)
        request = ov.Core().compile_model(_taking_bytes(model, channels_last), "CPU", _ONE_CORE)
        self._request: ov.InferRequest = request.create_infer_request()
        self._input = np.empty((1, height, width, 3), np.uint8)
        self._request.set_input_tensor(ov.Tensor(self._input, shared_memory=True))
        self._output = self._request.get_output_tensor()

    def _run(self, picture: Pixels) -> Plane:
        if picture is not self._input[0]:
            np.copyto(self._input[0], picture)
        self._request.infer()
        found = np.squeeze(self._output.data)
        if not cv2.checkRange(found)[0]:
            raise NoMask(f"the network {self._name} gives no numbers")
        return np.asarray(found, np.float32)


def _read(path: Path) -> ov.Model:
    """By the one reader for that kind of file: OpenVINO would ask all of them, and some write
    their own complaints to the terminal."""
    from openvino.frontend import FrontEndManager

    reader = FrontEndManager().load_by_framework(path.suffix.lower().removeprefix("."))
    reader.add_extension(_transposed_convolution())
    return reader.convert(reader.load(str(path)))


def _transposed_convolution() -> Any:  # noqa: ANN401  # OpenVINO's stubs have no type for it
    """Translates MediaPipe's custom operator: a transposed convolution of stride 2 and a bias.
    Input NHWC; weights in TFLite's order, (output, height, width, input)."""
    from openvino import opset13 as ops
    from openvino.frontend import ConversionExtension

    def order(*axes: int) -> Any:  # noqa: ANN401
        return ops.constant(np.array(axes, np.int64))

    def translated(node: Any) -> list[Any]:  # noqa: ANN401
        pixels, weights, bias = (node.get_input(number) for number in range(3))
        made = ops.convolution_backprop_data(
            ops.transpose(pixels, order(0, 3, 1, 2)),
            ops.transpose(weights, order(3, 0, 1, 2)),
            strides=[2, 2],
            auto_pad="same_upper",
        )
        return [ops.add(ops.transpose(made, order(0, 2, 3, 1)), bias).output(0)]

    return ConversionExtension("Convolution2DTransposeBias", translated)


def _input_of(model: ov.Model) -> tuple[bool, tuple[int, int]]:
    """Whether channels come last, and (width, height). Raises `UsageError`."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UsageError(
            f"it has {len(model.inputs)} inputs and {len(model.outputs)} outputs; {_EXPECTED}."
        )
    shape = model.input(0).partial_shape
    text = str(shape)
    if shape.rank.is_dynamic or len(shape) != 4:
        raise UsageError(f"its input is {text}; {_EXPECTED}.")
    sides = [0 if one.is_dynamic else one.get_length() for one in shape]
    last = sides[3] == 3 and sides[1] != 3
    if sides[0] not in (0, 1) or 3 not in (sides[1], sides[3]):
        raise UsageError(f"its input is {text}; {_EXPECTED}.")
    height, width = sides[1:3] if last else sides[2:4]
    size = (width or _FREE[0], height or _FREE[1])
    if not all(_SMALLEST <= side <= _LARGEST for side in size):
        raise UsageError(f"its input is {text}; sides of {_SMALLEST} to {_LARGEST} can be used.")
    return last, size


def _check_output(model: ov.Model, size: tuple[int, int]) -> None:
    shape = model.output(0).partial_shape
    if shape.is_dynamic:
        raise UsageError(f"its output is {shape}; {_EXPECTED}.")
    sides = [side for side in model.output(0).shape if side != 1]
    if len(sides) != 2 or sides[0] * size[0] != sides[1] * size[1]:
        raise UsageError(f"its output is {shape} for an input of {size[0]}x{size[1]}; {_EXPECTED}.")


def _taking_bytes(model: ov.Model, channels_last: bool) -> ov.Model:  # noqa: FBT001
    """The same network, which takes uint8 (1, height, width, 3) and gives float32."""
    import openvino as ov
    from openvino.preprocess import PrePostProcessor

    kind = model.input(0).element_type
    steps = PrePostProcessor(model)
    given = steps.input()
    given.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    given.model().set_layout(ov.Layout("NHWC" if channels_last else "NCHW"))
    if kind != ov.Type.u8:
        given.preprocess().convert_element_type(ov.Type.f32).scale(255.0)
        given.preprocess().convert_element_type(kind)
    steps.output().tensor().set_element_type(ov.Type.f32)
    return steps.build()
