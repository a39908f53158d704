"""Asks Django's own ``AppConfig.create`` which label an app gets.

Reads one JSON object of ``apps.py`` texts, by package name, and writes one of answers: the label,
or null, for the package itself as an entry of INSTALLED_APPS, and for each of its configurations.
"""

from __future__ import annotations

import importlib
import json
import pathlib
import sys
import tempfile
from typing import Any


def label(entry: str) -> Any:
    """The label of an app that INSTALLED_APPS names so."""
    from django.apps import AppConfig

    try:
        return AppConfig.create(entry).label
    except Exception:
        return None


def answers(package: str) -> dict[str, Any] | None:
    """What Django says of the package, and of each configuration that is defined in it."""
    from django.apps import AppConfig

    try:
        module = importlib.import_module(f"{package}.shop.apps")
    except Exception:
        return None
    own = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, AppConfig) and value is not AppConfig
    ]
    entries = {name: label(f"{package}.shop.apps.{name}") for name in own}
    return {"": label(f"{package}.shop"), **entries}


def main() -> None:
    """One question, one answer."""
    from django.conf import settings

    settings.configure(INSTALLED_APPS=[])
    texts = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        for package, text in texts.items():
            shop = pathlib.Path(folder, package, "shop")
            shop.mkdir(parents=True)
            for place in (shop.parent, shop):
                (place / "__init__.py").touch()
            (shop / "apps.py").write_text(text)
        json.dump({package: answers(package) for package in texts}, sys.stdout)


if __name__ == "__main__":
    main()
