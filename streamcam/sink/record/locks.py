"""Locks on open files, which end with the process that holds them, however it ends."""

from __future__ import annotations

import os
import sys

if sys.platform == "win32":
    import msvcrt

    # The lock lies where no recording reaches, since Windows lets no program read a locked byte.
    _FAR = 1 << 60

    def try_lock(file: int) -> bool | None:
        """Take the lock of an open file. True: it is ours now. False: another process has it.
        None: this disk has no locks, as some network disks."""
        before = os.lseek(file, 0, os.SEEK_CUR)
        try:
            os.lseek(file, _FAR, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        except OSError:
            return None
        finally:
            os.lseek(file, before, os.SEEK_SET)
        return True

else:
    import fcntl

    def try_lock(file: int) -> bool | None:
        """Take the lock of an open file. True: it is ours now. False: another process has it.
        None: this disk has no locks, as some network disks."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True
