"""What a job without any right to write hands to the one that writes: JSON. Pure.

The job that made it ran the project's code, so it is read as hostile: every value must have the
shape that `encoded` gives it, and whoever uses the files asks of each whether it may be committed.
"""

from __future__ import annotations

import base64
import binascii
import json
import types
import typing
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from remigrate import outcome  # noqa: TC001 # the shapes are read at run time
from remigrate.errors import UsageFailure

VERSION = 1
MOST_BYTES = 64 << 20
_Shape = TypeVar("_Shape")


class Failed(NamedTuple):
    """Why nothing came of it."""

    why: str
    hint: str = ""


class Handover(NamedTuple):
    """What a job came to, at which commits."""

    head: str
    base: str
    reset: outcome.Reset | None = None
    files: tuple[tuple[str, str | None], ...] = ()
    """Path and content (base64); None for a file that goes."""
    behind: tuple[str, ...] = ()
    """Migrations of base that the pull request lacks, where that ended it."""
    failed: Failed | None = None

    def contents(self) -> dict[str, bytes | None]:
        """The files' contents by path. Raises `UsageFailure`."""
        try:
            return {
                path: None if text is None else base64.b64decode(text, validate=True)
                for path, text in self.files
            }
        except binascii.Error as error:
            raise _bad(str(error)) from error


def packed(files: typing.Mapping[str, bytes | None]) -> tuple[tuple[str, str | None], ...]:
    """Contents by path, as `Handover.files` has them."""
    return tuple(
        (path, None if content is None else base64.b64encode(content).decode())
        for path, content in sorted(files.items())
    )


def encoded(handover: Handover) -> str:
    """As text."""
    return json.dumps({"version": VERSION, "handover": handover})  # named tuples become lists


def decoded(text: str) -> Handover:
    """The same from text. Raises `UsageFailure` for whatever is of another shape."""
    if len(text) > MOST_BYTES:
        raise _bad("it is larger than any reset")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad("it is no JSON") from error
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise _bad(f"it is not of version {VERSION}")
    return _shaped(found.get("handover"), Handover, "handover")


def _bad(why: str) -> UsageFailure:
    return UsageFailure(
        f"the plan cannot be used: {why}",
        "Let both jobs use the same version, and hand over the file that the output plan names.",
    )


def _shaped(value: Any, shape: type[_Shape], where: str) -> _Shape:
    """`value` as a `shape`, each field of its type. Raises `UsageFailure`."""
    if not isinstance(value, list):
        raise _bad(f"{where} is no list")
    hints = typing.get_type_hints(shape)
    if len(value) != len(hints):
        raise _bad(f"{where} has {len(value)} fields")
    fields = zip(hints.items(), value, strict=True)
    return shape(*(_typed(each, hint, f"{where}.{name}") for (name, hint), each in fields))


def _typed(value: Any, hint: Any, where: str) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        return _typed(value, next(each for each in inner if each is not type(None)), where)
    if origin is Literal:
        if isinstance(value, str) and value in inner:
            return value
    elif origin is tuple:
        if isinstance(value, list):
            return _tuple(value, inner, where)
    elif hint is float:
        if type(value) in (int, float):
            return float(value)
    elif hint in (str, int, bool):
        if type(value) is hint:
            return value
    else:
        return _shaped(value, hint, where)
    raise _bad(f"{where} is of another kind")


def _tuple(value: list[Any], inner: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if inner[-1:] == (Ellipsis,):
        return tuple(_typed(each, inner[0], f"{where}[{at}]") for at, each in enumerate(value))
    if len(value) != len(inner):
        raise _bad(f"{where} has {len(value)} values")
    pairs = zip(value, inner, strict=True)
    return tuple(_typed(each, hint, f"{where}[{at}]") for at, (each, hint) in enumerate(pairs))
