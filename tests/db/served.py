"""A database of a project's own on a server of the tests, and somebody who looks into it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from typing import Any

from remigrate.servers import Config

DRIVER = """
if any("mysql" in each["ENGINE"] for each in DATABASES.values()):
    import pymysql

    pymysql.install_as_MySQLdb()
"""
"""For settings: the machine of the tests has this driver alone."""


@contextlib.contextmanager
def database(config: Config, how: str = "") -> Iterator[Config]:
    """A new database of that server, made with the words `how`; dropped at the end."""
    name = f"remigrate_own_{os.getpid()}_{secrets.token_hex(4)}"
    with cursor(config) as admin:
        admin.execute(f"CREATE DATABASE {name} {how}")
    try:
        yield {key: each for key, each in config.items() if key != "THROUGH"} | {"NAME": name}
    finally:
        force = " WITH (FORCE)" if "postgresql" in str(config["ENGINE"]) else ""
        with cursor(config) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name}{force}")


@contextlib.contextmanager
def cursor(config: Config) -> Iterator[Any]:
    """A cursor there, as the database's own tools have it: without Django."""
    connection: Any
    words = {"host": config["HOST"], "port": int(str(config["PORT"])), "user": config["USER"]}
    if "postgresql" in str(config["ENGINE"]):
        import psycopg

        there = {"password": config["PASSWORD"], "dbname": config["NAME"], "autocommit": True}
        connection = psycopg.connect(**words, **there)  # type: ignore[arg-type]
    else:
        import pymysql

        there = {"password": config["PASSWORD"], "database": config["NAME"], "autocommit": True}
        connection = pymysql.connect(**words, **there)
    with contextlib.closing(connection), connection.cursor() as found:
        yield found
