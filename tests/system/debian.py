"""Programs from the Debian packages that .ci/packages lists."""

import shutil


def program(name: str) -> str:
    """Its path. Fails the test if it is not installed."""
    found = shutil.which(name)
    assert found, f"{name} is not installed: apt-get install -y $(cat .ci/packages)"
    return found
