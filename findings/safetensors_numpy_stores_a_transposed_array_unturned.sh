#!/usr/bin/env bash
# safetensors 0.8.0 against 0.7.0, numpy 2.3.5.
#
# To convert a model's weights is to turn arrays (HWIO to OIHW, Linear's in x out) and to store them. NumPy's views make a turn free,
# and whatever writes arrays takes them: np.save, tobytes, safetensors.numpy up to 0.7.0. From 0.8.0 on `save`
# and `save_file` hand over the address of the memory: the file gets the turned SHAPE and the numbers in the
# unturned order, without a word. Loading works, all names, shapes and types are right, and the model draws noise.
# safetensors.torch refuses the same tensor with an error. Fortran-ordered arrays, as np.linalg returns some, are hit as well.
# (The docstring says "need to be contiguous and dense"; nothing asks.)
#
# Seen: 0.7.0 equal, 0.8.0 not equal. Cure: np.ascontiguousarray before.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/turned.py" <<'PYTHON'
import sys

import numpy as np
import safetensors
from safetensors.numpy import load, save

kernel = np.arange(3 * 3 * 4 * 8, dtype=np.float32).reshape(3, 3, 4, 8)  # height, width, in, out
turned = kernel.transpose(3, 2, 0, 1)
cases = {
    "a turned view": turned,
    "Fortran order": np.asfortranarray(kernel),
    "a turned view, made contiguous": np.ascontiguousarray(turned),
}
print(f"safetensors {safetensors.__version__}")
for name, array in cases.items():
    again = load(save({"weight": array}))["weight"]
    assert again.shape == array.shape and again.dtype == array.dtype
    right = np.array_equal(again, array)
    print(f"  {name:32} comes back {'equal' if right else 'with other numbers in place'}")
    assert right == (sys.argv[1] == "right" or "contiguous" in name), "another behaviour now"
PYTHON
for case in 0.7.0=right 0.8.0=wrong; do
  python3 -m venv "$work/${case%=*}"
  "$work/${case%=*}/bin/pip" install -q "safetensors==${case%=*}" numpy==2.3.5
  "$work/${case%=*}/bin/python" "$work/turned.py" "${case#*=}"
done
