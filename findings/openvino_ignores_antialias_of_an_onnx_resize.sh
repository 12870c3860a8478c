#!/usr/bin/env bash
# OpenVINO 2026.4.1, onnxruntime 1.32.0, onnx 1.23.2, numpy 2.3.5, all float32.
#
# ONNX's Resize has had `antialias` since opset 18, and PyTorch's exporter writes it for
# interpolate(antialias=True): shrinking then averages what it leaves out. A runtime that does not have it should
# say so, as TensorRT-RTX does. OpenVINO reads the graph, compiles it and answers as if
# antialias were 0: it takes two pixels of each four. A network behind it sees every fine pattern as a false
# coarse one, which crawls as the camera moves, and no error or warning says why the picture is worse
# than on another runtime.
#
# Seen (stripes of 2 pixels black, 2 white, shrunk four times, moved by a pixel each time): onnxruntime
# 128 128 128 128; OpenVINO 128 0 128 255, as without antialias; cubic the same.
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


def graph(mode, antialias):
    attributes = {"mode": mode, "coordinate_transformation_mode": "half_pixel", "antialias": antialias}
    node = helper.make_node("Resize", ["x", "", "scales"], ["y"], **attributes)
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, side, side]) for name, side in (("x", 64), ("y", 16))]
    scales = helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, 0.25, 0.25])
    model = helper.make_model(helper.make_graph([node], "g", ports[:1], ports[1:], [scales]), opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    return model.SerializeToString()


def shrunk(runtime, mode, antialias):
    levels = []
    for place in range(4):  # the stripes move by one pixel
        stripes = np.where((np.arange(64) + place) % 4 < 2, 255, 0).astype(np.float32)
        x = np.broadcast_to(stripes, (1, 1, 64, 64)).copy()
        model = graph(mode, antialias)
        if runtime == "OpenVINO":
            core = ov.Core()
            compiled = core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
            y = compiled([x])[0]
        else:
            y = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
        levels.append(round(float(y[0, 0, 8, 8])))
    return levels


for mode in ("linear", "cubic"):
    found = {(runtime, antialias): shrunk(runtime, mode, antialias) for runtime in ("onnxruntime", "OpenVINO") for antialias in (0, 1)}
    for (runtime, antialias), levels in found.items():
        print(f"{mode:6} antialias={antialias} {runtime:12}", *levels)
    assert found["OpenVINO", 1] == found["OpenVINO", 0], "OpenVINO averages now"
    assert max(found["onnxruntime", 1]) - min(found["onnxruntime", 1]) < 60
    assert max(found["OpenVINO", 1]) - min(found["OpenVINO", 1]) > 200
PYTHON
