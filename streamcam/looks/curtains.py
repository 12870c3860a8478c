"""Curtains: the names of what may hang before the picture. `flow/curtain.py` draws them."""

from __future__ import annotations

OPEN = "live"  # none: the picture
CURTAINS = (OPEN, "freeze", "card", "off")
