"""PartFile: the file of a recording while it grows, and how it takes its name in the end."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

from streamcam.sink.record.claim import claim

# What begins a box or a cluster: its kind and size. It is written last, since many players refuse a
# whole file whose last index is cut off, but not one that ends in zeros.
_HEAD = 8

# A folder that is held open is found again after it was renamed.
_FOLDERS = {os.open, os.rename, os.stat, os.unlink} <= os.supports_dir_fd


class PartFile:
    """Written by a muxer through `write`, `seek` and `tell`, which keep it in memory until
    `commit`: so the file on the disk ends between two fragments, whenever it is cut off.

    path    where it is until it is complete
    passed  what lay there already, and is left alone
    size    bytes on the disk
    Used by one thread. Raises `OSError` for what the disk refuses.
    """

    def __init__(self, target: Path) -> None:
        """Take `target`, a path without links. Raises `UsageError` if a program records to it."""
        claimed = claim(target)
        self._claim, self._file = claimed, claimed.file
        self.path, self.passed = claimed.part, claimed.passed
        self.size = 0
        self._target = target
        self._folder = os.open(target.parent, os.O_RDONLY) if _FOLDERS else None
        self._before = self._identity()
        status = os.fstat(self._file)
        self._inode = status.st_dev, status.st_ino
        self._counted = status.st_nlink > 0  # some network disks do not count names
        self._ahead = bytearray()  # what follows on `size`
        self._changes: list[tuple[int, bytes]] = []  # of what is on the disk: (position, bytes)
        self._position = 0

    # -- for the muxer --------------------------------------------------------------------------

    def write(self, data: bytes) -> int:
        known = max(0, min(len(data), self.size - self._position))
        if known:
            self._changes.append((self._position, data[:known]))
        start = self._position + known - self.size
        if known < len(data):
            self._ahead.extend(bytes(max(0, start - len(self._ahead))))
            self._ahead[start : start + len(data) - known] = data[known:]
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position}
        self._position = begin.get(whence, self.size + len(self._ahead)) + offset
        return self._position

    def tell(self) -> int:
        return self._position

    # -- for the recording ----------------------------------------------------------------------

    def commit(self, *, durable: bool = False) -> None:
        """Write to the disk what the muxer has written: first what is appended, then the changes.

        durable  wait until it is on the disk, and the appended part before the changes: these may
                 make a file that can be played as it is need the appended part
        """
        ahead, changes = self._ahead, self._changes
        if not (ahead or changes or durable):
            return
        self._ahead, self._changes = bytearray(), []
        try:
            self._put(self.size + _HEAD, ahead[_HEAD:])
            self._put(self.size, ahead[:_HEAD])
            if durable:
                os.fsync(self._file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise
        self.size += len(ahead)
        for position, data in changes:
            self._put(position, data)
        if durable:
            os.fsync(self._file)
        elif ahead:
            self._hurry(len(ahead))
        if self.gone:
            raise FileNotFoundError(errno.ENOENT, f"somebody has deleted {self.path.name}")

    @property
    def gone(self) -> bool:
        """The file was deleted, as far as the system tells."""
        return self._counted and os.fstat(self._file).st_nlink == 0

    def finish(self) -> None:
        """Put the file, which is complete, in its place. It stays at `path` if that is impossible.
        Either way nothing more can be written."""
        try:
            self._move()
        finally:
            self._release()

    def keep(self) -> None:
        """Leave the file, which is not complete: in its place if that was empty, else at `path`."""
        try:
            if self._before is None:
                with suppress(OSError):
                    self._move()
        finally:
            self._release()

    def discard(self) -> None:
        """Remove the file."""
        try:
            if self._lies_at(self.path):
                os.unlink(self._name(self.path), dir_fd=self._folder)
        finally:
            self._release()

    # -- inside ---------------------------------------------------------------------------------

    def _put(self, position: int, data: bytes | bytearray) -> None:
        os.lseek(self._file, position, os.SEEK_SET)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]

    def _hurry(self, count: int) -> None:
        """Have the last `count` bytes on their way to the disk now, without a wait. Seen on ext4: a
        power cut costs one or two seconds so, and otherwise all of the last twenty; and the end
        waits for 0.3 ms instead of 7."""
        if sys.platform == "linux":
            with suppress(OSError):
                os.posix_fadvise(self._file, self.size - count, count, os.POSIX_FADV_DONTNEED)

    def _move(self) -> None:
        """From `path` to the target, which must be as it was. Raises `OSError` with the reason."""
        if not self._lies_at(self.path):
            raise FileNotFoundError(errno.ENOENT, f"somebody has moved {self.path.name}")
        if self._identity() != self._before:
            raise FileExistsError(errno.EEXIST, "somebody else has written that file meanwhile")
        if self._folder is None:  # Windows moves no file that is open
            self._claim.release()
        source, self.path = self.path, self._target
        try:
            os.replace(
                self._name(source),
                self._name(self._target),
                src_dir_fd=self._folder,
                dst_dir_fd=self._folder,
            )
        except OSError:
            self.path = source
            raise
        if self._folder is not None:
            with suppress(OSError):  # not every disk can; the file is there all the same
                os.fsync(self._folder)
            if not self._lies_at(self._target, by_path=True):
                raise FileNotFoundError(errno.ENOENT, "somebody has moved its folder")

    def _release(self) -> None:
        with suppress(OSError):  # this folder is Linux's; it knows where a file was moved
            self.path = Path(f"/proc/self/fd/{self._file}").readlink()
        self._claim.release()
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None

    def _name(self, path: Path) -> str:
        """`path` as calls take it that are told the folder."""
        return str(path) if self._folder is None else path.name

    def _lies_at(self, path: Path, *, by_path: bool = False) -> bool:
        try:
            found = path.stat() if by_path else self._look(path)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._inode

    def _identity(self) -> tuple[int, int, int, int] | None:
        """Of what is at the target; changes with its content. None: there is nothing."""
        try:
            found = self._look(self._target)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def _look(self, path: Path) -> os.stat_result:
        return os.stat(self._name(path), dir_fd=self._folder, follow_symlinks=False)
