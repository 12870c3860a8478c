"""Notices: what is the matter now, on one board that every part of a run puts them on."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True, slots=True)
class Notice:
    """What is the matter with one topic until it is settled, or until the topic's next notice.

    topic        "source", "engine", "device", "preset", "rest", "page" or "output NAME"
    for_users    for the status line, the page and the log
    for_viewers  a sentence for the card where no picture comes because of it; "" if one does
    """

    topic: str
    for_users: str
    for_viewers: str = ""


class NoticeBoard:
    """One for a run. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._notices: dict[str, Notice] = {}  # by topic, the latest last; protected by _lock

    def put(self, notice: Notice) -> None:
        """Put a notice up in the place of its topic's last one. A notice without words for users
        only takes that one down."""
        with self._lock:
            self._notices.pop(notice.topic, None)
            if notice.for_users:
                self._notices[notice.topic] = notice

    def settle(self, topic: str) -> None:
        """Take a topic's notice down, if there is one."""
        with self._lock:
            self._notices.pop(topic, None)

    def for_users(self) -> str:
        """All notices in a line, the latest last; "" if all is well."""
        with self._lock:
            return " · ".join(notice.for_users for notice in self._notices.values())

    def for_viewers(self) -> str:
        """Why no picture comes, as far as is known: the latest reason; "" if none is."""
        with self._lock:
            reasons = [notice.for_viewers for notice in self._notices.values()]
        return next((reason for reason in reversed(reasons) if reason), "")
