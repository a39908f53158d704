"""Code that needs a migration which a reset would take away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from remigrate import git
from remigrate.reset import importers
from tests.cli.project import Project

GONE = ("shop/migrations/0001_initial.py", "shop/migrations/seed.py")


def lines(text: str, path: str = "shop/models.py", *gone: str) -> list[tuple[int, str, str]]:
    found = importers.found({path: text.encode()}, gone or GONE)
    assert {each.path for each in found} <= {path}
    return [(each.line, each.gone.rpartition("/")[2], " ".join(each.names)) for each in found]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("from shop.migrations.seed import fill, price", "fill price"),
        ("from shop.migrations.seed import *", ""),
        ("from shop.migrations import seed", ""),
        ("from shop.migrations import seed as s", ""),
        ("from .migrations.seed import fill", "fill"),
        ("from .migrations import seed", ""),
        ("import shop.migrations.seed", ""),
        ("import shop.migrations.seed as seed", ""),
        ("importlib.import_module('shop.migrations.seed')", ""),
        ("import_module('.seed', 'shop.migrations')", ""),
        ("import_string('shop.migrations.seed.fill')", "fill"),
        ("__import__('shop.migrations.seed')", ""),
        ("SEEDS = ['shop.migrations.seed.fill']", "fill"),
        ("def later():\n  from .migrations.seed import fill", "fill"),
    ],
)
def test_every_way_to_import_a_migration_is_seen(text: str, names: str) -> None:
    assert lines(f"import os\n{text}\n") == [(2 + text.count("\n"), "seed.py", names)]


def test_a_name_that_begins_with_a_digit_can_be_imported_by_its_text() -> None:
    text = "one = import_module('shop.migrations.0001_initial').fill\n"
    assert lines(text) == [(1, "0001_initial.py", "")]


@pytest.mark.parametrize(
    "text",
    [
        "from shop.migrations.other import fill",
        "from shop.migrations import other",
        "from shop.seed import fill",
        "from orders.migrations.seed import fill",
        "from ..migrations.seed import fill",
        "import seed",
        "import shop.migrations",
        "from shop import migrations",
        "'shop.migrations.seed'",
        "'''See shop.migrations.seed.'''",
        "print('shop.migrations.seed')",
        "import_module(f'shop.migrations.{name}')",
        "import_module('.seed')",
        "import_module(name)",
        "import_module()",
        "import_module(3)",
        "# from shop.migrations.seed import fill",
        "class Broken(:",
        "",
    ],
)
def test_what_only_looks_alike_is_left_alone(text: str) -> None:
    assert lines(text) == []


def test_the_project_may_be_in_a_folder_of_the_repository() -> None:
    gone = "backend/shop/migrations/seed.py"
    assert lines("from shop.migrations.seed import fill", "backend/shop/models.py", gone)
    assert lines("from .migrations.seed import fill", "backend/shop/models.py", gone)
    assert not lines("from .migrations.seed import fill", "shop/models.py", gone)
    assert not lines("from hop.migrations.seed import fill", "backend/a.py", gone)


def test_relative_imports_go_up_as_many_folders_as_they_have_dots() -> None:
    deep = "shop/models/product.py"
    assert lines("from ..migrations.seed import fill", deep)
    assert not lines("from .migrations.seed import fill", deep)
    assert lines("from .seed import fill", "shop/migrations/0002_more.py")
    assert lines("from . import seed", "shop/migrations/0002_more.py")


def test_migrations_that_go_together_may_import_from_each_other() -> None:
    files = {GONE[0]: b"from .seed import fill"}
    assert importers.found(files, GONE) == ()
    assert importers.found(files, GONE[1:]) != ()


def test_a_test_is_told_from_code_that_the_project_loads() -> None:
    text = b"from shop.migrations.seed import fill"
    tests = ("tests/test_seed.py", "shop/tests/seeds.py", "shop/test_models.py", "conftest.py")
    found = importers.found(
        dict.fromkeys((*tests, "shop/models.py", "shop/testimony.py"), text), GONE
    )
    assert {each.path for each in found if each.is_test} == set(tests)


def test_the_reason_names_the_line_and_the_way_out() -> None:
    (found,) = importers.found({"shop/models.py": b"from .migrations.seed import a, b"}, GONE)
    assert found.why == (
        "shop/models.py:1 imports from seed.py, which would go: move a and b to a module that "
        "stays, below shop but outside of migrations, and import it from there"
    )


def test_only_files_that_name_the_package_are_read(tmp_path: Path) -> None:
    project = Project.start(tmp_path / "project")
    project.write("shop/forms.py", "from .migrations.seed import fill\n")
    project.write("shop/views.py", "from .models import Product\n")
    project.write("shop/migrations/extra.py", "from .seed import fill\n")
    project.write("README.md", "migrations\n")
    project.commit()
    project.write("shop/new.py", "from .migrations import seed\n")
    repository = git.open_repository(str(project.path), os.environ)
    found = importers.mentioning(repository, ["shop/migrations"])
    assert {path for path in found if not path.startswith("shop/migrations/0")} == {
        "shop/forms.py",
        "shop/new.py",
        "shop/migrations/__init__.py",
        "shop/migrations/extra.py",
    }
    assert found["shop/new.py"] == b"from .migrations import seed\n"
    assert importers.mentioning(repository, []) == {}
    assert importers.mentioning(repository, ["blog/db_history"]) == {}


@pytest.mark.parametrize("setting", ["color.ui=always", "submodule.recurse=true"])
def test_settings_of_the_user_do_not_hide_a_file(tmp_path: Path, setting: str) -> None:
    project = Project.start(tmp_path / "project")
    project.write("shop/forms.py", "from .migrations.seed import fill\n")
    project.git("config", *setting.split("="))
    repository = git.open_repository(str(project.path), os.environ)
    assert "shop/forms.py" in importers.mentioning(repository, ["shop/migrations"])
