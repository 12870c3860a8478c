"""`streamcam devices`: what can be a source and where pictures can go."""

from __future__ import annotations


def devices() -> None:
    """List cameras, screens, virtual cameras and outputs."""
