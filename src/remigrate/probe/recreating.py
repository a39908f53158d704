"""Makes one of the project's own databases anew, where that is not forbidden.

A part of the probe, the last one; see `script`. Two commands:

"recreation" tells what would go, and changes nothing
    alias       of which database; null where the settings have one alone
    name        what the user calls it; null where they were not asked
  answers
    aliases     [alias] of the settings that have an engine
    alias       null where it must be asked for
    settings    name of the settings module
    vendor, server, place   as Django calls it; with its version, empty where it could not be read;
                without user and password
    name        what it is called
    missing     there is no such database
    tables      [[name, rows]], null where it could not be read
    is_more     a table has more rows, which were not counted
    plan        how many migrations ``migrate`` would run on an empty one
    has_users   whether there is ``createsuperuser``
    refused     null, or [kind, detail]: why nothing is done. The kinds are those of `_refusal`,
                `_place` and `dropping.hindrance`
"recreate" does it, unless "recreation" refuses, and answers the same. Two kinds more:
    "failed"    it is as it was
    "lost"      it is gone, and was not made anew
"""

from __future__ import annotations

import ipaddress
import os
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from remigrate.probe import applied, dropping, live, scratch, script

MOST = 100_000
"""Rows that are counted in one table."""
_HOSTS = ("host", "hostaddr")
_FILES = ("service", "servicefile", "read_default_file", "read_default_group", "option_files")
"""Of ``OPTIONS``: what leads to a file that tells the host."""
_NAMES = ("dbname", "database", "db")
_ELSEWHERE = ("PGHOSTADDR", "PGSERVICE")
"""Variables that lead PostgreSQL's client elsewhere than HOST, which is all that `away` knows."""
_VARIABLES = {"postgresql": "PGHOST"}
"""What a client looks at where the settings have no host."""

Refusal = Any  # (kind, detail), or None


def answer(probe: Any, command: str, data: dict[str, Any]) -> dict[str, Any]:
    """The answer to a command of the header. Raises KeyError for any other."""
    return {"recreation": recreation, "recreate": recreate}[command](probe, data)


def recreate(probe: Any, data: dict[str, Any]) -> dict[str, Any]:
    """The answer to "recreate"."""
    found = recreation(probe, data)
    if found["refused"]:
        return found
    try:
        dropping.make_anew(_named(probe.own_databases[found["alias"]]))
    except dropping.Lost as error:
        found["refused"] = "lost", str(error)
    except Exception as error:  # noqa: BLE001 # a driver has its own kinds
        found["refused"] = "failed", script.Failures(probe).message(error)
    return found


def recreation(probe: Any, data: dict[str, Any]) -> dict[str, Any]:
    """The answer to "recreation"."""
    databases = live.asked(probe.own_databases, [])
    alias = data["alias"] or (next(iter(databases)) if len(databases) == 1 else None)
    found: dict[str, Any] = {
        **{"aliases": sorted(databases), "alias": alias, "vendor": "", "server": "", "place": ""},
        **{"name": "", "missing": False, "tables": None, "is_more": False, "plan": 0},
        **{"has_users": apps.is_installed("django.contrib.auth"), "refused": None},
        "settings": os.environ.get("DJANGO_SETTINGS_MODULE", ""),
    }
    if alias is None or alias not in databases:
        return {**found, "refused": ("alias", alias or "")}
    config = _named(databases[alias])
    found.update(vendor=scratch.vendor(config), place=live.place(config), name=_called(config))
    leading = [name for name in _ELSEWHERE if config["VARIABLES"].get(name)]
    if found["vendor"] == "postgresql" and leading:
        return {**found, "refused": ("environment", " and ".join(leading))}
    planned = applied.judged(probe, [])
    if "conflict" in planned:
        return {**found, "refused": ("conflict", planned["conflict"])}
    found["plan"] = len(planned["plan"])
    found["refused"] = _refusal(alias, databases) or _place(config, found["name"], data["name"])
    if found["refused"]:
        return found
    try:
        found["missing"] = dropping.missing(config)
        found["refused"] = dropping.hindrance(config)
    except Exception as error:  # noqa: BLE001 # a driver has its own kinds
        return {**found, "refused": ("unreachable", script.Failures(probe).message(error))}
    return found if found["missing"] or found["refused"] else {**found, **_contents(config)}


def _named(config: dict[str, Any]) -> dict[str, Any]:
    """NAME may be a path."""
    return {**config, "NAME": str(config.get("NAME") or "")}


def _called(config: dict[str, Any]) -> str:
    name = config["NAME"]
    return os.path.basename(name) if scratch.vendor(config) == "sqlite" else str(name)


def _refusal(alias: str, databases: dict[str, Any]) -> Refusal:
    """What the settings of all aliases say against it."""
    config = databases[alias]
    mirrored = (config.get("TEST") or {}).get("MIRROR")
    if mirrored:
        return "mirror", mirrored
    if scratch.vendor(config) not in dropping.VENDORS:
        return "vendor", scratch.vendor(config)
    name, options = str(config.get("NAME") or ""), config.get("OPTIONS") or {}
    if name.startswith(live.IN_MEMORY):
        return "memory", name
    if not name or any(options.get(key) for key in _NAMES):
        return "unnamed", ""
    same = [each for each in databases if each != alias and _is_same(config, databases[each])]
    return ("shared", ", ".join(same)) if same else None


def _is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether both are the same database, however they get there: a host has many names."""
    kind = scratch.vendor(one)
    try:
        if scratch.vendor(other) != kind:
            return False
    except (ImproperlyConfigured, ImportError):  # its driver is not installed
        return False
    names = [str(each.get("NAME") or "") for each in (one, other)]
    if kind == "sqlite":
        return os.path.realpath(names[0]) == os.path.realpath(names[1])
    if names[0] != names[1]:
        return False
    ports = [str(each.get("PORT") or "") for each in (one, other)]
    hosts = [away(each) for each in (one, other)]
    return hosts[0] == hosts[1] and (ports[0] == ports[1] or "" in ports)


def _place(config: dict[str, Any], called: str, name: str | None) -> Refusal:
    """What speaks against it where the user has not given its name."""
    if name is not None:
        return None if name == called else ("name", name)
    if not settings.DEBUG:
        return "debug", ""
    host = away(config) if scratch.vendor(config) != "sqlite" else ""
    return ("host", host) if host else None


def away(config: dict[str, Any]) -> str:
    """The host that is not this machine, or the file that hides it; else empty."""
    options = config.get("OPTIONS") or {}
    for key in _FILES:
        if options.get(key):
            return f"{key} {options[key]}"
    variable = _VARIABLES.get(scratch.vendor(config), "")
    hosts = [config.get("HOST") or options.get("host") or os.environ.get(variable)]
    hosts += [options.get(key) for key in _HOSTS]
    return next((str(host) for host in hosts if host and not _is_local(str(host))), "")


def _is_local(host: str) -> bool:
    if host.lower() == "localhost" or host.startswith(("/", "@")):  # a socket
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _contents(config: dict[str, Any]) -> dict[str, Any]:
    """Version and tables; without these where the database is broken: it may go all the same."""
    from django.db import Error

    try:
        with live.opened(config) as connection, connection.cursor() as cursor:
            server = f"{connection.vendor} {live.version(connection)}"
            names = connection.introspection.table_names(cursor)
            tables = [[name, _count(cursor, name)] for name in names]
            is_more = any(rows == MOST for _, rows in tables)
            return {"server": server, "tables": tables, "is_more": is_more}
    except Error:
        return {}


def _count(cursor: Any, table: str) -> int:
    name = cursor.db.ops.quote_name(table)
    query = f"SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT {MOST}) counted"  # noqa: S608
    cursor.execute(query)
    return int(cursor.fetchone()[0])
