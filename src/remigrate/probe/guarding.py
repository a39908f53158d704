"""The shell of every migration that a reset writes, guard included.

A part of the probe; see `script`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import migrations

from remigrate.probe import guard

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODULE = "remigrate_guard"


def migration(segment: Mapping[str, Any], operations: list[Any], atomic: bool) -> Any:
    """A migration with these operations, and with all that the segment says of it."""
    names: dict[str, Any] = {"__name__": _MODULE}
    exec(compile(_text(segment), f"<{_MODULE}>", "exec"), names)  # noqa: S102 # our own
    above, below = (
        [eval(call, names) for call in calls]  # noqa: S307 # our own
        for calls in (_above(segment), _below(segment))
    )
    operations = [*above, *operations, *below]
    dependencies: list[Any] = [tuple(key) for key in segment["dependencies"]]
    # As the autodetector has them, and Django's writer expects them.
    dependencies += [("__setting__", each) for each in segment["swappable"]]
    body = {
        "operations": operations,
        "dependencies": dependencies,
        "replaces": [tuple(key) for key in segment["replaces"]],
        "run_before": [tuple(key) for key in segment["run_before"]],
        "initial": True if segment["initial"] else None,
        "atomic": atomic,
        "__module__": _MODULE,
    }
    kind = type("Migration", (migrations.Migration,), body)
    return kind(segment["name"], segment["label"])


def module(segment: Mapping[str, Any]) -> dict[str, str]:
    """The source of the guard by the name of its module; nothing where there is none."""
    return {_MODULE: _text(segment)} if _above(segment) or _below(segment) else {}


def origins(segment: Mapping[str, Any], of: list[Any]) -> list[Any]:
    """Where each operation is from, if those between are `of` these."""
    return [None] * len(_above(segment)) + of


def _above(segment: Mapping[str, Any]) -> list[str]:
    """Calls in front of all operations."""
    found = [guard.call()] if segment["guards"] else []
    return [*found, guard.call(name=guard.ENTRANCE)] if segment["after"] else found


def _below(segment: Mapping[str, Any]) -> list[str]:
    """Calls behind all operations."""
    return [guard.marking()] if segment["marks"] else []


def _text(segment: Mapping[str, Any]) -> str:
    squashes = [(label, name) for label, name in segment["guards"]]
    key = (segment["label"], segment["name"])
    parts = ["from django.db import migrations"]
    if squashes:
        parts.append(guard.source(squashes, segment["message"]))
    if segment["after"]:
        parts.append(guard.entrance(key, segment["after"], segment["message"]))
    if segment["marks"]:
        parts.append(guard.mark((segment["label"], segment["marks"])))
    parts.append(guard.operation())
    return "\n\n\n".join(part.rstrip("\n") for part in parts) + "\n"
