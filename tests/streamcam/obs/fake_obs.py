"""A stand-in for OBS: real obs-websocket 5 over a real WebSocket, on a free port.

What it answers, and refuses, is what OBS 29.0.2 (obs-websocket 5.1.0) was seen to do.
"""

import base64
import hashlib
import secrets
import threading
from contextlib import suppress

import msgpack
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

DEFAULTS = {
    "ffmpeg_source": {
        "buffering_mb": 2,
        "clear_on_media_end": True,
        "is_local_file": True,
        "linear_alpha": False,
        "looping": False,
        "reconnect_delay_sec": 10,
        "restart_on_activate": True,
        "speed_percent": 100,
    },
    "v4l2_input": {
        "auto_reset": False,
        "buffering": True,
        "color_range": 0,
        "dv_timing": -1,
        "framerate": -1,
        "input": -1,
        "pixelformat": -1,
        "resolution": -1,
        "standard": -1,
        "timeout_frames": 5,
    },
    "alsa_input_capture": {"custom_pcm": "default", "device_id": "default", "rate": 44100},
    "pulse_input_capture": {"device_id": "default"},
    "color_source_v3": {},
}
BROWSER = {"width": 800, "height": 600, "fps": 30, "shutdown": False, "is_local_file": False}
DSHOW = {"buffering": 0, "res_type": 0, "active": True}
_SOUNDING = ("alsa_input_capture", "pulse_input_capture", "ffmpeg_source", "dshow_input")
_MIXED_UP = 204  # unknown request
_MISSING, _TOO_LARGE, _NO_SUCH, _TAKEN, _NO_SOUND = 300, 402, 600, 601, 604


class Refusal(Exception):
    """A request status: code and comment."""


class Session:
    """A client that is connected."""

    def __init__(self, socket):
        self.socket = socket
        self.subscribed = 0


class FakeObs:
    """`close` it. What tests change, and look at:

    scene     the scene on air, see `switch_to`
    inputs    by name: its kind and its own settings
    items     by scene: the names of its inputs
    offsets   by input: milliseconds, as OBS says them
    heard     by input: how late its sound is. An offset that follows on none does nothing to it
    stored    OBS's persistent data, by slot
    asked     every request so far: its type and data
    silent    True: answers nothing any more
    loading   so many requests are answered with "not ready"
    devices   that it lists under a property, by property
    """

    def __init__(self, password="secret", port=0, *, known=True):
        self.password = password
        self.scene = "Scene"
        self.scenes = ["Scene", "Game", "BRB"]
        self.kinds = dict(DEFAULTS)
        self.inputs = {}
        self.items = {name: [] for name in self.scenes}
        self.offsets = {}
        self.heard = {}
        self.stored = {}
        self.filters = {}
        self.asked = []
        self.rate = (30, 1)
        self.picture_size = (1280, 720)
        self.silent = False
        self.loading = 0
        self.devices = {}
        self.connections = 0
        self._known = known  # the protocol; False: as obs-websocket 4, which waits to be spoken to
        self._sessions = set()
        self._server = serve(self._serve, "127.0.0.1", port, subprotocols=self._subprotocols)
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def _subprotocols(self):
        return ["obswebsocket.msgpack"] if self._known else None

    def close(self, code=1001):
        """As OBS does when it ends."""
        self._server.shutdown()
        for session in list(self._sessions):
            session.socket.close(code)
        self._thread.join(10)

    def kick(self):
        """As its dialog does."""
        for session in list(self._sessions):
            session.socket.close(4011, "Your session has been invalidated.")

    def cut(self):
        """As a crash does: no word of goodbye."""
        for session in list(self._sessions):
            session.socket.socket.shutdown(2)

    def switch_to(self, scene):
        self.scene = scene
        event = {"eventType": "CurrentProgramSceneChanged", "eventIntent": 4}
        for session in list(self._sessions):
            if session.subscribed & 4:
                self._send(session, 5, event | {"eventData": {"sceneName": scene}})

    def add(self, name, kind, **settings):
        """As a person does, in the scene on air."""
        self.inputs[name] = (kind, settings)
        self.items[self.scene].append(name)
        if kind in _SOUNDING:
            self.offsets[name] = 0

    def settings(self, name):
        kind, own = self.inputs[name]
        return self.kinds[kind] | own

    def requests(self, kind):
        return [data for name, data in self.asked if name == kind]

    # -- the protocol ---------------------------------------------------------------------------

    def _serve(self, socket):
        self.connections += 1
        session = Session(socket)
        self._sessions.add(session)
        try:
            with suppress(ConnectionClosed):
                self._talk(session)
        finally:
            self._sessions.discard(session)

    def _talk(self, session):
        socket = session.socket
        if not self._known:
            for _ in socket:
                pass
            return
        salt, challenge = secrets.token_urlsafe(), secrets.token_urlsafe()
        hello = {"obsWebSocketVersion": "5.1.0", "rpcVersion": 1}
        if self.password:
            hello["authentication"] = {"salt": salt, "challenge": challenge}
        self._send(session, 0, hello)
        identify = msgpack.unpackb(socket.recv())
        assert identify["op"] == 1
        if self.password and identify["d"].get("authentication") != _hash(
            _hash(self.password + salt) + challenge
        ):
            socket.close(4009, "Authentication failed.")
            return
        session.subscribed = identify["d"].get("eventSubscriptions", 0x7FF)
        self._send(session, 2, {"negotiatedRpcVersion": 1})
        for message in socket:
            found = msgpack.unpackb(message)
            assert found["op"] == 6
            if not self.silent:
                self._answer(session, found["d"])

    def _answer(self, session, request):
        kind, data = request["requestType"], request.get("requestData") or {}
        self.asked.append((kind, data))
        answer = {"requestType": kind, "requestId": request["requestId"]}
        status = {"result": True, "code": 100}
        try:
            response = self._method(kind)(data)
            if response is not None:
                answer["responseData"] = response
        except Refusal as refusal:
            code, comment = refusal.args
            status = {"result": False, "code": code, "comment": comment}
        except KeyError as missing:
            comment = f"Your request is missing the `{missing.args[0]}` field."
            status = {"result": False, "code": _MISSING, "comment": comment}
        self._send(session, 7, answer | {"requestStatus": status})

    def _method(self, kind):
        if self.loading:
            self.loading -= 1
            raise Refusal(207, "OBS is not ready to perform the request.")
        method = getattr(self, f"_do_{kind}", None)
        if method is None:
            raise Refusal(_MIXED_UP, "Your request type is not valid.")
        return method

    def _send(self, session, code, data):
        session.socket.send(msgpack.packb({"op": code, "d": data}))

    # -- requests -------------------------------------------------------------------------------

    def _do_GetVersion(self, _):
        return {"obsVersion": "29.0.2", "obsWebSocketVersion": "5.1.0", "rpcVersion": 1}

    def _do_GetSceneList(self, _):
        scenes = [{"sceneIndex": n, "sceneName": name} for n, name in enumerate(self.scenes)]
        return {"currentProgramSceneName": self.scene, "scenes": scenes}

    def _do_GetCurrentProgramScene(self, _):
        return {"currentProgramSceneName": self.scene}

    def _do_GetVideoSettings(self, _):
        over, under = self.rate
        size = {"baseWidth": 1920, "baseHeight": 1080, "outputWidth": 1280, "outputHeight": 720}
        return size | {"fpsNumerator": over, "fpsDenominator": under}

    def _do_GetInputKindList(self, data):
        kinds = list(self.kinds)
        return {"inputKinds": [_unversioned(k) for k in kinds] if data["unversioned"] else kinds}

    def _do_GetInputList(self, _):
        found = [
            {"inputName": name, "inputKind": kind, "unversionedInputKind": _unversioned(kind)}
            for name, (kind, _) in reversed(self.inputs.items())
        ]
        return {"inputs": found}

    def _do_GetInputDefaultSettings(self, data):
        if data["inputKind"] not in self.kinds:
            raise Refusal(605, "The input kind is not supported by OBS.")
        return {"defaultInputSettings": self.kinds[data["inputKind"]]}

    def _do_GetInputSettings(self, data):
        kind, own = self._input(data)
        return {"inputKind": kind, "inputSettings": own}

    def _do_SetInputSettings(self, data):
        self._input(data)[1].update(data["inputSettings"])

    def _do_CreateInput(self, data):
        name = data["inputName"]
        if name in self.inputs or name in self.scenes:
            raise Refusal(_TAKEN, "A source already exists by that input name.")
        if data["inputKind"] not in self.kinds:
            raise Refusal(605, "Your specified input kind is not supported by OBS.")
        self.items[data["sceneName"]].append(name)
        self.inputs[name] = (data["inputKind"], dict(data["inputSettings"]))
        if data["inputKind"] in _SOUNDING:
            self.offsets[name] = 0
        return {"sceneItemId": len(self.items[data["sceneName"]])}

    def _do_RemoveInput(self, data):
        self._input(data)
        del self.inputs[data["inputName"]]

    def _do_GetInputPropertiesListPropertyItems(self, data):
        self._input(data)
        listed = self.devices.get(data["propertyName"])
        if listed is None:
            raise Refusal(_NO_SUCH, "Unable to find a property by that name.")
        items = [{"itemName": n, "itemValue": v, "itemEnabled": True} for n, v in listed.items()]
        return {"propertyItems": items}

    def _do_GetSourceFilterList(self, data):
        return {"filters": self.filters.get(data["sourceName"], [])}

    def _do_GetSceneItemList(self, data):
        width, height = self.picture_size
        transform = {"sourceWidth": float(width), "sourceHeight": float(height)}
        items = [
            {"sceneItemId": number, "sourceName": name, "sceneItemTransform": transform}
            for number, name in enumerate(self.items[data["sceneName"]], 1)
        ]
        return {"sceneItems": items}

    def _do_SetSceneItemTransform(self, data):
        if data["sceneItemId"] > len(self.items[data["sceneName"]]):
            raise Refusal(_NO_SUCH, "No scene items were found in the specified scene by that ID.")
        width = data["sceneItemTransform"]["boundsWidth"]
        if not 1 <= width <= 90001:
            raise Refusal(_TOO_LARGE, "The field value of `boundsWidth` is out of range.")

    def _do_GetInputAudioSyncOffset(self, data):
        return {"inputAudioSyncOffset": self._sound(data)}

    def _do_SetInputAudioSyncOffset(self, data):
        self._sound(data)
        if not -950 <= data["inputAudioSyncOffset"] <= 20000:
            raise Refusal(_TOO_LARGE, "The field `inputAudioSyncOffset` is out of range.")
        name, offset = data["inputName"], int(data["inputAudioSyncOffset"])
        if self.offsets[name]:
            self.heard[name] = offset
        self.offsets[name] = offset

    def _do_GetPersistentData(self, data):
        return {"slotValue": self.stored.get((data["realm"], data["slotName"]))}

    def _do_SetPersistentData(self, data):
        self.stored[data["realm"], data["slotName"]] = data["slotValue"]

    def _input(self, data):
        if data["inputName"] not in self.inputs:
            raise Refusal(_NO_SUCH, f"No source was found by the name of `{data['inputName']}`.")
        return self.inputs[data["inputName"]]

    def _sound(self, data):
        kind, _ = self._input(data)
        if kind not in _SOUNDING:
            raise Refusal(_NO_SOUND, "The specified input does not support audio.")
        return self.offsets[data["inputName"]]


def _unversioned(kind):
    return kind.partition("_v3")[0]


def _hash(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
