"""Tests that need hardware skip where it is missing; only the mark `gpu` does, and `camera`.

Those marked `system` need programs that a pip install does not bring. They run when asked for:
`pytest -m system`.
"""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out `system` unless -m names it; skip `gpu` without CUDA, if there is any."""
    if "system" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("system")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
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
