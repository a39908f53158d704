"""What ``remigrate db restore`` does not do, and what it says of that."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from remigrate.db import sqlite
from remigrate.probe import swapping
from tests.cli.project import refused
from tests.db.counter import Counter
from tests.db.test_backup import instead
from tests.db.test_restore import restored, spoil


def test_a_backup_that_is_none_is_told(on_sqlite: Counter) -> None:
    refused(on_sqlite.db("restore", "gone"), 3, "gone is not a backup", "db backup")


def test_a_backup_is_named_by_its_time(on_sqlite: Counter) -> None:
    folder = on_sqlite.backup("--part", "files")
    assert "as they were" in on_sqlite.db("restore", folder.name).out
    ran = on_sqlite.db("restore", f".remigrate/backups/{folder.name}", "shop")
    assert ran.out.endswith("Nothing to do: all is as it was.\n")


def test_parts_and_aliases_that_are_not_in_it_are_told(on_sqlite: Counter) -> None:
    folder = on_sqlite.backup("--part", "rows")
    ran = on_sqlite.db("restore", folder, "--part", "dump")
    refused(ran, 2, "the backup has no dump", "It has: rows.")
    ran = on_sqlite.db("restore", folder, "--alias", "away")
    refused(ran, 2, "the backup has no database away", "It has: default.")


def test_a_backup_of_another_database_is_refused(on_sqlite: Counter) -> None:
    folder = on_sqlite.backup()
    other = on_sqlite.path / "other.sqlite3"
    other.write_bytes((on_sqlite.path / "db.sqlite3").read_bytes())
    on_sqlite.set_up(f'DATABASES["default"]["NAME"] = {str(other)!r}\n')
    ran = on_sqlite.db("restore", folder, "--apply")
    refused(ran, 2, "one of the database db.sqlite3, and the settings lead to other", "--settings")


def test_a_backup_of_another_vendor_is_refused(on_sqlite: Counter) -> None:
    folder = on_sqlite.backup()
    document = json.loads((folder / "manifest.json").read_text())
    document["databases"][0].update(vendor="postgresql", version="15.1")
    (folder / "manifest.json").write_text(json.dumps(document))
    ran = on_sqlite.db("restore", folder, "--apply")
    refused(ran, 2, "one of postgresql 15.1, and the database is sqlite 3.", "--settings")


def test_a_table_that_is_held_leaves_everything(on_postgresql: Counter) -> None:
    folder = on_postgresql.backup("--part", "rows")
    spoil(on_postgresql)
    spoiled = on_postgresql.content()
    on_postgresql.configure("lock-time-limit = 1")
    with contextlib.closing(on_postgresql.connect()) as other:
        cursor = other.cursor()
        cursor.execute("BEGIN")
        cursor.execute("UPDATE django_migrations SET app = app")
        ran = on_postgresql.db("restore", folder, "--part", "rows", "--apply")
        refused(ran, 4, "was held by somebody else for 1 second", "Run it again when")
        cursor.execute("ROLLBACK")
    assert on_postgresql.content() == spoiled


def test_a_dump_waits_for_nobody_longer_than_that(counter: Counter) -> None:
    folder = counter.backup("--part", "dump")
    spoil(counter)
    spoiled = counter.content()
    counter.configure("lock-time-limit = 1")
    with contextlib.closing(counter.connect()) as other:
        cursor = other.cursor()
        cursor.execute({"sqlite": "BEGIN IMMEDIATE"}.get(counter.vendor, "BEGIN"))
        cursor.execute("UPDATE goods SET id = id")
        ran = counter.db("restore", folder, "--part", "dump", "--apply")
        assert ran.code == 4, ran
        cursor.execute("ROLLBACK")
    words = {"sqlite": "held by somebody else", "postgresql": "lock timeout", "mysql": "Lock wait"}
    assert words[counter.vendor] in ran.err
    assert counter.content() == spoiled
    assert len(counter.databases()) == counter.at_first


def test_a_user_that_may_only_read_changes_nothing(on_server: Counter) -> None:
    folder = on_server.backup("--part", "rows")
    spoil(on_server)
    spoiled = on_server.content()
    name = on_server.config["NAME"]
    marks = "'reader'" if on_server.vendor == "postgresql" else "'reader'@'127.0.0.1'"
    user = marks.replace("'reader'", "reader") if on_server.vendor == "postgresql" else marks
    grant = {
        "postgresql": "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
        "mysql": f"GRANT SELECT ON {name}.* TO {user}",
    }[on_server.vendor]
    password = "PASSWORD" if on_server.vendor == "postgresql" else "IDENTIFIED BY"
    on_server.do(f"CREATE USER {user} {password} 'r34d'", grant)
    try:
        own = dict(on_server.config)
        on_server.config.update(USER="reader", PASSWORD="r34d")
        on_server.set_up()
        ran = on_server.db("restore", folder, "--apply")
        assert "denied" in ran.err
        refused(ran, 4, "was not restored: ", "Nothing was changed")
        on_server.config.update(own)
        assert on_server.content() == spoiled
    finally:
        on_server.config.update(own)
        drop = "DROP OWNED BY reader; " if on_server.vendor == "postgresql" else ""
        on_server.do(f"{drop}DROP USER {user}")


def test_a_table_that_is_gone_is_told_with_the_way_out(on_sqlite: Counter) -> None:
    before = on_sqlite.content()
    folder = on_sqlite.backup()
    on_sqlite.do("DROP TABLE django_migrations")
    ran = on_sqlite.db("restore", folder, "--apply")
    refused(ran, 4, "has no table django_migrations", "--part dump")
    restored(on_sqlite, folder, "--part", "dump", "--apply")
    assert on_sqlite.content() == before


def test_a_file_that_is_gone_comes_back_with_its_dump(on_sqlite: Counter) -> None:
    before = on_sqlite.content()
    on_sqlite.do("PRAGMA journal_mode = WAL")
    folder = on_sqlite.backup()
    for path in on_sqlite.path.glob("db.sqlite3*"):
        path.unlink()
    done = restored(on_sqlite, folder, "--part", "dump", "--apply")
    assert done["undo"] is None
    assert on_sqlite.content() == before


@pytest.mark.needs("servers")
@pytest.mark.parametrize("when", ["now", "then"])
def test_what_is_no_table_stands_in_the_way_of_a_dump(on_mysql: Counter, when: str) -> None:
    view = "CREATE VIEW names AS SELECT name FROM goods"
    if when == "then":
        on_mysql.do(view)
    folder = on_mysql.backup("--part", "dump")
    on_mysql.do("DROP VIEW names" if when == "then" else view, "DELETE FROM parts")
    before = on_mysql.content()
    # What is in the way already is told before hours are spent on loading.
    unused = 'echo "mariadb Ver 15"; test "$1" = --version'
    words = instead(on_mysql, "mariadb", unused) if when == "now" else []
    ran = on_mysql.db("restore", folder, "--part", "dump", "--apply", *words)
    refused(ran, 4, "there is a view or a sequence, names", "mariadb")
    assert str(Path(folder.name) / "default/dump.sql") in ran.err
    assert on_mysql.content() == before
    assert len(on_mysql.databases()) == on_mysql.at_first


def test_what_was_done_before_another_database_failed_is_told(on_sqlite: Counter) -> None:
    other = on_sqlite.path / "away.sqlite3"
    other.write_bytes((on_sqlite.path / "db.sqlite3").read_bytes())
    on_sqlite.set_up(f'DATABASES["away"] = DATABASES["default"] | {{"NAME": {str(other)!r}}}\n')
    on_sqlite.configure("lock-time-limit = 1")
    on_sqlite.do("DELETE FROM django_migrations WHERE app = 'orders'")
    before = on_sqlite.content()
    folder = on_sqlite.backup("--part", "rows")
    spoil(on_sqlite)
    with contextlib.closing(sqlite3.connect(other, isolation_level=None)) as far:
        far.execute("DELETE FROM django_migrations")
        far.execute("BEGIN IMMEDIATE")
        ran = on_sqlite.db("restore", folder, "--apply")
        far.execute("ROLLBACK")
    assert ran.code == 4
    assert "the database away (" in ran.err
    assert ran.err.endswith("Restored before that: default.\n")
    assert on_sqlite.content() == before


def test_a_copy_that_is_cut_or_damaged_is_not_taken(on_sqlite: Counter, tmp_path: Path) -> None:
    live, before = on_sqlite.config["NAME"], on_sqlite.content()
    whole = (on_sqlite.path / "db.sqlite3").read_bytes()
    malformed = whole[:4096] + b"x" * 4096 + whole[8192:]
    (tmp_path / "copy").write_bytes(whole)
    with contextlib.closing(sqlite3.connect(tmp_path / "copy")) as copied:
        copied.execute("PRAGMA writable_schema = ON")
        copied.execute("DELETE FROM sqlite_master WHERE name = 'goods'")
        copied.commit()
    lossy = (tmp_path / "copy").read_bytes()
    for sent, copy, why in (
        (whole[:-4096], whole, "the copy did not come through whole"),
        (malformed, malformed, "the copy is damaged: database disk image is malformed"),
        (lossy, lossy, "the copy is damaged: "),
    ):
        argv = [
            sys.executable,
            "-I",
            "-c",
            sqlite.LOAD,
            live,
            hashlib.sha256(copy).hexdigest(),
            "1",
        ]
        ran = subprocess.run(argv, input=sent, capture_output=True, timeout=60)
        assert ran.returncode == 1
        assert why in ran.stderr.decode()
    assert on_sqlite.content() == before


@pytest.mark.parametrize(
    ("version", "is_old"),
    [
        ("10.5.29-MariaDB", True),
        ("10.6.1-MariaDB-log", False),
        ("11.8.2-MariaDB", False),
        ("5.7.44-log", True),
        ("8.0.36", False),
        ("8.4.5", False),
    ],
)
def test_a_server_that_may_rename_by_halves_is_not_asked_to(version: str, is_old: bool) -> None:
    with pytest.raises(swapping.Refused) if is_old else contextlib.nullcontext():
        swapping.demand_atomic(version)


def test_a_script_that_comes_through_in_part_changes_nothing(on_postgresql: Counter) -> None:
    """psql takes the end of what it reads for the end of the script, and says that all is well."""
    folder = on_postgresql.backup("--part", "dump")
    spoil(on_postgresql)
    spoiled = on_postgresql.content()
    part = '[ "$1" = --version ] && exec {0} "$@"; head -n 30 | {0} "$@"'
    words = instead(on_postgresql, "psql", "PATH=${PATH#*:}; " + part.format("psql"))
    ran = on_postgresql.db("restore", folder, "--part", "dump", "--apply", *words)
    refused(ran, 4, "psql on default did not get to the end", "by hand")
    assert on_postgresql.content() == spoiled
