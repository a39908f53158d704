"""What the settings say of a connection reaches the vendor's tool, or is refused by name."""

from __future__ import annotations

import os
from typing import Any

import pytest

from remigrate import interpreters, runtime
from remigrate.db import mysql, tools
from remigrate.db.reached import Reached
from remigrate.errors import EnvironmentFailure, UsageFailure
from tests.cli.project import refused
from tests.db.counter import Counter


def _with(counter: Counter, options: dict[str, object], **more: str) -> None:
    counter.set_up(f'DATABASES["default"].update({more!r})\n'
                   f'DATABASES["default"]["OPTIONS"] = {options!r}\n')  # fmt: skip


def test_options_of_postgresql_are_handed_on(on_postgresql: Counter) -> None:
    log = on_postgresql.path.parent / "log"
    script = on_postgresql.path.parent / "bin" / "pg_dump"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$*" >> {log}\nPATH=${{PATH#*:}} exec pg_dump "$@"\n'
    )
    script.chmod(0o755)
    options = {
        "sslmode": "prefer",
        "application_name": "it's \\ odd",
        "isolation_level": 3,
        "assume_role": on_postgresql.config["USER"],
    }
    _with(on_postgresql, options)
    path = f"{script.parent}:{os.environ['PATH']}"
    ran = on_postgresql.db("backup", "--part", "dump", env={"PATH": path})
    assert ran.code == 0, ran
    said = log.read_text()
    assert "sslmode='prefer' application_name='it\\'s \\\\ odd' dbname=" in said
    assert f"--role={on_postgresql.config['USER']}" in said


def test_a_file_of_this_machine_is_not_handed_to_another(on_postgresql: Counter) -> None:
    _with(on_postgresql, {"passfile": "/home/me/.pgpass"})
    ran = on_postgresql.db("backup", "--tools", "env")
    refused(ran, 2, "has passfile, a file that is not where the tool runs", "--part rows")
    assert on_postgresql.kept() == []


def test_an_option_that_a_tool_cannot_be_told_is_named(on_mysql: Counter) -> None:
    _with(on_mysql, {"client_flag": 0})
    refused(on_mysql.db("backup"), 2, "has client_flag, which mariadb-dump cannot be", "--part")


def test_the_file_that_mysql_reads_is_read_by_its_tool(on_mysql: Counter) -> None:
    config = on_mysql.config
    lines = [f"{key.lower()}={config[key]}" for key in ("HOST", "PORT", "USER", "PASSWORD")]
    lines += [f"database={config['NAME']}"]
    file = on_mysql.write("my.cnf", "\n".join(["[client]", *lines, ""]))
    empty = dict.fromkeys(("HOST", "PORT", "USER", "PASSWORD"), "")
    _with(on_mysql, {"read_default_file": str(file)}, **empty)
    folder = on_mysql.backup("--part", "dump")
    assert b"CREATE TABLE `goods`" in (folder / "default/dump.sql").read_bytes()
    ran = on_mysql.db("backup", "--tools", "env")
    refused(ran, 2, "has read_default_file, a file that is not where", "--part rows")
    _with(on_mysql, {"read_default_file": str(file)})
    refused(on_mysql.db("backup"), 2, "has read_default_file, beside a PASSWORD", "--part rows")


MARIADB = tools.Tool("mariadb-dump", "mariadb-dump from 11.8.2-MariaDB")
MYSQL = tools.Tool("mysqldump", "mysqldump Ver 8.4.5 for Linux on x86_64")


def _database(encrypted: bool = False, password: str = "", **options: Any) -> Reached:
    return Reached(
        *("default", "mysql", "8.4.5", "shop", False, None, "shop", "", "db", "", "", password),
        *(options, {}, encrypted, None),
    )


def _ground(prefix: str) -> tools.Ground:
    interpreter = interpreters.Interpreter(("python",), "of a test")
    there = runtime.Place("/", ".", "", interpreter, None, {})
    return tools.Ground(there, tuple(prefix.split()), 10)


@pytest.mark.parametrize(
    ("tool", "encrypted", "options", "words"),
    [
        # Since 11.4 MariaDB's programs want TLS unless they are told otherwise.
        (MARIADB, False, {}, "--skip-ssl"),
        (MARIADB, True, {}, "--ssl --disable-ssl-verify-server-cert"),
        (MARIADB, True, {"ssl": {"ca": "/ca"}}, "--ssl-ca=/ca --ssl"),
        (MARIADB, True, {"ssl_mode": "VERIFY_IDENTITY"}, "--ssl"),
        (MARIADB, True, {"ssl_mode": "REQUIRED"}, "--ssl --disable-ssl-verify-server-cert"),
        (MYSQL, False, {}, ""),
        (MYSQL, True, {"ssl_mode": "REQUIRED"}, "--ssl-mode=REQUIRED"),
        (
            MYSQL,
            True,
            {"ssl": {"ca": "/ca", "cert": "/cert", "key": "/key"}, "ssl_mode": "VERIFY_CA"},
            "--ssl-ca=/ca --ssl-cert=/cert --ssl-key=/key --ssl-mode=VERIFY_CA",
        ),
    ],
)
def test_a_dump_is_encrypted_as_the_projects_own_connection_is(
    tool: tools.Tool, encrypted: bool, options: dict[str, Any], words: str
) -> None:
    database = _database(encrypted, **options)
    assert " ".join(mysql.encryption(tool, database, _ground(""))) == words


def test_a_certificate_of_this_machine_is_not_named_to_another() -> None:
    with pytest.raises(UsageFailure, match="ssl ca, a file that is not where the tool runs"):
        mysql.encryption(MYSQL, _database(True, ssl={"ca": "/ca"}), _ground("docker exec -i db"))


def test_a_password_of_two_lines_is_not_cut_in_two() -> None:
    database = _database(password="one\ntwo")
    with pytest.raises(EnvironmentFailure, match="has a line break, which --tools cannot hand on"):
        tools.run(MYSQL, [], database, _ground("env"), "MYSQL_PWD")
