"""Obstacle: what of a machine is in the way of a run, and the step that helps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What is in the way: `text` for people, and `fix`, a command where there is one.

    README.md's table of the first start has a row for each that a new user meets; a test compares.
    """

    text: str
    fix: str

    def __str__(self) -> str:
        return f"{self.text}: {self.fix}"
