#!/usr/bin/env bash
# onnxruntime 1.32.0, OpenVINO 2026.4.1, onnx 1.23.2, numpy 2.3.5.
#
# To hand a camera's bytes to the graph and let its first node resize them saves a copy. Expected is that the node
# rounds. onnxruntime's linear Resize cuts the fraction off, so a picture gets half a level darker on
# average, and since its two weights in float do not add up to one to the last bit, plain white comes out as
# 254 in places. With `antialias=1`, which should change nothing of an enlargement, another code runs, with
# fixed-point weights, and the picture gets a sixth of a level lighter. OpenVINO rounds to the nearest.
#
# Seen (noise of 64x64 made 96x96): onnxruntime -0.48 of a level, flat 255 becomes 254 and 255; with antialias
# +0.17, OpenVINO +0.002, and flat stays 255.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q openvino==2026.4.1 onnxruntime==1.32.0 onnx==1.23.2 numpy==2.3.5
OPENVINO_TELEMETRY=0 "$work/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
import openvino as ov
from onnx import TensorProto, helper


def resize(runtime, picture, antialias=0):
    kind = TensorProto.UINT8 if picture.dtype == np.uint8 else TensorProto.FLOAT
    attributes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel", "antialias": antialias}
    node = helper.make_node("Resize", ["x", "", "scales"], ["y"], **attributes)
    ports = [helper.make_tensor_value_info(name, kind, [1, 1, side, side]) for name, side in (("x", 64), ("y", 96))]
    scales = helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, 1.5, 1.5])
    model = helper.make_model(helper.make_graph([node], "g", ports[:1], ports[1:], [scales]), opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    model = model.SerializeToString()
    if runtime == "OpenVINO":
        core = ov.Core()
        return np.array(core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([picture])[0])
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"x": picture})[0]


noise = np.random.default_rng(0).integers(0, 256, (1, 1, 64, 64), dtype=np.uint8)
white = np.full_like(noise, 255)
exact = resize("onnxruntime", noise.astype(np.float32))
found = {}
for runtime, antialias in (("onnxruntime", 0), ("onnxruntime", 1), ("OpenVINO", 0)):
    bias = float((resize(runtime, noise, antialias) - exact).mean())
    flat = sorted(set(resize(runtime, white, antialias).reshape(-1).tolist()))
    found[runtime, antialias] = bias, flat
    print(f"{runtime:12} antialias={antialias}: {bias:+.3f} of a level, flat 255 becomes {flat}")
assert found["onnxruntime", 0][0] < -0.3 and found["onnxruntime", 0][1] == [254, 255], "it rounds now"
assert found["onnxruntime", 1][0] > 0.1 and found["onnxruntime", 1][1] == [255]
assert abs(found["OpenVINO", 0][0]) < 0.02 and found["OpenVINO", 0][1] == [255]
PYTHON
