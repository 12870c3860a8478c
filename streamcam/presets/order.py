"""Order: the looks of a file in another order, or under other names, each with its comments."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from streamcam.presets.tables import LookChange

Document = Any  # of tomlkit, whose items are dictionaries as well


def rename_looks(document: Document, wanted: Mapping[str, LookChange]) -> None:
    """A look of the file that is not wanted any more, but says what a wanted one says that is not
    there, has only got another name."""
    stated = document.get("looks")
    if not _is_table(stated):
        return
    names: dict[str, str] = {}
    for name, item in stated.items():
        if name in wanted:
            continue
        same = LookChange.model_validate(item.unwrap())
        found = [
            one
            for one, change in wanted.items()
            if change == same and one not in stated and one not in names.values()
        ]
        names |= {name: found[0]} if found else {}
    if names:
        _rebuild(document, [names.get(name, name) for name in stated], names)


def order_looks(
    document: Document, wanted: Mapping[str, LookChange], fresh: AbstractSet[str]
) -> None:
    """Bring the looks of the file, which are those wanted, into that order. Those that are `fresh`
    become lines, unless all looks have a header."""
    from tomlkit.items import Table

    stated = document.get("looks")
    if not _is_table(stated):
        return
    items = {key.key: item for key, item in stated.value.body if key is not None}
    headed = [name for name, item in items.items() if isinstance(item, Table)]
    if len(headed) < len(items):
        for name in fresh & set(headed):
            stated[name] = _in_its_line(items[name])
    if [key.key for key, _ in stated.value.body if key is not None] != [*wanted]:
        _rebuild(document, [*wanted], {})


def _is_table(item: Document) -> bool:
    """A whole one: not lines here and there, nor one in a line."""
    from tomlkit.items import Table

    return isinstance(item, Table)


def _rebuild(document: Document, order: list[str], names: Mapping[str, str]) -> None:
    """A comment above a look goes along with it."""
    import tomlkit
    from tomlkit.container import Container
    from tomlkit.items import Null, Table

    table = document["looks"]
    parts: dict[str, list[Any]] = {}
    above: list[Any] = []
    for key, item in table.value.body:
        if key is None:
            above += [] if isinstance(item, Null) else [item]  # that is where one was deleted
            continue
        name = names.get(key.key, key.key)
        parts[name] = [*above, item]
        above = []
    inside = Container()
    headed = False  # what follows a table with a header would be in that
    for name in order:
        *comments, item = parts[name]
        for comment in comments:
            inside.add(comment)
        if headed and not isinstance(item, Table):
            item = _with_header(item)
        headed = headed or isinstance(item, Table)
        if isinstance(item, Table):
            item.name = item.display_name = None
        inside.append(tomlkit.key(name) if name in names.values() else _key(table, name), item)
    for item in above:
        inside.add(item)
    count = len(inside.body)
    document["looks"] = Table(
        inside, table.trivia, is_aot_element=False, is_super_table=table.is_super_table()
    )
    del inside.body[count:]  # tomlkit adds an empty line


def _key(table: Document, name: str) -> Any:  # noqa: ANN401  # of tomlkit
    """As it is written, with or without quotes."""
    return next(key for key, _ in table.value.body if key is not None and key.key == name)


def _with_header(item: Document) -> Any:  # noqa: ANN401  # of tomlkit
    """A look that was a line, as a table; its comment stays in its line."""
    import tomlkit

    made = tomlkit.table()
    if isinstance(item, dict):
        for key, one in item.items():
            made.add(key, one)
    else:
        made.add("prompt", item)
    return made


def _in_its_line(item: Document) -> Any:  # noqa: ANN401  # of tomlkit
    import tomlkit

    made = tomlkit.inline_table()
    made.update(item.unwrap())
    return made
