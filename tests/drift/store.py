"""A store: a real Django project in a real repository, and Remigrate asked about its drift."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.cli.project import Project, Ran, run

MANAGE = """\
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "store.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""
SETTINGS = """\
SECRET_KEY = "of a test"
INSTALLED_APPS = ["shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
"""
MODELS = """\
from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=20)
"""
PRICE = "    price = models.IntegerField(default=0)\n"
INITIAL = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Product",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=20)),
            ],
        ),
    ]
"""
ADD_PRICE = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]

    operations = [
        migrations.AddField("product", "price", models.IntegerField(default=0)),
    ]
"""
ADDED = "shop/migrations/0002_price.py"


class Store(Project):
    """A project whose models and migrations agree, committed on ``main``."""

    @classmethod
    def open(cls, path: Path) -> Store:
        """Make it."""
        path.mkdir(parents=True)
        store = cls(path)
        store.git("init", "--quiet", "--initial-branch=main")
        files = {
            "manage.py": MANAGE,
            "store/__init__.py": "",
            "store/settings.py": SETTINGS,
            "shop/__init__.py": "",
            "shop/models.py": MODELS,
            "shop/migrations/__init__.py": "",
            "shop/migrations/0001_initial.py": INITIAL,
            ".gitignore": "__pycache__/\n*.sqlite3\n",
        }
        for name, text in files.items():
            store.write(name, text)
        store.commit("A store")
        return store

    def settings(self, more: str) -> None:
        """Append to the settings."""
        self.write("store/settings.py", SETTINGS + more)

    def price(self) -> None:
        """A model change without a migration."""
        self.write("shop/models.py", MODELS + PRICE)

    def drift(self, *words: str | Path, env: dict[str, str] | None = None) -> Ran:
        """Type ``remigrate check --drift`` with the interpreter of the tests."""
        return self.check("--drift", "--python", sys.executable, *words, env=env)

    def makemigrations(self) -> Ran:
        """What Django itself says."""
        words = ("manage.py", "makemigrations", "--check", "--dry-run", "--noinput")
        return run(sys.executable, *words, cwd=self.path)


def environment(place: Path) -> Path:
    """A virtual environment with the Django of the tests. Returns its interpreter."""
    import venv

    import django

    venv.EnvBuilder(with_pip=False, symlinks=True).create(place)
    (packages,) = place.glob("lib/python3*/site-packages")
    for name in ("django", "asgiref", "sqlparse"):
        (packages / name).symlink_to(Path(django.__file__).parents[1] / name)
    return place / "bin/python"
