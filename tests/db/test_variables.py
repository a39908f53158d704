"""Variables that PostgreSQL's own client reads lead to the project's database, and no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
