"""Plain values: text from the command line is taken as it was typed.

typer (0.29) loads pydantic for every value of a command, also for one that is not given: half of
the time that `streamcam curtain` takes in all. What is text, or has a parser of its own, needs none
of it. Where a later typer asks in another way, this has no effect and typer reads the values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typer.core import TyperCommand


class PlainCommand(TyperCommand):
    """A subcommand."""

    def get_params(self, ctx):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """As click calls it."""
        return with_plain_values(super().get_params(ctx))


class PlainValue:
    """Reads the values of one parameter, in the place of typer's own reader."""

    def __init__(self, parameter: Any, typers_own: Callable[[], Any]) -> None:  # noqa: ANN401
        described = parameter.type_descriptor
        self._parser = described.parameter_info.parser
        self._plain = self._parser is not None or described.annotation in (str, list[str])
        self._several = parameter.multiple or parameter.nargs == -1
        self._typers_own = typers_own

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ANN401
        """As typer calls it."""
        if value is None:
            return () if self._several else None
        if not self._plain:
            return self._typers_own().coerce(value, param=param, ctx=ctx)
        read = self._parser or str
        return [read(one) for one in value] if self._several else read(value)


def with_plain_values(parameters: list[Any]) -> list[Any]:
    """These parameters of a command, of which text and what is not given need no pydantic."""
    for one in parameters:
        typers_own = getattr(one, "get_runtime_param", None)
        if typers_own is not None and "get_runtime_param" not in vars(one):
            reader = PlainValue(one, typers_own)
            one.get_runtime_param = lambda reader=reader: reader
    return parameters
