"""``remigrate doctor``: what it finds is there, and what it misses is missing."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.project import Ran, run
from tests.drift.store import ADD_PRICE, MODELS, PRICE, Store

WORKFLOW = "jobs:\n  check:\n    steps:\n      - uses: remigrate/remigrate@v0\n"
HOOK = "repos:\n  - repo: elsewhere\n    hooks:\n      - id: migration-graph\n"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def doctor(store: Store, *words: str) -> Ran:
    return store.remigrate("doctor", "--python", sys.executable, "--color", "never", *words)


def rows(ran: Ran) -> dict[str, str]:
    """What is said of each subject, with its sign."""
    heads = [line for line in ran.out.splitlines() if line[:2] in ("✓ ", "! ", "✗ ")]
    return {line[2:].partition(": ")[0]: line for line in heads if ": " in line}


def test_a_project_with_everything(store: Store) -> None:
    store.write(".github/workflows/migrations.yml", WORKFLOW)
    store.write(".pre-commit-config.yaml", HOOK)
    store.configure('base = "main"')
    ran = doctor(store)
    assert (ran.code, ran.err) == (0, "")
    assert not [line for line in ran.out.splitlines() if line.startswith(("!", "✗"))]
    assert ran.out.endswith("\n✓ Everything that Remigrate needs is here\n")
    told = rows(ran)
    assert told["git"] == f"✓ git: {store.path}, on main"
    assert told["base"].startswith("✓ base: main (")
    assert told["configuration"].endswith("pyproject.toml: base")
    assert told["project"] == "✓ project: .: 1 app, 1 migration"
    assert told["settings"] == "✓ settings: store.settings"
    assert "Django " in told["environment"]
    assert told["database default"] == "✓ database default: db.sqlite3 is not there yet"
    assert told["proofs"] == "✓ proofs: on SQLite, which needs no server"
    assert told["pre-commit"] == "✓ pre-commit: migration-graph"
    assert told["GitHub"] == "✓ GitHub: migrations.yml"
    assert not (store.path / "db.sqlite3").exists()


def test_what_could_be_better_says_how(store: Store) -> None:
    ran = doctor(store)
    assert ran.code == 0
    assert "✓ Everything that Remigrate needs is here; 3 things could be better" in ran.out
    assert 'below [tool.remigrate]: base = "main"' in ran.out
    assert ran.out.count("remigrate init writes") == 3


def test_the_remotes_own_branch_is_proposed_as_base(store: Store, tmp_path: Path) -> None:
    store.git("branch", "--move", "trunk")
    run("git", "clone", "--quiet", store.path, tmp_path / "clone", cwd=tmp_path)
    assert 'base = "origin/trunk"' in doctor(Store(tmp_path / "clone")).out


def test_a_base_that_is_not_there_is_wrong(store: Store) -> None:
    store.configure('base = "origin/main"')
    ran = doctor(store)
    assert ran.code == 1
    assert rows(ran)["base"] == "✗ base: unknown revision: origin/main"


def test_a_conflict_is_counted(store: Store) -> None:
    for name in ("0002_price", "0002_cost"):
        store.write(f"shop/migrations/{name}.py", ADD_PRICE)
    ran = doctor(store)
    assert ran.code == 1
    assert rows(ran)["graph"] == "✗ graph: 1 error"
    assert "remigrate check tells which." in ran.out


def test_no_migrations_at_all_are_told(store: Store) -> None:
    shutil.rmtree(store.path / "shop/migrations")
    (store.path / "manage.py").unlink()
    ran = doctor(store)
    assert ran.code == 1
    assert rows(ran)["projects"] == "✗ projects: no migrations found"


def test_an_interpreter_without_django_is_wrong(store: Store, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    run(sys.executable, "-m", "venv", "--without-pip", bare, cwd=tmp_path)
    ran = store.remigrate("doctor", "--python", bare / "bin/python", "--color", "never")
    assert ran.code == 1
    assert rows(ran)["settings"].startswith("✗ settings: the project's interpreter has no Django")


def test_settings_that_do_not_load_are_wrong(store: Store) -> None:
    store.settings("import nothing_like_that\n")
    ran = doctor(store)
    assert ran.code == 1
    assert rows(ran)["settings"].startswith("✗ settings: ")
    assert "nothing_like_that" in ran.out


def test_migrations_that_are_pending_are_counted(store: Store) -> None:
    run(sys.executable, "manage.py", "migrate", "--verbosity=0", cwd=store.path)
    assert rows(doctor(store))["database default"].endswith("db.sqlite3: up to date")
    store.write("shop/models.py", MODELS + PRICE)
    store.write("shop/migrations/0002_price.py", ADD_PRICE)
    assert rows(doctor(store))["database default"].endswith("db.sqlite3: 1 pending")


def test_a_database_in_disorder_is_wrong(store: Store) -> None:
    store.write("shop/models.py", MODELS + PRICE)
    store.write("shop/migrations/0002_price.py", ADD_PRICE)
    run(sys.executable, "manage.py", "migrate", "--verbosity=0", cwd=store.path)
    (store.path / "shop/migrations/0002_price.py").unlink()
    ran = doctor(store)
    assert ran.code == 1
    assert rows(ran)["database default"].endswith("its rows are in disorder")
    assert "remigrate db status --alias default tells more." in ran.out


def test_a_server_that_is_down_is_no_obstacle(store: Store) -> None:
    store.settings(
        'DATABASES["default"] = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop",'
        ' "HOST": "127.0.0.1", "PORT": "9", "PASSWORD": "s3cret"}\n'
    )
    ran = doctor(store)
    assert ran.code == 0
    assert rows(ran)["database default"].startswith("! database default: shop on 127.0.0.1:9 could")
    assert "s3cret" not in ran.out


def test_without_a_server_program_nothing_can_be_proved(store: Store) -> None:
    from remigrate import doctor as examined

    row = examined._scratch("oracle", {})
    assert (row.verdict, row.text) == ("note", "no reset can be proved on oracle yet")


def test_outside_of_a_repository_that_is_all_there_is_to_say(tmp_path: Path) -> None:
    ran = Store(tmp_path).remigrate("doctor", "--color", "never")
    assert ran.code == 1
    assert ran.out.count("✗") == 2
    assert "is not in a git repository" in ran.out
