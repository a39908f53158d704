"""What a name or an expression of a migration can stand for, as far as that is certain.

Lists are shared between the names that share them when Python runs, so that a change is seen
under all of them. What cannot be known is an `Unknown` that says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ast
    from collections.abc import MutableMapping

LISTS = ("dependencies", "run_before", "replaces")
"""Attributes of a migration that list other migrations."""


class Unknown(NamedTuple):
    """Something that only running the code would tell: where, and why."""

    line: int
    why: str


class Setting(NamedTuple):
    """``settings.NAME``."""

    name: str


class Swappable(NamedTuple):
    """What ``swappable_dependency`` gives back."""

    to: str | Setting


class Module(NamedTuple):
    """A module of which only the name is known, or something in it."""

    name: str


class Item(NamedTuple):
    """An entry of a list, with the line that it stands on."""

    value: Value
    line: int


class Tuple(list[Item]):
    """A tuple: what is added to it makes another one, where a list would grow."""


class Class(NamedTuple):
    """A class of the file, or one of Django's."""

    node: ast.ClassDef | None
    """None for Django's own classes."""
    attributes: MutableMapping[str, Value]
    """Its own before those of its bases; what is written goes to its own."""
    whole: bool
    """False when a base stands in another file, so that an absent attribute says nothing."""
    late: dict[str, Value]
    """Attributes that every instance is given anew."""
    is_config: bool = False


Value = str | bool | int | None | list[Item] | Unknown | Setting | Swappable | Module | Class

_DJANGO: dict[str, Value] = {
    "django.db.migrations.Migration": Class(
        None,
        {**{name: Tuple() for name in LISTS}, "initial": None, "atomic": True},
        whole=True,
        late={},
    ),
    "django.apps.AppConfig": Class(None, {}, whole=True, late={}, is_config=True),
}


def is_certain(value: Value) -> bool:
    """Whether nothing in `value` is unknown."""
    if isinstance(value, list):
        return all(is_certain(item.value) for item in value)
    return not isinstance(value, Unknown)


def is_plain(value: Value) -> bool:
    """Whether `value` is a literal."""
    return value is None or isinstance(value, str | bool | int)


def doubt_about(value: Value, line: int) -> Unknown:
    """Why `value` is not known; where it is, why it is no use."""
    return value if isinstance(value, Unknown) else Unknown(line, "it is computed when Django runs")


def constant(literal: object, line: int) -> Value:
    """What a literal of the source stands for."""
    if isinstance(literal, bytes):  # Python 2 wrote text that way
        return literal.decode("ascii", "replace")
    if literal is None or isinstance(literal, str | bool | int):
        return literal
    return Unknown(line, "it is not text")


def module_attribute(module: str, name: str) -> Value:
    """What ``from module import name`` binds, for a module of Django's."""
    return _DJANGO.get(f"{module}.{name}", Module(f"{module}.{name}"))


def attribute(owner: Value, name: str, line: int) -> Value:
    """``owner.name``."""
    match owner:
        case Module(name="django.conf.settings"):
            return Setting(name)
        case Module(name=module):
            return module_attribute(module, name)
        case Class(attributes=attributes) if name in attributes:
            return attributes[name]
        case Unknown():
            return owner
        case _:
            return Unknown(line, f".{name} is looked up when Django runs")


def concatenated(left: Value, right: Value, line: int) -> Value:
    """``left + right``."""
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if not isinstance(left, list) and not isinstance(right, list):
        return doubt_about(left if isinstance(left, Unknown) else right, line)
    parts = [
        part if isinstance(part, list) else [Item(doubt_about(part, line), line)]
        for part in (left, right)
    ]
    whole = parts[0] + parts[1]
    return Tuple(whole) if isinstance(left, Tuple) else whole


def longer(known: Value, more: Value, line: int) -> Value:
    """``known += more``: the same list, where Python keeps it the same."""
    whole = concatenated(known, more, line)
    if isinstance(known, list) and isinstance(whole, list) and not isinstance(known, Tuple):
        known[:] = whole
        return known
    return whole


def spoil(value: Value, why: Value) -> None:
    """Make a list, or all lists of a class, uncertain. Whoever shares them sees it."""
    if isinstance(value, list):
        inside = list(value)
        if not isinstance(value, Tuple):
            value[:] = [Item(why, why.line if isinstance(why, Unknown) else 1)]
        for item in inside:
            spoil(item.value, why)
    elif isinstance(value, Class) and value.node is not None:
        for name in LISTS:
            spoil(value.attributes.get(name), why)
            value.attributes[name] = why
