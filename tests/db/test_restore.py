"""``remigrate db restore``: what a backup holds is there again, to the last byte."""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from tests.db.counter import Counter, validator


def restored(counter: Counter, folder: Path, *words: str) -> dict[str, Any]:
    ran = counter.db("restore", folder, *words, "--format", "json")
    assert ran.code == 0, ran
    document: dict[str, Any] = json.loads(ran.out)
    validator("db-restore").validate(document)
    return document


def spoil(counter: Counter) -> None:
    """What somebody does by hand on a bad day."""
    counter.do(
        "DELETE FROM django_migrations WHERE app = 'orders'",
        "UPDATE django_migrations SET applied = '2001-01-01 00:00:00' WHERE name = '0002_price'",
        "INSERT INTO django_migrations (app, name, applied)"
        " VALUES ('shop', '0009_other', '2026-11-11 11:11:11.5')",
    )


def spoil_files(counter: Counter) -> None:
    (counter.path / "shop/migrations/0003_stock.py").unlink()
    counter.write("shop/migrations/0001_initial.py", "# made anew\n")
    counter.write("shop/migrations/0002_other.py", "# of another branch\n")


# Rows and files


def test_rows_and_files_are_there_again(counter: Counter) -> None:
    before, head = counter.content(), counter.git("status", "--porcelain")
    folder = counter.backup("--part", "rows", "--part", "files")
    spoil(counter)
    spoil_files(counter)
    done = restored(counter, folder, "--apply")
    assert done["applied"]
    assert counter.content() == before
    assert counter.git("status", "--porcelain") == head
    counter.do(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('shop', '4', '2026-01-01')"
    )
    assert [row[0] for row in counter.recorded()] == [1, 2, 3, 4, 6], "5 was of a row that is gone"


def test_without_apply_it_tells_what_would_change(on_sqlite: Counter) -> None:
    folder = on_sqlite.backup()
    spoil(on_sqlite)
    spoil_files(on_sqlite)
    spoiled = on_sqlite.content()
    told = restored(on_sqlite, folder)
    assert not told["applied"]
    (database,) = told["databases"]
    assert not database["dump"], "it is not restored unasked"
    assert sorted(row["migration"] for row in database["deleted"]) == [
        "shop.0002_price",
        "shop.0009_other",
    ]
    assert sorted(row["migration"] for row in database["inserted"]) == [
        "orders.0001_initial",
        "shop.0002_price",
    ]
    assert [(each["action"], each["path"]) for each in told["files"]] == [
        ("change", "shop/migrations/0001_initial.py"),
        ("delete", "shop/migrations/0002_other.py"),
        ("add", "shop/migrations/0003_stock.py"),
    ]
    ran = on_sqlite.db("restore", folder.name)
    assert "rows of django_migrations: 4 changes\n      - shop.0002_price  (row 2, 2001" in ran.out
    assert "migration files: 3 changes\n      ~ shop/migrations/0001_initial.py\n" in ran.out
    assert ran.out.endswith(
        "Nothing was changed: --apply does it, after a backup of what is there.\n"
    )
    assert on_sqlite.content() == spoiled
    assert (on_sqlite.path / "shop/migrations/0002_other.py").exists()
    assert len(on_sqlite.kept()) == 1


def test_what_was_there_before_is_kept_and_told(on_sqlite: Counter) -> None:
    before = on_sqlite.content()
    folder = on_sqlite.backup()
    spoil(on_sqlite)
    spoil_files(on_sqlite)
    on_sqlite.do("DELETE FROM parts")
    spoiled = on_sqlite.content()
    ran = on_sqlite.db("restore", folder, "--part", "files", "--part", "dump", "--apply")
    assert "all of it is what the dump holds; what came later is lost" in ran.out
    assert on_sqlite.content() == before
    undo = ran.out.splitlines()[-1].split()
    assert undo[:3] == ["remigrate", "db", "restore"]
    assert on_sqlite.db(*undo[2:]).code == 0
    assert on_sqlite.content() == spoiled
    assert (on_sqlite.path / "shop/migrations/0002_other.py").exists()
    again = restored(on_sqlite, on_sqlite.path / undo[3], "--apply")
    assert (again["applied"], again["undo"]) == (False, None)


def test_a_package_stays_one(on_sqlite: Counter) -> None:
    """A folder without ``__init__.py`` is one that Django does not look into."""
    package = on_sqlite.path / "shop/migrations/__init__.py"
    package.unlink()
    folder = on_sqlite.backup("--part", "files")
    package.touch()
    assert restored(on_sqlite, folder, "--part", "files", "--apply")["files"] == []
    assert package.exists()


# Dumps


def test_a_dump_brings_back_every_row_and_takes_away_what_came_later(counter: Counter) -> None:
    before = counter.content()
    folder = counter.backup("--part", "dump")
    counter.do(
        "DELETE FROM parts",
        "DELETE FROM goods WHERE id > 1",
        "UPDATE goods SET name = 'other'",
        "CREATE TABLE later (id integer PRIMARY KEY, goods integer,"
        " CONSTRAINT of_later FOREIGN KEY (goods) REFERENCES goods (id))",
        "INSERT INTO later VALUES (1, 1)",
    )
    spoil(counter)
    # One of the two with the password in the environment, one with it on standard input.
    behind = ["--tools", "env"] if counter.vendor == "postgresql" else []
    done = restored(counter, folder, "--part", "dump", "--apply", *behind)
    assert [each["dump"] for each in done["databases"]] == [True]
    assert counter.content() == before
    assert len(counter.databases()) == counter.at_first


def test_the_way_back_leads_to_the_same_database(on_sqlite: Counter) -> None:
    """One of another settings module has the same name, and is not meant."""
    away = on_sqlite.path / "my away" / "db.sqlite3"
    away.parent.mkdir()
    shutil.copy(on_sqlite.config["NAME"], away)
    name = f"DATABASES['default']['NAME'] = {str(away)!r}\n"
    on_sqlite.write("store/away.py", f"from store.settings import *\n{name}")
    folder = on_sqlite.backup("--part", "rows", "--settings", "store.away")
    here = on_sqlite.content()
    with contextlib.closing(sqlite3.connect(away, isolation_level=None)) as there:
        there.execute("DELETE FROM django_migrations WHERE id > 1")
        ran = on_sqlite.db("restore", folder, "--settings", "store.away", "--apply")
        assert there.execute("SELECT count(*) FROM django_migrations").fetchone() == (4,)
        command = shlex.split(ran.out.splitlines()[-1])
        assert on_sqlite.remigrate(*command[1:]).code == 0
        assert there.execute("SELECT count(*) FROM django_migrations").fetchone() == (1,)
    assert on_sqlite.content() == here
