"""Puts project states into a form in which they can be compared, and sent.

A part of the probe; see `script`. A state is {"label.Model": {part: words}}, where a part is
``field name``, ``option name``, ``bases`` or ``managers``. The order of fields says nothing about
a database that lasts, and is left out. So is the name of a module that will be gone: what is
carried over from there is known by its own name.
"""

from __future__ import annotations

import datetime
import functools
import re
import types
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.migrations.writer import MigrationWriter
from django.utils.functional import Promise

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_SETS = ("unique_together", "index_together")
_UNORDERED = ("indexes", "constraints")


def described(state: Any, gone: Collection[str]) -> dict[str, dict[str, str]]:
    """Every model of a project state. `gone`: dotted names of modules that will be deleted."""
    words = _Words(gone)
    return {
        f"{model.app_label}.{model.name}": words.model(model) for model in state.models.values()
    }


def differing(one: Any, other: Any, label: str) -> list[str]:
    """Names of the app's models that are not the same in two project states."""
    words = _Words(())
    described = [
        {model.name: words.model(model) for model in state.models.values() if _is_of(model, label)}
        for state in (one, other)
    ]
    first, second = described
    return sorted(name for name in {*first, *second} if first.get(name) != second.get(name))


def table(label: str, name: str, options: Mapping[str, Any]) -> str:
    """The table of a model with these options, in lower case."""
    return str(options.get("db_table") or f"{label}_{name}").lower()


def _is_of(model: Any, label: str) -> bool:
    return bool(model.app_label == label)


class _Words:
    def __init__(self, gone: Collection[str]) -> None:
        self._gone = set(gone)

    def model(self, model: Any) -> dict[str, str]:
        found = {f"field {name}": self.value(field) for name, field in model.fields.items()}
        for name, value in model.options.items():
            if value or value is False or value == 0:
                found[f"option {name}"] = self._option(name, value)
        found["bases"] = ", ".join(self._base(base) for base in model.bases)
        found["managers"] = ", ".join(
            f"{name}={self.value(manager)}" for name, manager in model.managers
        )
        return found

    def _option(self, name: str, value: Any) -> str:
        if name in _SETS:
            return str(sorted(tuple(fields) for fields in value))
        if name in _UNORDERED:
            return str(sorted({self.value(each) for each in value}))
        return self.value(value)

    def _base(self, base: Any) -> str:
        return base.lower() if isinstance(base, str) else self._name(base)

    def value(self, value: Any) -> str:
        if isinstance(value, models.Field):
            _, path, args, options = value.deconstruct()
            return self._call(path, args, options)
        if isinstance(value, functools.partial):
            return (
                f"partial({self.value(value.func)}, {self._call('', value.args, value.keywords)})"
            )
        if isinstance(value, (types.FunctionType, types.MethodType, type)):
            return self._name(value)
        if isinstance(value, models.manager.BaseManager):
            as_manager, manager, queryset, args, options = value.deconstruct()
            return self._call(str(queryset if as_manager else manager), args or (), options or {})
        if hasattr(value, "deconstruct") and not isinstance(value, type):
            found = value.deconstruct()
            return self._call(*found[-3:])
        if isinstance(value, dict):
            pairs = sorted((self.value(key), self.value(each)) for key, each in value.items())
            return "{" + ", ".join(f"{key}: {each}" for key, each in pairs) + "}"
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(map(self.value, value)) + "]"
        if isinstance(value, (set, frozenset)):
            return "{" + ", ".join(sorted(map(self.value, value))) + "}"
        return self._plain(value)

    def _plain(self, value: Any) -> str:
        if isinstance(value, Promise):
            return repr(str(value))
        if isinstance(value, str):
            return repr(str(value))
        if value is None or isinstance(value, (bool, int, float, bytes, datetime.date)):
            return repr(value)
        try:
            text = str(MigrationWriter.serialize(value)[0])
        except ValueError:  # Django cannot write it, so nobody can see from a file what it is
            return self._name(type(value))
        for module in self._gone:
            text = text.replace(f"{module}.", "")
        return text

    def _call(self, path: str, args: Any, options: Any) -> str:
        written = [self.value(each) for each in args]
        written += [
            f"{name}={self._argument(name, each)}" for name, each in sorted(options.items())
        ]
        return f"{self._short(path)}({', '.join(written)})"

    def _argument(self, name: str, value: Any) -> str:
        # A model is the same in any case, and is named as a string in some states.
        if name in ("to", "through") and isinstance(value, str):
            return repr(str(value).lower())
        return self.value(value)

    def _name(self, value: Any) -> str:
        module = getattr(value, "__module__", "")
        name = getattr(value, "__qualname__", type(value).__name__)
        if module in self._gone:
            return re.sub(r"^.*<locals>\.", "", name)
        return self._short(f"{module}.{name}")

    def _short(self, path: str) -> str:
        module, _, name = path.rpartition(".")
        return name if module in self._gone else path
