"""The conversation with the desktop portal, over a stand-in for the session bus."""

import pytest

pytest.importorskip("jeepney", reason="portals are a thing of Linux")

from fake_desktop import FakeBus

from streamcam.capture.screen import session_bus
from streamcam.capture.screen.portal import Failed, NoPortal, Refused, ScreenCast, Shared


@pytest.fixture
def bus(monkeypatch):
    made = FakeBus()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/bus")
    monkeypatch.setattr(session_bus, "open_dbus_connection", lambda address, enable_fds: made)
    return made


@pytest.fixture
def cast(bus):
    return ScreenCast()


def test_connecting_asks_nobody(bus, cast):
    assert [name for name, _ in bus.calls] == ["AddMatch", "AddMatch", "GetAll"]
    cast.close()
    assert bus.closed


def test_a_screen_is_shared(bus, cast):
    assert cast.share("") == Shared(42, "next time")
    wish = bus.options("SelectSources")
    assert (wish["types"], wish["multiple"]) == (1, False)  # one monitor
    assert (wish["cursor_mode"], wish["persist_mode"]) == (2, 2)  # in the picture; for good
    assert "restore_token" not in wish
    tokens = [bus.options(name)["handle_token"] for name in bus.answers]
    assert len(set(tokens)) == 3
    assert dict(bus.calls)["Start"][:2] == ("/session", "")
    assert cast.remote() == 7
    assert not cast.ended()


def test_consent_that_was_given_before_is_shown(bus, cast):
    cast.share("this time")
    assert bus.options("SelectSources")["restore_token"] == "this time"


def test_a_desktop_may_remember_nothing(bus, cast):
    del bus.answers["Start"][1]["restore_token"]
    assert cast.share("this time") == Shared(42, "")


def test_a_portal_that_cannot_draw_the_pointer_is_not_asked_to(bus):
    bus.offers = {"AvailableSourceTypes": ("u", 1)}
    ScreenCast().share("")
    assert "cursor_mode" not in bus.options("SelectSources")


@pytest.mark.parametrize(
    ("answers", "error", "reason"),
    [
        ({"Start": (1, {})}, Refused, "^$"),
        ({"Start": (2, {})}, Failed, "Start was ended by the desktop"),
        ({"Start": (0, {})}, Failed, "it shared no screen"),
        ({"CreateSession": (2, {})}, Failed, "CreateSession was ended by the desktop"),
        ({"SelectSources": None}, Failed, "SelectSources: no answer"),
    ],
)
def test_answers_that_are_no(bus, cast, answers, error, reason):
    bus.answers |= answers
    with pytest.raises(error, match=reason):
        cast.share("")


@pytest.mark.parametrize(
    "signal",
    [
        ("/session", "org.freedesktop.portal.Session", "Closed"),
        (
            *("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged"),
            *("org.freedesktop.portal.Desktop", ":1.7", ""),
        ),
    ],
    ids=["session closed", "portal gone"],
)
def test_an_end_is_noticed_during_the_dialog_and_after(bus, cast, signal):
    bus.emit("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "", "", ":1.7")
    cast.share("")
    assert not cast.ended(patience=0.01)
    bus.emit(*signal)
    assert cast.ended()
    bus.answers["Start"] = None
    bus.emit(*signal)
    with pytest.raises(Failed, match="was ended by the desktop"):
        cast.share("")


def test_a_bus_that_breaks_off(bus, cast):
    cast.share("")
    bus.broken = ConnectionResetError(104, "Connection reset by peer")
    assert cast.ended()
    with pytest.raises(Failed, match="the D-Bus session broke off"):
        cast.remote()


def test_an_error_is_repeated_in_the_portals_words(bus, cast):
    cast.share("")
    bus.errors["OpenPipeWireRemote"] = "Failed to connect to PipeWire."
    with pytest.raises(Failed, match=r"Failed to connect to PipeWire$"):
        cast.remote()


ODD = [
    ("CreateSession", (0, {"session_handle": 7}), "TypeError"),
    ("CreateSession", ("no", "dict"), "Create"),
    ("Start", (0, {"streams": ("a(ua{sv})", 5)}), "TypeError"),
    ("Start", (0, {"streams": ("a(ua{sv})", [()])}), "IndexError"),
    ("Start", (0, None), "AttributeError"),
]


@pytest.mark.parametrize(("method", "answer", "said"), ODD)
def test_answers_of_another_shape_are_a_failure(bus, cast, method, answer, said):
    bus.answers[method] = answer
    with pytest.raises(Failed, match=said):
        cast.share("")


WHATEVER = [ValueError("bad header"), KeyError("path"), UnicodeDecodeError("utf-8", b"", 0, 1, "")]


@pytest.mark.parametrize("error", WHATEVER, ids=lambda error: type(error).__name__)
def test_whatever_the_bus_raises_is_no_traceback(bus, error):
    cast = ScreenCast()
    cast.share("")
    bus.broken = error
    with pytest.raises(
        Failed, match=f"the conversation with it went wrong .{type(error).__name__}"
    ):
        cast.remote()
    with pytest.raises(Failed, match=type(error).__name__):
        cast.share("")
    assert cast.ended()
    with pytest.raises(NoPortal, match=type(error).__name__):
        ScreenCast()

    def close():
        raise error

    bus.close = close
    cast.close()


def test_a_portal_whose_properties_make_no_sense(bus):
    bus.offers = {"AvailableSourceTypes": ("s", "monitors")}
    with pytest.raises(NoPortal, match=r"no desktop portal offers the screen .*ValueError"):
        ScreenCast()


def test_no_portal_or_none_with_screens(bus):
    bus.errors["GetAll"] = "The name org.freedesktop.portal.Desktop was not provided"
    with pytest.raises(NoPortal, match=r"no desktop portal offers the screen \(The name org"):
        ScreenCast()
    bus.errors.clear()
    bus.offers = {"AvailableSourceTypes": ("u", 2)}  # windows
    with pytest.raises(NoPortal, match="has no screens to offer"):
        ScreenCast()
    assert bus.closed == 2


def test_no_bus(monkeypatch, tmp_path):
    for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NoPortal, match="DBUS_SESSION_BUS_ADDRESS is not set"):
        ScreenCast()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(NoPortal, match=f"unix:path={tmp_path}/bus does not answer"):
        ScreenCast()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "tcp:host=example")
    with pytest.raises(NoPortal, match="tcp:host=example does not answer"):
        ScreenCast()
