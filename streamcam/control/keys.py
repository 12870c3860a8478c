"""Keys: what a single key does, the same in the terminal and on the page."""

from __future__ import annotations

CURTAIN_KEYS = {"f": "freeze", "c": "card", "o": "off"}  # the same key again shows the picture
LOOK_KEYS = "0123456789"  # 0 is the preset's own look, the others those of its [looks], in order
TAP_KEY, UNDO_KEY, REDO_KEY = "t", "u", "r"
PLATE_KEY = "p"  # a picture of the empty room


def on_the_page() -> dict[str, str]:
    """By key, what it does there: "look 3", "curtain card", "tap", "undo", "redo", "plate"."""
    looks = {key: f"look {key}" for key in LOOK_KEYS}
    curtains = {key: f"curtain {name}" for key, name in CURTAIN_KEYS.items()}
    others = {TAP_KEY: "tap", UNDO_KEY: "undo", REDO_KEY: "redo", PLATE_KEY: "plate"}
    return looks | curtains | others
