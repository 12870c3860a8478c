"""Real browsers in front of a page, without a window: Chromium over its DevTools protocol, Firefox
over WebDriver BiDi."""

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import sleep
from urllib.request import urlopen

from camera_browser import chromium, firefox
from websockets.sync.client import ClientConnection, connect

from tests.streamcam.real_command import LONG, wait_until

# By name: the text it gives, WebDriver's sign for it, and its number on Windows.
KEYS = {
    "Enter": ("\r", "\ue007", 13),
    "Tab": ("", "\ue004", 9),
    "Escape": ("", "\ue00c", 27),
    "ArrowRight": ("", "\ue014", 39),
    "ArrowLeft": ("", "\ue012", 37),
    "Delete": ("", "\ue017", 46),
}


class _Spoken:
    """Numbered requests over a WebSocket; what comes in between is dropped."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._number = 0

    def ask(self, method: str, **params: object) -> dict:
        self._number += 1
        self.socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            found = json.loads(self.socket.recv(timeout=LONG))
            if found.get("id") == self._number:
                assert "error" not in found, (method, found)
                return found["result"]


class Browser:
    """One page. `size` in CSS pixels, `scale` device pixels a CSS pixel."""

    name = ""

    def open(self, address: str, size: tuple[int, int], *, scale: float = 1.0) -> None: ...
    def run(self, script: str) -> object: ...
    def press(self, key: str) -> None: ...
    def picture(self) -> bytes: ...

    def until(self, script: str) -> object:
        """What the expression gives, once that is true; it may not work yet while a page loads."""

        def found() -> object:
            try:
                return self.run(script)
            except AssertionError:
                return None

        return wait_until(found, script)

    def type(self, text: str) -> None:
        for letter in text:
            self.press(letter)

    def click(self, selector: str) -> None:
        """As a person with a mouse or a finger would, once it is there."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.until(f"!!{found} && !{found}.disabled")
        self.run(f"{found}.scrollIntoView({{block: 'center'}}), {found}.focus(), {found}.click()")

    def save(self, path: Path) -> Path:
        path.write_bytes(self.picture())
        return path


class Chromium(Browser):
    name = "chromium"

    def __init__(self, spoken: _Spoken) -> None:
        self._spoken = spoken

    def open(self, address: str, size: tuple[int, int], *, scale: float = 1.0) -> None:
        self._spoken.ask(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=scale,
            mobile=size[0] < 600,
        )
        self._spoken.ask("Page.navigate", url=address)
        self.until("document.readyState === 'complete' || location.href !== 'about:blank'")
        self.until("document.readyState !== 'loading'")

    def run(self, script: str) -> object:
        found = self._spoken.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, (script, found["exceptionDetails"])
        return found["result"].get("value")

    def press(self, key: str) -> None:
        text, _, code = KEYS.get(key, (key, "", 0))
        both = {"key": key, "windowsVirtualKeyCode": code}
        self._spoken.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **both)
        self._spoken.ask("Input.dispatchKeyEvent", type="keyUp", **both)

    def picture(self) -> bytes:
        return base64.b64decode(self._spoken.ask("Page.captureScreenshot", format="png")["data"])


class Firefox(Browser):
    name = "firefox"

    def __init__(self, spoken: _Spoken) -> None:
        self._spoken = spoken
        spoken.ask("session.new", capabilities={})
        tree = spoken.ask("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]

    def open(self, address: str, size: tuple[int, int], *, scale: float = 1.0) -> None:
        self._spoken.ask(
            "browsingContext.setViewport",
            context=self._context,
            viewport={"width": size[0], "height": size[1]},
            devicePixelRatio=scale,
        )
        self._spoken.ask(
            "browsingContext.navigate", context=self._context, url=address, wait="interactive"
        )

    def run(self, script: str) -> object:
        found = self._spoken.ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({script}) ?? null))()",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert found["type"] == "success", (script, found)
        return json.loads(found["result"]["value"])

    def press(self, key: str) -> None:
        value = KEYS[key][1] if key in KEYS else key
        actions = [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        self._spoken.ask("input.performActions", context=self._context, actions=[keyboard])

    def picture(self) -> bytes:
        found = self._spoken.ask("browsingContext.captureScreenshot", context=self._context)
        return base64.b64decode(found["data"])


@contextmanager
def browser(name: str, folder: Path, *flags: str) -> Iterator[Browser]:
    """A browser with a profile of its own in `folder`. `flags`: of Chromium."""
    flag = "--remote-debugging-port=0"
    if name == "chromium":
        command = chromium(folder, flag, "--hide-scrollbars", *flags)
    else:
        command = [*firefox(folder), flag]
    with ExitStack() as closing:
        log = closing.enter_context((folder / "log").open("wb"))
        started = subprocess.Popen([*command, "about:blank"], stdout=log, stderr=log)
        closing.callback(_end, started)
        address = _address(name, folder / "log")
        socket = connect(address, proxy=None, max_size=None, open_timeout=LONG)
        spoken = _Spoken(closing.enter_context(socket))
        yield Chromium(spoken) if name == "chromium" else Firefox(spoken)


def _end(started: subprocess.Popen) -> None:
    started.terminate()
    try:
        started.wait(20)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait(LONG)


def _address(name: str, log: Path) -> str:
    """Of the WebSocket for its first page, or for all of it."""
    said = "DevTools listening on " if name == "chromium" else "WebDriver BiDi listening on "

    def told() -> str:
        lines = [line for line in log.read_text(errors="replace").splitlines() if said in line]
        return lines[0].partition(said)[2].strip() if lines else ""

    found = str(wait_until(told, f"{name}'s port"))
    if name == "firefox":
        return f"{found}/session"
    port = found.split(":")[2].partition("/")[0]

    def page() -> str:
        with urlopen(f"http://127.0.0.1:{port}/json/list", timeout=LONG) as answer:
            pages = [one for one in json.load(answer) if one["type"] == "page"]
        return pages[0]["webSocketDebuggerUrl"] if pages else ""

    return str(wait_until(page, "a page"))


def settle(seconds: float) -> None:
    """Let transitions end before a picture is taken."""
    sleep(seconds)
