"""What stands around migrations: ``apps.py``, settings modules and ``manage.py``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeGuard

from remigrate.following import follow
from remigrate.model import Broken
from remigrate.reader import parse
from remigrate.values import Class

if TYPE_CHECKING:
    from remigrate.values import Value


def read_config(data: bytes) -> str | None:
    """The app label that an ``apps.py`` gives its app; None when the file does not say for certain.

    Django takes the only `AppConfig` of the module that is not ``default = False``, else the only
    one with ``default = True`` (``AppConfig.create``). Where it would take none, its user has to
    name one in INSTALLED_APPS, and all of them have to agree.
    """
    tree = parse(data)
    if isinstance(tree, Broken):
        return None
    try:
        scope = follow(data, tree)
    except RecursionError:
        return None
    configs = [value for value in scope.names.values() if _is_config(value)]
    defaults = [config.attributes.get("default", True) for config in configs]
    if not all(isinstance(default, bool | None) for default in defaults):
        return None
    configs = [config for config, default in zip(configs, defaults, strict=True) if default]
    if len(configs) > 1:
        configs = [c for c in configs if "default" in c.attributes] or configs
    labels = {_label(config) for config in configs}
    return labels.pop() if len(labels) == 1 else None


def _is_config(value: Value) -> TypeGuard[Class]:
    return isinstance(value, Class) and value.node is not None and value.is_config


def _label(config: Class) -> str | None:
    label, name = config.attributes.get("label"), config.attributes.get("name")
    if name is None and config.whole:  # Django would refuse it
        return None
    if isinstance(label, str):
        return label
    if label is None and config.whole and isinstance(name, str):
        return name.rpartition(".")[2]
    return None


_MODEL_SETTING = re.compile(
    rb"""^[ \t]*+(?=[A-Z][A-Z0-9_]*MODEL)([A-Z0-9_]++)[ \t]*(?::[^=\n]*)?=(?!=)[ \t]*"""
    rb"""(?:["'](\w+\.\w+)["'][ \t\r]*(?:\#.*)?$)?""",
    re.MULTILINE,
)


def read_settings(data: bytes) -> dict[str, str | None]:
    """Settings that name a model, as in ``AUTH_USER_MODEL = "users.User"``.

    None for one that is computed, or given two different values.
    """
    found: dict[str, str | None] = {}
    for match in _MODEL_SETTING.finditer(data):
        name = match[1].decode()
        value = match[2].decode("utf-8", "replace") if match[2] else None
        found[name] = value if found.get(name, value) == value else None
    return found


def names_settings(data: bytes) -> bool:
    """Whether a ``manage.py`` says, when it runs, which settings module to use."""
    return b"DJANGO_SETTINGS_MODULE" in data or b"configurations" in data
