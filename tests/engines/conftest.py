"""torch computes on one thread in these tests.

OpenVINO runs beside it in the same process with threads of its own, and two pools that spin while
they wait for work take the cores from each other: half the time of a comparison went there.
"""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_torch_thread():
    torch.set_num_threads(1)
