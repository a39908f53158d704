"""What a backup wants to know of the project's databases: their rows, and how tools reach them.

A part of the probe, the last one; see `script`. One command, which only reads:

"reach"
    aliases     those to look at; all that have an engine when empty
  answers
    aliases     [alias] of the settings
    databases   [{alias, vendor, version, place, missing, failed, rows, name, host, port, user,
                password, options, variables, path, encrypted, pooled}]
                vendor, version, place, missing, failed: as "status" has them
                rows: [[id, app, name, applied]] as `recorded` reads them; null without that table
                name: what the server calls the database; path: of SQLite's file, absolute
                host, port, user, password, options: as the settings have them
                variables: {name: text}, all those that lead PostgreSQL's client; null where unset
                encrypted: whether the connection is; null where that was not asked
                pooled: whether somebody stands between us and the server, who hands its sessions
                on to others; null where that was not asked
"""

from __future__ import annotations

from typing import Any

from remigrate.probe import live, recorded, scratch, script


def answer(probe: Any, command: str, data: dict[str, Any]) -> dict[str, Any]:
    """The answer to a command of the header. Raises KeyError for any other."""
    return {"reach": reach}[command](probe, data)


def reach(probe: Any, data: dict[str, Any]) -> dict[str, Any]:
    """The answer to "reach"."""
    return {
        "aliases": sorted(probe.own_databases),
        "databases": [
            _database(probe, alias, config)
            for alias, config in live.asked(probe.own_databases, data["aliases"]).items()
        ],
    }


def _database(probe: Any, alias: str, config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        **{"alias": alias, "vendor": "", "version": "", "place": live.place(config)},
        **{"missing": False, "failed": "", "rows": None, "name": "", "path": ""},
        **{key: str(config.get(key.upper()) or "") for key in ("host", "port", "user", "password")},
        **{"options": config.get("OPTIONS") or {}, "encrypted": None, "pooled": None},
        "variables": {name: config["VARIABLES"].get(name) for name in script.LEADING_ELSEWHERE},
    }
    try:
        found["vendor"] = scratch.vendor(config)
        with recorded.unlocked(config) as cursor:
            connection = cursor.db
            found["version"] = live.version(connection)
            found.update(_ABOUT.get(connection.vendor, _about_others)(cursor))
            if recorded.TABLE in connection.introspection.table_names(cursor):
                found["rows"] = recorded.rows(cursor)
    except live.Missing as missing:
        found["missing"], found["path"] = True, str(missing)
    except Exception as error:  # noqa: BLE001 # a driver has its own kinds
        found["failed"] = script.Failures(probe).message(error)
    return found


def _about_sqlite(cursor: Any) -> dict[str, Any]:
    cursor.execute("PRAGMA database_list")
    path = next((row[2] for row in cursor.fetchall() if row[1] == "main"), "")
    return {"path": path} if path else {"failed": "it is in memory"}


def _about_postgresql(cursor: Any) -> dict[str, Any]:
    cursor.execute("SELECT current_database(), pg_backend_pid()")
    name, process = cursor.fetchone()
    driver = cursor.db.connection
    is_old = hasattr(driver, "get_backend_pid")  # psycopg 2
    told = driver.get_backend_pid() if is_old else driver.info.backend_pid
    return {"name": name, "pooled": told != process}  # a pool tells a number of its own


def _about_mysql(cursor: Any) -> dict[str, Any]:
    cursor.execute("SELECT DATABASE()")
    (name,) = cursor.fetchone()
    cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    encrypted = any(value for _, value in cursor.fetchall())
    return {"name": name, "encrypted": encrypted}


def _about_others(cursor: Any) -> dict[str, Any]:
    return {"name": str(cursor.db.settings_dict.get("NAME") or "")}


_ABOUT = {"sqlite": _about_sqlite, "postgresql": _about_postgresql, "mysql": _about_mysql}
