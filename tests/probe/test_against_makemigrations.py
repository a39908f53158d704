"""The probe decides what ``makemigrations --check --dry-run`` decides, in the same interpreter."""

from __future__ import annotations

import re

import pytest

from tests.probe.conftest import INITIAL, ITEM, Project, django_version, settings

HEAD = "from django.db import models\n\n\n"
FIELD = "    name = models.CharField(max_length=10)\n"
PRICE = "    price = models.IntegerField(default=0)\n"
USER = "from django.contrib.auth.models import AbstractBaseUser\n" + HEAD
EMPTY = "import django.db.migrations as m\n\n\nclass Migration(m.Migration):\n"
EDITS = {
    "nothing": {},
    "field added": {"shop/models.py": ITEM + PRICE},
    "field removed": {"shop/models.py": HEAD + "class Item(models.Model):\n    pass\n"},
    "field altered": {"shop/models.py": ITEM.replace("=10", "=20")},
    "help text of a field": {"shop/models.py": ITEM.replace("=10", "=10, help_text='x'")},
    "field renamed": {"shop/models.py": ITEM.replace("name =", "title =")},
    "field that needs a default": {"shop/models.py": ITEM + "    price = models.IntegerField()\n"},
    "auto_now_add": {
        "shop/models.py": ITEM + "    made = models.DateTimeField(auto_now_add=True)\n"
    },
    "unique with a callable default": {
        "shop/models.py": "import uuid\n"
        + ITEM
        + "    key = models.UUIDField(default=uuid.uuid4, unique=True)\n"
    },
    "model added": {
        "shop/models.py": ITEM + "\n\nclass Price(models.Model):\n    "
        "item = models.ForeignKey(Item, models.CASCADE)\n"
    },
    "model removed": {"shop/models.py": HEAD},
    "model renamed": {"shop/models.py": ITEM.replace("Item", "Thing")},
    "options": {
        "shop/models.py": ITEM + "\n    class Meta:\n        verbose_name = 'x'\n"
        "        ordering = ['name']\n        unique_together = [['name', 'id']]\n"
    },
    "index and constraint": {
        "shop/models.py": ITEM
        + "\n    class Meta:\n"
        + "        indexes = [models.Index(fields=['name'], name='by_name')]\n"
        + "        constraints = [models.UniqueConstraint(fields=['name'], name='one')]\n"
    },
    "proxy": {
        "shop/models.py": ITEM + "\n\nclass Cheap(Item):\n    class Meta:\n        proxy = True\n"
    },
    "unmanaged": {
        "shop/models.py": ITEM + "\n\nclass Seen(models.Model):\n    class Meta:\n"
        "        managed = False\n"
    },
    "abstract": {
        "shop/models.py": ITEM + "\n\nclass Base(models.Model):\n    class Meta:\n"
        "        abstract = True\n"
    },
    "many to many": {"shop/models.py": ITEM + "    others = models.ManyToManyField('self')\n"},
    "translated name": {
        "shop/models.py": ITEM.replace("=10", "=10, verbose_name=gettext_lazy('Yes')").replace(
            "import models\n",
            "import models\nfrom django.utils.translation import gettext_lazy\n",
        ),
        "site_settings.py": settings(LANGUAGE_CODE="de"),
        "shop/migrations/0001_initial.py": INITIAL.replace("=10", "=10, verbose_name='Yes'"),
    },
    "default auto field": {
        "site_settings.py": settings(DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
    },
    "app without migrations": {
        "site_settings.py": settings("shop", "blog"),
        "blog/__init__.py": "",
        "blog/models.py": ITEM.replace("Item", "Post"),
    },
    "empty migrations package": {
        "site_settings.py": settings("shop", "blog"),
        "blog/__init__.py": "",
        "blog/models.py": ITEM.replace("Item", "Post"),
        "blog/migrations/__init__.py": "",
    },
    "MIGRATION_MODULES with None": {
        "site_settings.py": settings(MIGRATION_MODULES={"shop": None}),
        "shop/models.py": ITEM + PRICE,
    },
    "MIGRATION_MODULES elsewhere": {
        "site_settings.py": settings(MIGRATION_MODULES={"shop": "history.shop"}),
        "history/__init__.py": "",
        "history/shop/__init__.py": "",
    },
    "MIGRATION_MODULES nowhere": {
        "site_settings.py": settings(MIGRATION_MODULES={"shop": "nowhere.at.all"}),
    },
    "squash": {
        "shop/models.py": ITEM + PRICE,
        "shop/migrations/0002_more.py": EMPTY
        + "    dependencies = [('shop', '0001_initial')]\n    operations = []\n",
        "shop/migrations/0001_squashed_0002_more.py": INITIAL
        + "    replaces = [('shop', '0001_initial'), ('shop', '0002_more')]\n",
    },
    "swappable user": {
        "site_settings.py": settings(
            "django.contrib.auth", "people", "shop", AUTH_USER_MODEL="people.Person"
        ),
        "people/__init__.py": "",
        "people/migrations/__init__.py": "",
        "people/models.py": USER + "class Person(AbstractBaseUser):\n"
        "    email = models.EmailField(unique=True)\n    USERNAME_FIELD = 'email'\n",
        "shop/models.py": ITEM + "    owner = models.ForeignKey(\n"
        "        'people.Person', models.CASCADE, null=True)\n",
    },
    "models that only URLs import": {
        "site_settings.py": settings(ROOT_URLCONF="site_urls"),
        "site_urls.py": "import shop.late\n\nurlpatterns = []\n",
        "shop/late.py": HEAD + "class Late(models.Model):\n    class Meta:\n"
        "        app_label = 'shop'\n",
    },
    "own command with its own autodetector": {
        "shop/management/__init__.py": "",
        "shop/management/commands/__init__.py": "",
        "shop/management/commands/makemigrations.py": (
            "from django.core.management.commands import makemigrations\n"
            "from django.db.models import Field\n"
            "class Command(makemigrations.Command):\n"
            "    def handle(self, *labels, **options):\n"
            "        original = Field.deconstruct\n"
            "        def deconstruct(field):\n"
            "            name, path, args, kwargs = original(field)\n"
            "            kwargs.pop('help_text', None)\n"
            "            return name, path, args, kwargs\n"
            "        Field.deconstruct = deconstruct\n"
            "        return super().handle('shop', **options)\n"
        ),
        "shop/models.py": ITEM.replace("=10", "=10, help_text='x'") + PRICE,
        "site_settings.py": settings("shop", "blog"),
        "blog/__init__.py": "",
        "blog/models.py": ITEM.replace("Item", "Post"),
        "blog/migrations/__init__.py": "",
    },
}


def judged(project: Project) -> tuple[bool, dict[str, list[str]]]:
    """Whether Django says that migrations are missing, and which operations they would hold."""
    done = project.manage("makemigrations", "--check", "--dry-run", answers="n\n" * 5)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, list[str]] = {}
    app = name = ""
    for line in done.stdout.splitlines():
        # A question has no end of line, and what follows it starts there.
        header = re.search(r"Migrations for '(\w+)':", line)
        if header:
            app = header[1]
        elif line.startswith("  ") and line.endswith(".py"):
            name = f"{app}.{line.rpartition('/')[2][:-3]}"
            found[name] = []
        elif line.startswith("    ") and name:
            found[name].append(re.sub(r"^[-+~] ", "", line.strip()))
    return bool(done.returncode), found


@pytest.mark.parametrize("edit", EDITS)
def test_the_verdict_and_the_operations_are_djangos(project: Project, edit: str) -> None:
    project.write(EDITS[edit])
    drifted, operations = judged(project)
    answer = project.probe()
    assert (bool(answer.data["changes"]), answer.operations) == (drifted, operations)
    assert answer.data["conflicts"] == {}
    assert not list(project.folder.glob("nowhere*"))


def test_the_source_and_the_path_are_what_makemigrations_writes(project: Project) -> None:
    project.write({"shop/models.py": ITEM + PRICE, **EDITS["empty migrations package"]})
    project.write({"shop/models.py": ITEM + PRICE})
    changes = project.probe().data["changes"]
    assert [change["app"] for change in changes] == ["blog", "shop"]
    assert project.manage("makemigrations", "--no-header").returncode == 0
    for change in changes:
        assert change["unwritable"] is None
        written = (project.folder / change["path"]).read_text()
        assert written.replace('"', "'") == change["source"].replace('"', "'")
    assert project.probe().data["changes"] == []


def test_with_conflicts_django_stops_and_so_do_we(project: Project) -> None:
    leaf = EMPTY + "    dependencies = [('shop', '0001_initial')]\n    operations = []\n"
    project.write(
        {
            "shop/migrations/0002_b.py": leaf,
            "shop/migrations/0002_a.py": leaf,
            "shop/models.py": ITEM + PRICE,
        }
    )
    data = project.probe().data
    assert data["conflicts"] == {"shop": ["0002_a", "0002_b"]}
    assert data["changes"] == []
    said = project.manage("makemigrations", "--check", "--dry-run").stderr
    assert "0002_a, 0002_b in shop" in said.replace("0002_b, 0002_a", "0002_a, 0002_b")


def test_drift_of_an_installed_app_is_not_first_party(project: Project) -> None:
    packages = project.folder / ".venv" / "lib" / "site-packages"
    project.write(
        {
            "site_settings.py": f"import sys\nsys.path.append({str(packages)!r})\n"
            + settings("shop", "blog", "api"),
            ".venv/lib/site-packages/blog/__init__.py": "",
            ".venv/lib/site-packages/blog/models.py": ITEM.replace("Item", "Post"),
            ".venv/lib/site-packages/blog/migrations/__init__.py": "",
            "api/__init__.py": "",
        }
    )
    data = project.probe().data
    (change,) = data["changes"]
    assert (change["app"], change["first_party"]) == ("blog", False)
    first_party = {app["label"]: app["first_party"] for app in data["apps"]}
    assert first_party == {"contenttypes": False, "shop": True, "blog": False, "api": True}


def test_apps_are_described_with_their_migrations(project: Project) -> None:
    project.write(
        {
            "site_settings.py": settings(
                "shop", "api", "off", MIGRATION_MODULES={"off": None, "shop": "history.shop"}
            ),
            "api/__init__.py": "",
            "off/__init__.py": "",
            "history/__init__.py": "",
            "history/shop/__init__.py": "",
            "history/shop/0001_initial.py": INITIAL,
        }
    )
    described = {app["label"]: app for app in project.probe(top="..").data["apps"]}
    assert described["shop"] == {
        "label": "shop",
        "name": "shop",
        "path": "project/shop",
        "first_party": True,
        "module": "history.shop",
        "folder": "project/history/shop",
    }
    assert described["api"]["module"] == "api.migrations"
    assert described["api"]["folder"] is None
    assert described["off"]["module"] is None
    assert described["off"]["folder"] is None
    assert described["contenttypes"]["path"].startswith("/")


def test_swappable_models_without_a_setting_do_not_end_in_an_attribute_error(
    project: Project,
) -> None:
    project.write(
        {
            "site_settings.py": settings("shop", "tokens"),
            "tokens/__init__.py": "",
            "tokens/migrations/__init__.py": "",
            "tokens/models.py": HEAD + "class Token(models.Model):\n    class Meta:\n"
            "        swappable = 'TOKEN_MODEL'\n",
            "shop/models.py": ITEM
            + "    token = models.ForeignKey('tokens.Token', models.CASCADE, null=True)\n",
        }
    )
    assert "TOKEN_MODEL" in project.manage("makemigrations", "--check", "--dry-run").stderr
    answer = project.probe()
    assert answer.operations["shop.0002_item_token"] == ["Add field token to item"]
    shop = next(change for change in answer.data["changes"] if change["app"] == "shop")
    assert shop["source"] is None
    assert "settings.TOKEN_MODEL" in shop["unwritable"]


def test_what_cannot_be_written_says_why(project: Project) -> None:
    project.write({"shop/models.py": ITEM + "    price = models.IntegerField(default=lambda: 1)\n"})
    (change,) = project.probe().data["changes"]
    assert change["source"] is None
    assert change["unwritable"].startswith("ValueError: Cannot serialize function: lambda")
    assert [each["text"] for each in change["operations"]] == ["Add field price to item"]


def test_urls_that_cannot_be_imported_are_said_and_the_rest_is_judged(project: Project) -> None:
    project.write(
        {
            "site_settings.py": settings(ROOT_URLCONF="site_urls"),
            "site_urls.py": "import nothing_of_that_name\n",
            "shop/models.py": ITEM + PRICE,
        }
    )
    answer = project.probe()
    assert answer.operations == {"shop.0002_item_price": ["Add field price to item"]}
    assert answer.data["urls"] == (
        "ModuleNotFoundError: No module named 'nothing_of_that_name' (site_urls.py:1)"
    )


def test_a_command_that_imports_no_urls_is_believed(project: Project) -> None:
    folder = "shop/management/commands"
    project.write(EDITS["models that only URLs import"])
    project.write(
        {
            "shop/management/__init__.py": "",
            f"{folder}/__init__.py": "",
            f"{folder}/makemigrations.py": (
                "from django.core.management.commands import makemigrations\n"
                "class Command(makemigrations.Command):\n"
                "    requires_system_checks = []\n"
            ),
        }
    )
    assert judged(project) == (False, {})
    assert project.probe().operations == {}


def test_versions_are_reported(project: Project) -> None:
    envelope = project.probe().envelope
    assert tuple(map(int, envelope["django"].split(".")[:2])) == django_version()
    assert envelope["python"].startswith("3.")
