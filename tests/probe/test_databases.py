"""Nobody's database is contacted."""

from __future__ import annotations

import json
import socket

import pytest

from tests.probe.conftest import ITEM, Project, settings

SHOW = "import json, sys\nfrom django.db import connections\n"
SHOW += "print('SEEN', json.dumps(connections.databases, default=str), file=sys.stderr)\n"


def seen(project: Project, databases: dict[str, object]) -> dict[str, dict[str, object]]:
    """The databases that the project's models see."""
    project.write({"site_settings.py": settings(DATABASES=databases)})
    # Models cannot be made without the database's driver, which need not be installed here.
    answer = project.write({"shop/models.py": SHOW + ITEM}).probe()
    line = next(line for line in answer.stderr.splitlines() if line.startswith("SEEN "))
    found: dict[str, dict[str, object]] = json.loads(line[5:])
    return found


@pytest.mark.parametrize("engine", ["postgresql", "mysql", "oracle"])
def test_a_server_is_replaced_by_a_place_where_none_is(project: Project, engine: str) -> None:
    options = {
        "service": "live",
        "passfile": "/x",
        "host": "live.example.org",
        "port": 5432,
        "dsn": "live",
        "unix_socket": "/live",
        "read_default_file": "/x",
        "sslmode": "require",
        "init_command": "x",
    }
    live = {
        "ENGINE": f"django.db.backends.{engine}",
        "NAME": "live",
        "USER": "root",
        "PASSWORD": "secret",
        "HOST": "live.example.org",
        "PORT": "1",
        "OPTIONS": options,
        "ATOMIC_REQUESTS": True,
        "TEST": {"NAME": "live"},
        "URI": "live://",
    }
    default = seen(project, {"default": live, "other": live})
    assert default["default"] == default["other"]
    left = default["default"]
    assert "live" not in json.dumps(left)
    assert left["ENGINE"] == live["ENGINE"]
    assert (left["HOST"], left["PORT"], left["USER"], left["PASSWORD"]) == (
        "127.0.0.1",
        "9",
        "",
        "",
    )
    assert left["OPTIONS"] == {"sslmode": "require"}
    assert left["ATOMIC_REQUESTS"] is True


def test_a_file_is_replaced_by_memory(project: Project) -> None:
    config = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "live.sqlite3",
        "OPTIONS": {"timeout": 3, "database": "live.sqlite3"},
    }
    left = seen(project, {"default": config})["default"]
    assert (left["NAME"], left["OPTIONS"]) == (":memory:", {"timeout": 3})


def test_a_connection_that_the_settings_opened_by_name_leads_nowhere_later(
    project: Project,
) -> None:
    text = settings(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "x.db"}})
    project.write(
        {
            "shop/apps.py": "from django.apps import AppConfig\n"
            "class Shop(AppConfig):\n    name = 'shop'\n    def ready(self):\n"
            "        from django.db import connection\n        connection.cursor()\n",
            "site_settings.py": text.replace("'shop'", "'shop.apps.Shop'"),
        }
    )
    assert project.probe().operations == {}
    assert not (project.folder / "x.db").exists()


def test_a_project_that_connects_anyway_reaches_nobody(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        address = ("127.0.0.1", server.getsockname()[1])
        config = {"ENGINE": "django.db.backends.postgresql", "HOST": address[0], "PORT": address[1]}
        connect = (
            "import socket\nfrom django.conf import settings\n"
            "place = settings.DATABASES['default']\n"
            "socket.create_connection((place['HOST'], int(place['PORT'])))\n"
        )
        project.write({"site_settings.py": settings(DATABASES={"default": config})})
        project.write({"shop/models.py": connect + ITEM})
        assert project.probe().error["message"].startswith("ConnectionRefusedError")
        with pytest.raises(TimeoutError):
            server.accept()


def test_variables_that_postgresql_prefers_to_the_host_are_taken_away(project: Project) -> None:
    project.env.update(PGHOSTADDR="192.0.2.1", PGSERVICE="live", PGSERVICEFILE="/x")
    check = "import os\nassert not {'PGHOSTADDR', 'PGSERVICE', 'PGSERVICEFILE'} & {*os.environ}\n"
    project.write({"shop/models.py": check + ITEM})
    assert project.probe().operations == {}
    reading = (
        "import os\nassert os.environ.pop('PGSERVICE') == 'live'\nos.environ['PGSERVICE'] = 'x'\n"
    )
    project.write({"site_settings.py": settings() + reading})  # they may read them, and set them
    assert project.probe().operations == {}


def test_no_databases_at_all_are_fine(project: Project) -> None:
    assert project.write({"site_settings.py": settings(DATABASES={})}).probe().operations == {}


def test_databases_without_a_default_are_refused_as_by_django(project: Project) -> None:
    config = {"other": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    project.write({"site_settings.py": settings(DATABASES=config)})
    error = project.probe().error
    assert error["kind"] == "settings"
    assert error["message"].startswith("ImproperlyConfigured: You must define a 'default' database")
    said = project.manage("makemigrations", "--check").stderr
    assert "You must define a 'default' database" in said
