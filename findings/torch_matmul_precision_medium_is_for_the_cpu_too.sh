#!/usr/bin/env bash
# torch 2.13.0 (CPU), a CPU that has bfloat16 (AVX512_BF16 or AMX).
#
# torch.set_float32_matmul_precision("medium") is the switch for fast float32 products on NVIDIA's cards. It stands at
# the head of many programs, since elsewhere it does nothing: its own manual says so ("This flag currently
# only affects one native device type: CUDA"). On a CPU that has bfloat16 it lets oneDNN round both
# factors of every float32 matrix product to 8 bits. Convolutions stay float32, "high" does nothing. So a
# float32 reference that the CPU computes, to check what the card computes, is no better than
# bfloat16, in attention and linear layers only, and only on some machines of the test farm.
#
# Seen (512x512, normal numbers, largest error): 0.00006 at "highest" and "high", 0.26 at "medium", for torch.mm and for
# Linear; a convolution 0.00003 at all three.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --no-compile torch==2.13.0 numpy==2.3.5
"$work/venv/bin/python" - <<'PYTHON'
import sys

import torch
from torch.nn.functional import conv2d, linear

capable = torch.cpu.get_capabilities()
if not (capable.get("avx512_bf16") or capable.get("amx_bf16")):
    sys.exit("this CPU has no bfloat16: nothing to see")
torch.manual_seed(0)
one, other = torch.randn(512, 512), torch.randn(512, 512)
picture, weights = torch.randn(1, 32, 64, 64), torch.randn(32, 32, 3, 3)
cases = {
    "torch.mm": lambda kind: one.to(kind) @ other.to(kind),
    "Linear": lambda kind: linear(one.to(kind), other.to(kind)),
    "convolution": lambda kind: conv2d(picture.to(kind), weights.to(kind)),
}
found = {}
for precision in ("highest", "high", "medium"):
    torch.set_float32_matmul_precision(precision)
    for name, run in cases.items():
        found[precision, name] = float((run(torch.float32) - run(torch.float64)).abs().max())
        print(f"{precision:8} {name:12} largest error {found[precision, name]:.5f}")
for (precision, name), error in found.items():
    rounded = precision == "medium" and name != "convolution"
    assert (error > 0.05) if rounded else (error < 0.001), f"{precision}, {name}: another precision now"
manual = " ".join(torch.set_float32_matmul_precision.__doc__.split())
assert "only affects one native device type: CUDA" in manual, "the manual says another thing now"
PYTHON
