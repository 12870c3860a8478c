"""The API: figures, switches and values over HTTP, with a description in OpenAPI."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from streamcam.control import keys
from streamcam.control.controls import Controls
from streamcam.control.desk import Desk
from streamcam.control.doors import Doors
from streamcam.control.midi.bindings import Bindings
from streamcam.control.values import values
from streamcam.errors import UsageError
from streamcam.presets.arrangement import Place
from streamcam.sink.web import WebSink
from streamcam.web.live import FRESH
from streamcam.web.messages import (
    Changes,
    Choice,
    Devices,
    Instance,
    Looks,
    OpenedSource,
    PreviewNumbers,
    Problem,
    Saved,
    State,
    Undone,
    Values,
)

_TOKEN = {"Token": {"type": "apiKey", "in": "header", "name": "X-Streamcam-Token"}}
_REFUSED: dict[int | str, dict[str, Any]] = {403: {"model": Problem}}
_REFUSED_CHANGE = _REFUSED | {code: {"model": Problem} for code in (400, 413, 415, 422, 500)}


Answer = Callable[..., Any]


def add_api(app: FastAPI, doors: Doors, sink: WebSink | None) -> None:
    """Every route below /api, and /openapi.json, which describes them."""
    _add_readings(app, doors.desk.program, sink)
    _add_switches(app, doors.desk, sink)
    _add_values(app, doors.desk)
    _add_doors(app, doors)


def _add_readings(app: FastAPI, controls: Controls, sink: WebSink | None) -> None:
    @_reading(app, "/openapi.json")
    def openapi() -> JSONResponse:
        described = app.openapi()
        described.setdefault("components", {})["securitySchemes"] = _TOKEN
        return JSONResponse(described, headers=FRESH)

    @_reading(app, "/api/stats")
    async def stats() -> JSONResponse:
        return JSONResponse(controls.stats.snapshot().as_dict(), headers=FRESH)

    @_reading(app, "/api/state", State)
    def state() -> JSONResponse:
        return JSONResponse(_state(controls, sink), headers=FRESH)

    @_reading(app, "/api/previews", PreviewNumbers)
    def previews() -> JSONResponse:
        return JSONResponse({"previews": controls.previews.numbers()}, headers=FRESH)

    @_reading(app, "/api/devices", Devices)
    def devices() -> JSONResponse:
        return JSONResponse(controls.devices() | {"source": controls.source}, headers=FRESH)

    @_reading(app, "/api/instance", Instance)
    def instance() -> JSONResponse:
        found = {"pid": os.getpid(), "preset": controls.preset_name}
        return JSONResponse(found, headers=FRESH)


def _add_switches(app: FastAPI, desk: Desk, sink: WebSink | None) -> None:
    @_change(app, "POST", "/api/look", State)
    def select_look(choice: Choice) -> JSONResponse:
        desk.select_look(choice.name)
        return JSONResponse(_state(desk.program, sink))

    @_change(app, "POST", "/api/looks", State)
    def arrange_looks(wanted: Looks) -> JSONResponse:
        desk.arrange_looks([Place(one.name, one.was or "") for one in wanted.looks])
        return JSONResponse(_state(desk.program, sink))

    @_change(app, "POST", "/api/preset", State)
    def select_preset(choice: Choice) -> JSONResponse:
        desk.select_preset(choice.name)
        return JSONResponse(_state(desk.program, sink))

    @_change(app, "POST", "/api/source", OpenedSource)
    def select_source(choice: Choice) -> JSONResponse:
        return JSONResponse({"label": desk.program.select_source(choice.name)})

    @_change(app, "POST", "/api/curtain", State)
    def draw_curtain(choice: Choice) -> JSONResponse:
        desk.program.draw_curtain(choice.name)
        return JSONResponse(_state(desk.program, sink))


def _add_values(app: FastAPI, desk: Desk) -> None:
    @_reading(app, "/api/values", Values)
    def read_values() -> JSONResponse:
        settings = [value.as_dict() for value in values().values()]
        return JSONResponse(_values(desk.program) | {"settings": settings}, headers=FRESH)

    @_change(app, "PATCH", "/api/values", Values)
    def change_values(wanted: Changes) -> JSONResponse:
        try:
            desk.change_values(wanted.root)
        except UsageError as error:
            return JSONResponse({"error": str(error)}, 422)
        return JSONResponse(_values(desk.program))

    @_change(app, "POST", "/api/plate", Saved)
    def take_plate() -> JSONResponse:
        return JSONResponse({"path": desk.program.take_plate()})

    @_change(app, "POST", "/api/undo", Undone)
    def undo() -> JSONResponse:
        return JSONResponse({"undone": desk.history.undo()})

    @_change(app, "POST", "/api/redo", Undone)
    def redo() -> JSONResponse:
        return JSONResponse({"undone": desk.history.redo()})

    @_change(app, "POST", "/api/save", Saved)
    def save(choice: Choice) -> JSONResponse:
        return JSONResponse({"path": desk.program.save(choice.name)})


def _add_doors(app: FastAPI, doors: Doors) -> None:
    def bindings() -> Bindings:
        if doors.midi is None:
            raise UsageError("MIDI was not asked for: start with --midi auto.")
        return doors.midi.bindings

    @_reading(app, "/api/control")
    def control() -> JSONResponse:
        return JSONResponse(doors.state(), headers=FRESH)

    @_change(app, "POST", "/api/tap")
    def tap() -> JSONResponse:
        doors.beat.tap()
        return JSONResponse(doors.state())

    @_change(app, "POST", "/api/midi/learn")
    def learn(choice: Choice) -> JSONResponse:
        bindings().arm(choice.name)
        return JSONResponse(doors.state())

    @_change(app, "POST", "/api/midi/forget")
    def forget(choice: Choice) -> JSONResponse:
        bindings().forget(choice.name)
        return JSONResponse(doors.state())


def _reading(
    app: FastAPI, path: str, model: type[BaseModel] | None = None
) -> Callable[[Answer], Answer]:
    """A route for GET, and for HEAD, which OpenAPI need not tell of."""

    def add(answer: Answer) -> Answer:
        app.head(path, include_in_schema=False)(answer)
        added: Answer = app.get(path, response_model=model, responses=_REFUSED)(answer)
        return added

    return add


def _change(
    app: FastAPI, method: str, path: str, model: type[BaseModel] | None = None
) -> Callable[[Answer], Answer]:
    """A route that wants the token."""
    return app.api_route(
        path,
        methods=[method],
        response_model=model,
        responses=_REFUSED_CHANGE,
        openapi_extra={"security": [{"Token": []}]},
    )


def _state(controls: Controls, sink: WebSink | None) -> dict[str, object]:
    reading, form = controls.stats.snapshot(), controls.form
    return {
        "preset": controls.preset_name,
        "presets": controls.preset_names(),
        "look": reading.look,
        "looks": controls.look_names(),
        "curtain": controls.curtain,
        "notice": reading.notice,
        "picture": sink is not None,
        "viewers": sink.viewers if sink else 0,
        "outputs": controls.outputs,
        "size": [form.width, form.height],
        "fps": form.fps,
        "scenes": controls.scenes,
        "keys": keys.on_the_page(),
    }


def _values(controls: Controls) -> dict[str, object]:
    look = controls.stats.snapshot().look
    return {"preset": controls.preset_name, "look": look, "values": controls.values()}
