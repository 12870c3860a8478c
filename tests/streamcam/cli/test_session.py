"""The end of a run: every part is closed, signals are counted while somebody heeds them."""

import subprocess
import sys

from real_command import heed_signals

from streamcam.cli.run.session.closing import Closing
from streamcam.errors import SinkFailed, StreamcamError


def test_whatever_closing_raises_the_rest_is_closed_and_all_is_kept():
    errors, closed = [], []

    def fail(name, error):
        closed.append(name)
        raise error

    cause = OSError(5, "I/O error")
    with Closing(errors) as closing:
        closing.add("the run", lambda: closed.append("run"))
        closing.add("the web page", lambda: fail("page", cause))
        closing.add("the engine", lambda: fail("engine", SinkFailed("it sticks")))
    assert closed == ["engine", "page", "run"]
    assert [str(error).partition(" (")[0] for error in errors] == [
        "the engine could not be closed: it sticks",
        "the web page could not be closed: OSError: [Errno 5] I/O error",
    ]
    assert all(isinstance(error, StreamcamError) for error in errors)
    assert errors[1].__cause__ is cause
    closing.keep([errors[0], ValueError("new")])
    assert len(errors) == 3


# In a process of its own: the test's own may have been told to ignore Ctrl-C.
PRESSED = """
import os, signal
from streamcam.cli.run.signals import Interrupted, StopSignals

def press():
    os.kill(os.getpid(), signal.SIGINT)

with StopSignals() as signals:
    signals.running()
    press()
    assert signals.requested.is_set()
    assert not signals.repeated()
    for _ in range(5):  # more than nobody would heed
        press()
        assert signals.repeated()
        assert not signals.repeated()
    press()
    press()
    try:
        press()
    except Interrupted:
        print("interrupted")
"""

if sys.platform != "win32":  # where such a signal ends the process

    def test_a_signal_asks_for_a_stop_and_one_that_nobody_heeds_ends_the_program():
        done = subprocess.run(
            [sys.executable, "-c", PRESSED],
            capture_output=True,
            text=True,
            timeout=60,
            preexec_fn=heed_signals,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("interrupted\n", "")
