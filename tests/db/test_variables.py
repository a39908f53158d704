"""Variables that PostgreSQL's own client reads lead to the project's database, and no other."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.project import refused
from tests.db.counter import Counter

_SERVICE = "[shop]\nhost={HOST}\nport={PORT}\nuser={USER}\ndbname={NAME}\n"
_PASSWORDS = "*:*:*:*:{PASSWORD}\n"


@pytest.fixture
def led(on_postgresql: Counter, tmp_path: Path) -> dict[str, str]:
    """Variables without which the settings lead nowhere."""
    service, passwords = tmp_path / "services", tmp_path / "passwords"
    service.write_text(_SERVICE.format(**on_postgresql.config))
    passwords.write_text(_PASSWORDS.format(**on_postgresql.config))
    os.chmod(passwords, 0o600)
    on_postgresql.settings(
        'INSTALLED_APPS += ["orders"]\nDATABASES["default"] = {'
        '"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"service": "shop"}}\n'
    )
    return {"PGSERVICEFILE": str(service), "PGPASSFILE": str(passwords)}


@pytest.mark.parametrize("words", [("status",), ("backup",), ("sync",)], ids=str)
def test_what_leads_django_leads_us(
    on_postgresql: Counter, led: dict[str, str], words: tuple[str, ...]
) -> None:
    ran = on_postgresql.db(*words, env=led)
    assert ran.code == (1 if words == ("sync",) else 0), ran
    assert ran.err == ""
    assert on_postgresql.db(*words, env={**led, "PGPASSFILE": "/nowhere"}).code == 4


def test_rows_are_written_there(on_postgresql: Counter, led: dict[str, str]) -> None:
    before = on_postgresql.recorded()
    assert on_postgresql.db("backup", "--part", "rows", env=led).code == 0
    on_postgresql.do("DELETE FROM django_migrations WHERE id > 1")
    (name,) = on_postgresql.kept()
    ran = on_postgresql.db("restore", name, "--apply", env=led)
    assert ran.code == 0, ran
    assert on_postgresql.recorded() == before


def test_an_address_goes_before_the_host(on_postgresql: Counter) -> None:
    config = {**on_postgresql.config, "HOST": "nowhere.invalid"}
    on_postgresql.settings(f'INSTALLED_APPS += ["orders"]\nDATABASES["default"] = {config!r}\n')
    assert on_postgresql.db("status").code == 4
    ran = on_postgresql.db("backup", env={"PGHOSTADDR": on_postgresql.config["HOST"]})
    assert ran.code == 0, ran


def test_where_they_lead_is_told(on_postgresql: Counter, led: dict[str, str]) -> None:
    assert ", service shop\n" in on_postgresql.db("status", env=led).out
    on_postgresql.set_up()
    host = on_postgresql.config["HOST"]
    assert f", at {host}\n" in on_postgresql.db("status", env={"PGHOSTADDR": host}).out


ADDRESS = 'import os\nos.environ["PGHOSTADDR"] = "127.0.0.1"\n'


@pytest.mark.parametrize("said_by", ["settings", "manage.py", "container"])
def test_nothing_is_dropped_where_they_lead(on_postgresql: Counter, said_by: str) -> None:
    on_postgresql.config["HOST"], right = "::1", on_postgresql.config["HOST"]
    on_postgresql.set_up("DEBUG = True\n" + ADDRESS * (said_by == "settings"))
    on_postgresql.config["HOST"] = right
    if said_by == "manage.py":
        text = (on_postgresql.path / "manage.py").read_text()
        on_postgresql.write("manage.py", ADDRESS + text)
    python = ["env", "PGHOSTADDR=127.0.0.1"] * (said_by == "container") + [sys.executable]
    words = ("recreate", "--apply", "--no-backup", "--python", " ".join(python))
    ran = on_postgresql.remigrate("db", *words)
    refused(ran, 2, "the environment has PGHOSTADDR", "unset the variable")
    assert len(on_postgresql.content()["goods"]) == 3


def test_scratch_databases_are_not_where_they_lead(on_postgresql: Counter) -> None:
    """Not even after the project's own has been connected to."""
    on_postgresql.set_up(ADDRESS)
    url = "postgresql://{USER}:{PASSWORD}@nowhere.invalid:{PORT}/postgres"
    ran = on_postgresql.db("sync", "--database", url.format(**on_postgresql.config))
    assert ran.code == 4
    assert "nowhere.invalid" in ran.err
    assert len(on_postgresql.databases()) == on_postgresql.at_first


def test_a_dump_is_of_what_the_project_is_led_to(on_postgresql: Counter) -> None:
    """Its settings or its container say so; or that does not, and our own environment does."""
    right, away = on_postgresql.config["HOST"], {"PGHOSTADDR": "192.0.2.1"}
    on_postgresql.config["HOST"] = "nowhere.invalid"
    on_postgresql.set_up(ADDRESS)
    assert on_postgresql.db("backup", "--part", "dump").code == 0
    on_postgresql.set_up()
    python = ("--python", f"env PGHOSTADDR=127.0.0.1 {sys.executable}")
    assert on_postgresql.remigrate("db", "backup", *python).code == 0
    on_postgresql.config["HOST"] = right
    on_postgresql.set_up()
    python = ("--python", f"env --unset=PGHOSTADDR {sys.executable}")
    assert on_postgresql.remigrate("db", "backup", *python, env=away).code == 0


def test_files_that_are_elsewhere_are_refused(on_postgresql: Counter, led: dict[str, str]) -> None:
    del on_postgresql.config["PASSWORD"]
    on_postgresql.set_up()
    python = ("--python", f"env {sys.executable}")
    ran = on_postgresql.remigrate("db", "backup", *python, env=led)
    refused(ran, 2, "the environment of the database default has PGPASSFILE, a file", "--part rows")
