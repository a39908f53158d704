"""Projects written to disk, and the probe sent to a real interpreter that runs in them.

REMIGRATE_PROBE_PYTHON names the interpreter; it needs nothing but Django. Without it, the tests'
own is used.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PYTHON = os.environ.get("REMIGRATE_PROBE_PYTHON") or sys.executable
NONCE = "5ca1ab1e"
_SCRIPT = Path(__file__).resolve().parents[2] / "src" / "remigrate" / "probe" / "script.py"

MANAGE = """\
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
ITEM = """\
from django.db import models


class Item(models.Model):
    name = models.CharField(max_length=10)
"""
INITIAL = """\
from django.db import migrations, models

ID = {"serialize": False, "verbose_name": "ID"}


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Item",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, **ID)),
                ("name", models.CharField(max_length=10)),
            ],
        ),
    ]
"""


def settings(*apps: str, **more: object) -> str:
    """A settings module."""
    values: dict[str, object] = {
        "SECRET_KEY": "none",
        "INSTALLED_APPS": ["django.contrib.contenttypes", *(apps or ("shop",))],
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        "DEFAULT_AUTO_FIELD": "django.db.models.AutoField",
        "USE_TZ": True,
        **more,
    }
    return "".join(f"{name} = {value!r}\n" for name, value in values.items())


class Answer(NamedTuple):
    """What came back from one run of the probe."""

    code: int
    replies: list[dict[str, Any]]
    stdout: str
    stderr: str

    @property
    def envelope(self) -> dict[str, Any]:
        (reply,) = self.replies
        assert reply["protocol"] == 1
        assert self.code == 0
        assert set(reply) == {"protocol", "python", "django", "status", "data", "error"}
        return reply

    @property
    def data(self) -> dict[str, Any]:
        assert self.envelope["status"] == "ok", self.envelope["error"]
        assert self.envelope["error"] is None
        data: dict[str, Any] = self.envelope["data"]
        return data

    @property
    def error(self) -> dict[str, Any]:
        assert self.envelope["status"] == "failed"
        assert self.envelope["data"] is None
        error: dict[str, Any] = self.envelope["error"]
        return error

    @property
    def operations(self) -> dict[str, list[str]]:
        """``app.migration`` to what it would do, in words."""
        return {
            f"{change['app']}.{change['migration']}": [
                each["text"] for each in change["operations"]
            ]
            for change in self.data["changes"]
        }


class Project:
    """A Django project in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}

    def write(self, files: Mapping[str, str]) -> Project:
        for path, text in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return self

    def probe(
        self,
        *,
        python: str = PYTHON,
        module: str | None = "site_settings",
        top: str = ".",
        files: Mapping[str, str] | None = None,
        hidden: Iterable[str] = (),
        memory: int | None = None,
        cwd: str = ".",
        stdout: int | None = subprocess.PIPE,
        **request: object,
    ) -> Answer:
        asked = {
            "protocol": 1,
            "nonce": NONCE,
            "command": "drift",
            "settings": module,
            "top": top,
            "view": {
                "files": {
                    path: base64.b64encode(text.encode()).decode()
                    for path, text in (files or {}).items()
                },
                "hidden": list(hidden),
            },
            "memory": memory,
            **request,
        }
        program = f"{_SCRIPT.read_text('utf-8')}\nmain({json.dumps(asked)!a})\n"
        done = subprocess.run(
            [python, "-"],
            input=program.encode(),
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=self.folder / cwd,
            env=self.env,
            timeout=60,
        )
        out = (done.stdout or b"").decode("ascii")
        replies = [
            json.loads(line[len(NONCE) + 1 :])
            for line in out.splitlines()
            if line.startswith(f"{NONCE} ")
        ]
        return Answer(done.returncode, replies, out, done.stderr.decode(errors="replace"))

    def manage(self, *args: str, answers: str = "") -> subprocess.CompletedProcess[str]:
        """Django's own command, in the same interpreter.

        Without PATH: where Django finds black there, it lets it rewrite what it wrote.
        """
        return subprocess.run(
            [PYTHON, "manage.py", *args],
            input=answers,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**self.env, "PATH": os.defpath},
            timeout=60,
        )


def django_version() -> tuple[int, int]:
    """Of the interpreter that is asked."""
    code = "import django; print(*django.VERSION[:2])"
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True)
    major, minor = done.stdout.split()
    return int(major), int(minor)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose app ``shop`` has one model and its migration."""
    return Project(tmp_path / "project").write(
        {
            "manage.py": MANAGE,
            "site_settings.py": settings(),
            "shop/__init__.py": "",
            "shop/models.py": ITEM,
            "shop/migrations/__init__.py": "",
            "shop/migrations/0001_initial.py": INITIAL,
        }
    )
