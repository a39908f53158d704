"""The probe judges the files that it was told about, not those that lie on the disk."""

from __future__ import annotations

import pytest

from tests.probe.conftest import ITEM, Project, settings

PRICE = ITEM + "    price = models.IntegerField(default=0)\n"
SECOND = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("item", "price", models.IntegerField(default=0)),
    ]
"""
DRIFT = {"shop.0002_item_price": ["Add field price to item"]}


def test_a_hidden_migration_is_missing(project: Project) -> None:
    project.write({"shop/models.py": PRICE, "shop/migrations/0002_price.py": SECOND})
    assert project.manage("makemigrations", "--check", "--dry-run").returncode == 0
    assert project.probe().operations == {}
    hidden = ["shop/migrations/0002_price.py"]
    assert project.probe(hidden=hidden).operations == DRIFT


def test_hiding_the_only_migration_leaves_an_empty_package(project: Project) -> None:
    answer = project.probe(hidden=["shop/migrations/0001_initial.py"])
    assert answer.operations == {"shop.0001_initial": ["Create model Item"]}


def test_hiding_a_whole_package_leaves_an_app_without_migrations(project: Project) -> None:
    hidden = ["shop/migrations/__init__.py", "shop/migrations/0001_initial.py"]
    answer = project.probe(hidden=hidden)
    assert answer.operations == {}
    assert answer.data["apps"][1]["folder"] is None


def test_a_hidden_package_cannot_be_imported(project: Project) -> None:
    project.write({"extra/__init__.py": "", "shop/models.py": "import extra\n" + ITEM})
    assert project.probe().operations == {}
    error = project.probe(hidden=["extra/__init__.py"]).error
    assert error["message"] == "ModuleNotFoundError: No module named 'extra' (shop/models.py:1)"


def test_content_of_the_view_is_imported_and_not_the_disks(project: Project) -> None:
    assert project.probe(files={"shop/models.py": PRICE}).operations == DRIFT
    assert project.probe().operations == {}


def test_old_bytecode_is_neither_used_nor_written(project: Project) -> None:
    project.probe()
    compiled = {
        path: path.read_bytes() for path in project.folder.glob("shop/__pycache__/models*.pyc")
    }
    assert len(compiled) == 1
    assert project.probe(files={"shop/models.py": PRICE}).operations == DRIFT
    assert {path: path.read_bytes() for path in compiled} == compiled
    assert project.probe().operations == {}


def test_a_migration_that_is_not_on_disk_is_loaded(project: Project) -> None:
    files = {"shop/models.py": PRICE, "shop/migrations/0002_price.py": SECOND}
    assert project.probe(files=files).operations == {}
    assert not (project.folder / "shop/migrations/0002_price.py").exists()


def test_a_package_that_is_not_on_disk_is_loaded(project: Project) -> None:
    files = {
        "site_settings.py": settings("shop", "new.blog"),
        "new/blog/__init__.py": "",
        "new/blog/models.py": ITEM.replace("Item", "Post"),
        "new/blog/migrations/__init__.py": "",
    }
    answer = project.probe(files=files)
    assert answer.operations == {"blog.0001_initial": ["Create model Post"]}
    (change,) = answer.data["changes"]
    assert change["path"] == "new/blog/migrations/0001_initial.py"
    assert change["first_party"]


def test_paths_are_relative_to_the_top_of_the_repository(project: Project) -> None:
    (project.folder.parent / "linked").symlink_to(project.folder)
    for top in ("..", str(project.folder.parent)):
        answer = project.probe(top=top, files={"project/shop/models.py": PRICE}, cwd="../linked")
        assert answer.operations == DRIFT
        (change,) = answer.data["changes"]
        assert change["path"] == "project/shop/migrations/0002_item_price.py"
        assert change["operations"][0]["path"] == "project/shop/models.py"


def test_inspect_and_tracebacks_show_the_text_of_the_view(project: Project) -> None:
    shown = "import inspect\n" + PRICE + "assert 'price' in inspect.getsource(Item)\n1 / 0\n"
    error = project.probe(files={"shop/models.py": shown}).error
    assert error["message"] == "ZeroDivisionError: division by zero (shop/models.py:9)"
    assert "1 / 0" in error["traceback"]


def test_listings_agree_with_the_view(project: Project) -> None:
    project.write(
        {
            "shop/a/__init__.py": "",
            "shop/b.py": "",
            "shop/c.py": "",
            "shop/models.py": "import os, pkgutil, shop, sys\n"
            "print(sorted(m.name for m in pkgutil.iter_modules(shop.__path__)), file=sys.stderr)\n"
            "names = os.listdir(shop.__path__[0])\n"
            "print(sorted(n for n in names if len(n) < 5), file=sys.stderr)\n" + ITEM,
        }
    )
    answer = project.probe(
        files={"shop/d.py": "", "shop/e/__init__.py": ""},
        hidden=["shop/b.py", "shop/a/__init__.py"],
    )
    assert "['c', 'd', 'e', 'migrations', 'models']\n['c.py', 'd.py', 'e']" in answer.stderr


def test_the_loader_of_an_editable_installation_sees_it_too(project: Project) -> None:
    direct = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('extra', 'extra.py')\n"
        "extra = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(extra)\n"
        "assert extra.ANSWER == 42\n"
    )
    project.write({"extra.py": "ANSWER = 0\n", "shop/models.py": direct + ITEM})
    assert project.probe().error["kind"] == "import"
    assert project.probe(files={"extra.py": "ANSWER = 42\n"}).operations == {}
    error = project.probe(hidden=["extra.py"]).error
    assert error["message"].startswith("ModuleNotFoundError: No module named 'extra'")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_the_encoding_that_a_file_declares_is_used(project: Project, encoding: str) -> None:
    text = f"# -*- coding: {encoding} -*-\n" + ITEM.replace("=10", "=10, verbose_name='caf\\u00e9'")
    (change,) = project.probe(files={"shop/models.py": text}).data["changes"]
    assert "café" in change["source"]
