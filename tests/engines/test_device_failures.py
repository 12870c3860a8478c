"""What torch, CUDA and TensorRT say when a device fails them: each kind with its own advice."""

from types import SimpleNamespace

import pytest
import torch

from engines.backends.tensorrt.flavour import RTX, Flavour
from engines.backends.torch.failures import cause_of, failures_as
from engines.backends.torch.placement import Placement
from engines.errors import BackendUnavailable, EngineFailed

GRAPH = Placement(torch.device("cuda", 0), "float16", "graph")

# As torch 2.13 and TensorRT 1.7 say it; the strings of CUDA 13's cudaGetErrorString.
SAID = {
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 7": "memory",
    "CUDA error: out of memory": "memory",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`": "memory",
    "MPS backend out of memory (MPS allocated: 18.02 GB, max allowed: 18.13 GB)": "memory",
    "[virtualMemoryBuffer.cpp] Error Code 2: OutOfMemory (requested 5 bytes)": "memory",
    "CUDA error: an illegal memory access was encountered": "device",
    "CUDA error: the launch timed out and was terminated": "device",
    "CUDA error: unspecified launch failure": "device",
    "CUDA error: misaligned address": "device",
    "CUDA error: an illegal instruction was encountered": "device",
    "CUDA error: hardware stack error": "device",
    "CUDA error: invalid program counter": "device",
    "CUDA error: operation not supported on global/shared address space": "device",
    "CUDA error: device-side assert triggered": "device",
    "CUDA error: uncorrectable ECC error encountered": "device",
    "CUDA error: uncorrectable NVLink error detected during the execution": "device",
    "CUDA error: CUDA-capable device(s) is/are busy or unavailable": "device",
    "CUDA error: no CUDA-capable device is detected": "device",
    "CUDA error: unknown error": "device",
    "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`": "device",
    "HIP error: an illegal memory access was encountered": "device",
    "Error Code 1: Cuda Runtime (an illegal memory access was encountered)": "device",
    "execute_async_v3: out of luck (cuda error 700)": "device",
    "IExecutionContext::enqueueV3: Error Code 1: Cuda Driver (CUDA error: 719)": "device",
    "CUDA error: operation not permitted when stream is capturing": "capture",
    "CUDA error: operation failed due to a previous error during capture": "capture",
    "CUDA error: invalid argument": "",
    "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED": "",
    "no tactic for node 7001": "",
    "mat1 and mat2 shapes cannot be multiplied (700x1 and 719x1)": "",
}  # fmt: skip


@pytest.mark.parametrize("said", SAID)
def test_what_a_message_means(said):
    assert cause_of(said) == SAID[said]


@pytest.mark.parametrize(
    ("error", "cause", "words", "never"),
    [
        (torch.OutOfMemoryError("Tried to allocate"), "memory", "smaller --size", "eager"),
        (torch.AcceleratorError("CUDA error: out of memory"), "memory", "smaller --size", "eager"),
        (
            torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nhint"),
            "device",
            "the device failed (CUDA error: an illegal memory access was encountered)",
            "--size",
        ),
        (
            torch.AcceleratorError("CUDA error: operation not permitted when stream is capturing"),
            "capture",
            "Execution 'eager' needs none",
            "--size",
        ),
        (RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"), "", "--backend", "--size"),
    ],
)
@pytest.mark.parametrize("kind", [BackendUnavailable, EngineFailed])
def test_each_kind_has_its_own_advice(error, cause, words, never, kind):
    with pytest.raises(kind) as caught, failures_as(kind, GRAPH):
        raise error
    told = str(caught.value)
    assert caught.value.cause == cause
    assert told.startswith("torch on cuda:0")
    assert words in told
    assert never not in told
    assert "hint" not in told
    assert caught.value.__cause__ is error


def test_torch_compile_has_advice_of_its_own():
    placement = Placement(torch.device("cpu"), "float32", "compile")
    with (
        pytest.raises(EngineFailed, match="another execution"),
        failures_as(EngineFailed, placement),
    ):
        raise RuntimeError("no C++ compiler")


def test_tensorrts_failures_are_tensorrts():
    placement = Placement(torch.device("cuda", 1), "float16", "graph", "TensorRT-RTX 1.7")
    with (
        pytest.raises(EngineFailed, match=r"^TensorRT-RTX 1\.7 on cuda:1: the device"),
        failures_as(EngineFailed, placement),
    ):
        raise RuntimeError("CUDA error: unspecified launch failure")


@pytest.mark.parametrize(
    ("line", "cause"),
    [("Cuda Runtime (out of memory)", "memory"), ("cuda error 700", "device"), ("no tactic", "")],
)
def test_tensorrts_log_says_the_kind(line, cause):
    log = SimpleNamespace(take=lambda: [line])
    flavour = Flavour(RTX, SimpleNamespace(__version__="1.7"), log)
    assert flavour.failure(EngineFailed, "run a frame").cause == cause
