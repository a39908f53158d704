"""``remigrate db restore``: what a backup holds is there again, to the last byte."""

from __future__ import annotations

import json
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
    folder = counter.backup()
    spoil(counter)
    spoil_files(counter)
    spoiled = counter.content()

    told = restored(counter, folder)
    assert not told["applied"]
    assert counter.content() == spoiled, "without --apply nothing is written"
    (database,) = told["databases"]
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

    done = restored(counter, folder, "--apply")
    assert done["applied"]
    assert counter.content() == before
    assert counter.git("status", "--porcelain") == head
    again = restored(counter, folder, "--apply")
    assert (again["applied"], again["undo"]) == (False, None)

    restored(counter, counter.path / done["undo"], "--apply")
    assert counter.content() == spoiled
    assert (counter.path / "shop/migrations/0002_other.py").exists()


def test_the_next_migration_gets_an_id_of_its_own(counter: Counter) -> None:
    folder = counter.backup("--part", "rows")
    counter.do("DELETE FROM django_migrations")
    restored(counter, folder, "--apply")
    counter.do(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('shop', '4', '2026-01-01')"
    )
    assert [row[0] for row in counter.rows()] == [1, 2, 3, 4, 5]


# Dumps


def test_a_dump_brings_back_every_row_and_takes_away_what_came_later(counter: Counter) -> None:
    before = counter.content()
    folder = counter.backup()
    counter.do(
        "DELETE FROM parts",
        "DELETE FROM goods WHERE id > 1",
        "UPDATE goods SET name = 'other'",
        "CREATE TABLE later (id integer PRIMARY KEY, goods integer,"
        " CONSTRAINT of_later FOREIGN KEY (goods) REFERENCES goods (id))",
        "INSERT INTO later VALUES (1, 1)",
    )
    spoil(counter)
    spoiled = counter.content()
    told = restored(counter, folder, "--part", "dump")
    assert [each["dump"] for each in told["databases"]] == [True]
    assert counter.content() == spoiled
    done = restored(counter, folder, "--part", "dump", "--apply")
    assert counter.content() == before
    restored(counter, counter.path / done["undo"], "--part", "dump", "--apply")
    assert counter.content() == spoiled
    assert len(counter.databases()) == counter.at_first


def test_a_dump_alone_is_not_restored_unasked(on_sqlite: Counter) -> None:
    folder = on_sqlite.backup()
    on_sqlite.do("DELETE FROM parts")
    told = restored(on_sqlite, folder)
    assert [each["dump"] for each in told["databases"]] == [False]
    restored(on_sqlite, folder, "--apply")
    assert on_sqlite.content()["parts"] == []
