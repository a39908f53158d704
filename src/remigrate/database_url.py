"""What names a database, or the kind of it: URLs, and the ENGINE of Django's settings."""

from __future__ import annotations

import os
import re
import secrets
from typing import Literal
from urllib.parse import parse_qsl, unquote

from remigrate.errors import UsageFailure

Config = dict[str, object]
"""Django's settings of one database."""
PREFIX = "remigrate_"
"""Names of scratch databases begin with it; no other database is ever made or dropped."""

_SCHEMES = {
    "postgres": "django.db.backends.postgresql",
    "postgresql": "django.db.backends.postgresql",
    "postgis": "django.contrib.gis.db.backends.postgis",
    "mysql": "django.db.backends.mysql",
    "mariadb": "django.db.backends.mysql",
    "sqlite": "django.db.backends.sqlite3",
}
_LIKE = "postgresql://user:password@host:5432/database"
_ENGINES: tuple[tuple[Literal["sqlite", "postgresql", "mysql"], str], ...] = (
    ("sqlite", r"sqlite|spatialite"),
    ("postgresql", r"postgre|postgis|psql|pgsql|psycopg|timescale"),
    ("mysql", r"mysql|mariadb"),
)


def vendor(engine: str) -> Literal["sqlite", "postgresql", "mysql", ""]:
    """The kind of database that an ENGINE of Django's settings is for, also a wrapped one."""
    for found, words in _ENGINES:
        if re.search(words, engine, re.IGNORECASE):
            return found
    return ""


def beside(config: Config, name: str) -> Config:
    """The scratch database called `name` of this run on the same server, or in the same folder."""
    own = f"{PREFIX}{_RUN}_{name}"
    if vendor(str(config["ENGINE"])) == "sqlite":
        folder = os.path.dirname(os.path.abspath(str(config["NAME"])))
        return {**config, "NAME": os.path.join(folder, own)}
    return {**config, "NAME": own, "THROUGH": config["NAME"]}


def named(url: str) -> dict[str, Config]:
    """What a reset makes its scratch databases with, by vendor: that of the database `url` names.

    Of SQLite, NAME is the folder that the file is in. Raises `UsageFailure`.
    """
    config = from_url(url)
    kind = vendor(str(config["ENGINE"]))
    if kind != "sqlite":
        return {kind: beside(config, "")}
    folder = os.path.dirname(str(config["NAME"]))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageFailure(
            f"no database can be made in {folder}", "Name a file in a folder that may be written."
        )
    return {kind: {**config, "NAME": folder}}


_RUN = secrets.token_hex(4)
"""Two runs at once may use one server."""


def from_url(url: str) -> Config:
    """Django's settings for the database that `url` names.

    Raises `UsageFailure` where it names none, without repeating the URL: there is a password in it.
    """
    scheme, colon, rest = url.partition("://")
    engine = _SCHEMES.get(scheme.lower()) if colon else None
    if engine is None:
        raise UsageFailure(
            "the URL of the database begins with none of "
            + ", ".join(f"{known}://" for known in _SCHEMES),
            f"For example {_LIKE}, or sqlite:///file.",
        )
    if "#" in rest:
        raise _nonsense("has a # in it: write %23")
    place, _, query = rest.partition("?")
    if "sqlite" in engine:
        return _sqlite(engine, place, query)
    return _on_server(engine, place, query)


def _nonsense(what: str) -> UsageFailure:
    return UsageFailure(f"the URL of the database {what}", f"For example {_LIKE}.")


def _sqlite(engine: str, place: str, query: str) -> Config:
    host, _, path = place.partition("/")
    if host or not path or query:
        raise UsageFailure(
            "the URL of the SQLite database names no file",
            "sqlite:///file in this folder, or sqlite:////folder/file.",
        )
    return {"ENGINE": engine, "NAME": os.path.abspath(unquote(path))}


def _on_server(engine: str, place: str, query: str) -> Config:
    netloc, _, path = place.partition("/")
    account, _, where = netloc.rpartition("@")
    user, _, password = account.partition(":")
    host, port = _host(where)
    options = _options(engine, query)
    name = unquote(path)
    if "/" in name or not name.isprintable():
        raise _nonsense("names no database")
    if not name and "postg" in engine:
        name = "postgres"
    return {
        "ENGINE": engine,
        "NAME": name,
        "USER": str(options.pop("user", unquote(user))),
        "PASSWORD": str(options.pop("password", unquote(password))),
        "HOST": str(options.pop("host", host)),
        "PORT": str(options.pop("port", port)),
        "OPTIONS": options,
    }


def _host(where: str) -> tuple[str, str]:
    """Host and port; the host may be an address in brackets, or a socket's folder with %2F."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:@,\s]*))(?::(\d{0,5}))?", where)
    if not found:
        raise _nonsense("names no host and port: in a password, @ is %40, : is %3A and / is %2F")
    return found[1] or unquote(found[2] or ""), found[3] or ""


def _options(engine: str, query: str) -> dict[str, object]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise _nonsense("has options that are not name=value") from None
    if "mysql" in engine:  # its drivers want numbers as numbers
        return {name: int(value) if value.isdecimal() else value for name, value in pairs}
    return dict(pairs)
