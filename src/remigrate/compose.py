"""Which service of a compose file runs Django, as far as its text says so.

The file is read line by line, as people write it: nothing of ours reads YAML, and a wrong guess
would be worse than none. What anchors and other files bring along is not followed.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_OWN = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""Those that `docker compose` finds by itself, in its order."""
_NAMED = ("docker-compose.local.yml", "local.yml")
"""As cookiecutter-django calls them, now and before."""
_SERVES = re.compile(r"\b(runserver|gunicorn|uvicorn|daphne|hypercorn|granian|uwsgi)")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
"""Compose takes no other, and a name becomes a word of a command line."""
_USUAL = ("django", "web", "backend", "app", "api", "server")
"""Names of services, where no command tells; the first one is clear beside any other."""


class Compose(NamedTuple):
    """A compose file."""

    path: str
    services: tuple[str, ...]
    """Those that may run Django; one when it is clear."""

    def python(self, home: str) -> str | None:
        """The command that leads to the project's interpreter from the folder `home`."""
        if len(self.services) != 1:
            return None
        own = os.path.basename(self.path) in _OWN
        file = "" if own else f"-f {os.path.relpath(self.path, home)} "
        return f"docker compose {file}exec -T {self.services[0]} python"


def find(folders: Iterable[str]) -> Compose | None:
    """The first compose file in one of `folders`; None without one."""
    for folder in folders:
        for name in (*_OWN, *_NAMED):
            path = os.path.join(folder, name)
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    return Compose(path, services(file.read()))
            except OSError:
                continue
    return None


def services(text: str) -> tuple[str, ...]:
    """Names of the services that may run Django."""
    blocks = {name: keys for name, keys in _blocks(text).items() if _NAME.fullmatch(name)}
    serving = [name for name, keys in blocks.items() if _SERVES.search(_command(keys))]
    usual = [name for name in _USUAL if _is_made_here(blocks.get(name, {}))]
    likely = serving or usual
    if len(likely) > 1:
        both = [name for name in likely if name in usual]
        likely = ["django"] if "django" in both else both if len(both) == 1 else likely
    return tuple(likely)


def _command(keys: dict[str, str]) -> str:
    return keys.get("entrypoint", "") + keys.get("command", "")


def _is_made_here(keys: dict[str, str]) -> bool:
    """Whether the image is the project's: a `web` may be somebody's nginx."""
    return not keys.keys().isdisjoint({"build", "<<", "extends"})


def _blocks(text: str) -> dict[str, dict[str, str]]:
    """The services, each with its keys and the text below them."""
    found: dict[str, dict[str, str]] = {}
    of_services = of_keys = 0  # depths; 0 for not known yet
    inside, key = False, ""
    for line in text.splitlines():
        bare = line.strip()
        depth = len(line) - len(line.lstrip())
        if not bare or bare.startswith("#"):
            continue
        if not depth:
            inside, of_services = bool(re.match(r"services:\s*(#|$)", line)), 0
            continue
        of_services = of_services or depth
        name, _, rest = bare.partition(":")
        if inside and depth == of_services:
            keys = found.setdefault(name.strip("\"'"), {})
            of_keys = 0
        elif inside:
            of_keys = of_keys or depth
            if depth == of_keys and not bare.startswith("-"):
                key, bare = name, rest
            keys[key] = f"{keys.get(key, '')} {bare}"
    return found
