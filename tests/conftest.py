"""Tests that need hardware skip where it is missing; only the mark `gpu` does, and `camera`."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked `gpu` on a machine without CUDA; torch is asked only if there is any."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not _cuda_is_here():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def _cuda_is_here() -> bool:
    try:
        import torch
    except ModuleNotFoundError:
        return False
    return torch.cuda.is_available()
