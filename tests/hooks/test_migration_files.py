"""`remigrate-migration-files`: what would be left behind, and what is none of its business."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.project import Project, Ran, refused, run

PRICE, STOCK = "shop/migrations/0002_price.py", "shop/migrations/0003_stock.py"


def files(project: Project, *words: str, env: dict[str, str] | None = None) -> Ran:
    return run("remigrate-migration-files", *words, cwd=project.path, env=env)


def findings(project: Project, *words: str, env: dict[str, str] | None = None) -> Any:
    ran = files(project, "--format", "json", *words, env=env)
    assert ran.err == ""
    return json.loads(ran.out)["findings"]


def found(project: Project, *words: str, env: dict[str, str] | None = None) -> list[Any]:
    return [(one["code"], one["path"]) for one in findings(project, *words, env=env)]


def stock(project: Project) -> None:
    project.migration("0003_stock", "0002_price")


# Untracked


def test_a_new_migration_is_untracked_until_it_is_added(shop: Project) -> None:
    assert files(shop).code == 0
    stock(shop)
    ran = files(shop)
    assert ran.code == 1
    assert "shop.0003_stock is not tracked by git" in ran.out
    assert f"git add {STOCK}" in ran.out
    shop.git("add", STOCK)
    assert files(shop).code == 0


def test_an_announced_migration_is_untracked(shop: Project) -> None:
    stock(shop)
    shop.git("add", "--intent-to-add", STOCK)
    assert found(shop) == [("RM302", STOCK)]
    ran = run("remigrate-migration-graph", cwd=shop.path)
    assert ran.code == 0, "the next commit will not hold it, so it breaks nothing"


def test_the_first_migrations_of_a_known_app_are_untracked_with_their_package(
    shop: Project,
) -> None:
    shop.write("orders/models.py")
    shop.commit()
    shop.app("orders")
    assert found(shop) == [
        ("RM302", "orders/migrations/0001_initial.py"),
        ("RM302", "orders/migrations/__init__.py"),
    ]


def test_a_forgotten_init_is_untracked(shop: Project) -> None:
    shop.git("rm", "--quiet", "--cached", "shop/migrations/__init__.py")
    assert found(shop) == [("RM302", "shop/migrations/__init__.py")]


def test_a_new_app_that_git_does_not_know_at_all_is_not_ours(shop: Project) -> None:
    shop.app("orders")
    assert found(shop) == []
    shop.git("add", "orders/__init__.py")
    assert found(shop) == [
        ("RM302", "orders/migrations/0001_initial.py"),
        ("RM302", "orders/migrations/__init__.py"),
    ]


def test_what_django_would_not_load_is_not_ours(shop: Project) -> None:
    for name in ("_helper", "~backup", "0003.orig", "notes"):
        shop.write(f"shop/migrations/{name}.py", "nothing = 1\n")
    shop.write("shop/migrations/0003_stock.py.swp", "nothing")
    shop.write("shop/migrations/README", "nothing")
    shop.write("shop/fixtures/0003_stock.py", "class Migration:\n    pass\n")
    assert found(shop) == []


def test_an_unreadable_one_is_untracked_all_the_same(shop: Project) -> None:
    shop.write(STOCK, "class Migration(\n")
    assert found(shop) == [("RM302", STOCK)]


# Ignored


def by_gitignore(project: Project) -> str:
    project.write(".gitignore", "*.pyc\n0003*\n")
    return ".gitignore:2:0003*"


def by_nested_gitignore(project: Project) -> str:
    project.write("shop/migrations/.gitignore", "0003*\n")
    return "shop/migrations/.gitignore:1:0003*"


def by_exclude(project: Project) -> str:
    project.write(".git/info/exclude", "0003*\n")
    return ".git/info/exclude:1:0003*"


def by_the_user(project: Project) -> str:
    excludes = project.path.parent / "excludes"
    excludes.write_text("# mine\n\n**/migrations/0003*\n")
    project.git("config", "core.excludesFile", excludes)
    return f"{excludes}:3:**/migrations/0003*"


@pytest.mark.parametrize("hide", [by_gitignore, by_nested_gitignore, by_exclude, by_the_user])
def test_an_ignored_migration_is_told_with_what_ignores_it(shop: Project, hide: Any) -> None:
    pattern = hide(shop)
    stock(shop)
    for _ in range(2):
        [finding] = findings(shop)
        assert (finding["code"], finding["path"]) == ("RM303", STOCK)
        assert f"`{pattern}`" in finding["message"]
    shop.git("add", "--force", STOCK)
    assert found(shop) == [], "what git tracks it does not ignore"


def test_a_folder_that_is_ignored_as_a_whole_hides_what_is_in_it(shop: Project) -> None:
    shop.write("orders/models.py")
    shop.write(".gitignore", "migrations/\n")
    shop.commit()
    shop.app("orders")
    stock(shop)
    shop.write("orders/migrations/README", "nothing")
    expected = [
        ("RM303", "orders/migrations/0001_initial.py"),
        ("RM303", "orders/migrations/__init__.py"),
        ("RM303", STOCK),
    ]
    for _ in range(2):
        assert found(shop) == expected
    assert "`.gitignore:1:migrations/`" in findings(shop)[0]["message"]
    shop.migration("0002_more", "0001_initial", app="orders")
    assert len(found(shop)) == 4, "also what came since the last time"


def test_an_ignored_init_is_told(shop: Project) -> None:
    shop.git("rm", "--quiet", "--cached", "shop/migrations/__init__.py")
    shop.write(".gitignore", "__init__.py\n")
    assert found(shop) == [("RM303", "shop/migrations/__init__.py")]


def test_other_ignored_files_are_not_ours(shop: Project) -> None:
    shop.write(".gitignore", "*.pyc\nbuild/\nnotes.py\n")
    shop.write("shop/migrations/__pycache__/0001_initial.cpython-311.pyc", "")
    shop.write("build/lib/shop/migrations/0001_initial.py", "class Migration:\n    pass\n")
    shop.write("shop/migrations/notes.py", "nothing = 1\n")
    assert found(shop) == []


# A virtual environment


@pytest.mark.parametrize(
    "gitignore", ["env/\n", "migrations/\n", "*.py\n", ""], ids=["env", "folder", "files", "none"]
)
def test_thousands_of_migrations_in_an_environment_are_not_ours(
    shop: Project, gitignore: str
) -> None:
    shop.write(".gitignore", gitignore)
    for package in range(300):
        folder = shop.path / f"env/lib/python3.13/site-packages/package{package}/migrations"
        folder.mkdir(parents=True)
        for number in range(10):
            (folder / f"{number:04}_step.py").write_text("class Migration:\n    pass\n")
    stock(shop)
    code = "RM302" if gitignore in ("", "env/\n") else "RM303"
    log = shop.path.parent / "log"
    assert found(shop, "--no-cache", env={"GIT_TRACE2": str(log)}) == [(code, STOCK)]
    assert 3 < log.read_text().count(" start ") < 12, "not one process for each package"


# Not staged


def test_changes_that_are_not_staged_are_a_warning(shop: Project) -> None:
    shop.write(PRICE, (shop.path / PRICE).read_text() + "\n# cheaper\n")
    assert found(shop) == [("RM304", PRICE)]
    assert files(shop).code == 0
    assert files(shop, "--fail-on", "warning").code == 1
    shop.git("add", PRICE)
    assert found(shop) == []


def test_a_deletion_that_is_not_staged_is_a_warning(shop: Project) -> None:
    (shop.path / PRICE).unlink()
    assert found(shop) == [("RM304", PRICE)]


def test_a_file_that_was_only_touched_has_no_changes(shop: Project) -> None:
    os.utime(shop.path / PRICE, (0, 0))
    index = (shop.path / ".git/index").read_bytes()
    assert found(shop) == []
    assert (shop.path / ".git/index").read_bytes() == index, "and nobody writes to the index"


def test_settings_of_the_user_do_not_change_the_answer(shop: Project) -> None:
    for name, value in {
        "color.ui": "always",
        "diff.external": "false",
        "diff.relative": "true",
        "diff.noprefix": "true",
        "diff.renames": "copies",
        "core.quotePath": "false",
        "status.showUntrackedFiles": "no",
    }.items():
        shop.git("config", name, value)
    (shop.path / PRICE).rename(shop.path / STOCK)
    shop.git("add", "--intent-to-add", STOCK)
    assert found(shop) == [("RM302", STOCK), ("RM304", PRICE)]
    ran = run("remigrate-migration-files", "--format=json", cwd=shop.path / "shop")
    assert [one["path"] for one in json.loads(ran.out)["findings"]] == [STOCK, PRICE]


# As a hook


def test_it_blocks_a_commit_that_leaves_a_migration_behind(shop: Project) -> None:
    place = shop.path / ".git/hooks/pre-commit"
    place.parent.mkdir(exist_ok=True)
    place.write_text("#!/bin/sh\nexec remigrate-migration-files --fail-on warning\n")
    place.chmod(0o755)
    stock(shop)
    commit = ("git", "commit", "--quiet", "--allow-empty", "-m", "Change")
    ran = run(*commit, cwd=shop.path)
    assert ran.code == 1
    assert "RM302 untracked" in ran.err + ran.out
    shop.git("add", "--all")
    assert run(*commit, cwd=shop.path).code == 0
    stock(shop)
    shop.write(STOCK, "\n" + (shop.path / STOCK).read_text())
    assert run(*commit, cwd=shop.path).code == 1
    assert run(*commit, "--all", cwd=shop.path).code == 0, "with --all it is staged"


def test_migrations_elsewhere_are_looked_after_too(shop: Project) -> None:
    shop.git("mv", "shop/migrations", "changes")
    shop.configure('migration-modules = {shop = "changes"}')
    shop.commit()
    shop.write("changes/0003_stock.py", (shop.path / "changes/0002_price.py").read_text())
    shop.write("changes/0002_price.py", "\n" + (shop.path / "changes/0002_price.py").read_text())
    assert found(shop) == [("RM302", "changes/0003_stock.py"), ("RM304", "changes/0002_price.py")]


def test_a_bare_repository_has_no_files_to_look_after(shop: Project, tmp_path: Path) -> None:
    shop.git("clone", "--quiet", "--bare", ".", tmp_path / "bare.git")
    ran = run("remigrate-migration-files", cwd=tmp_path / "bare.git")
    refused(ran, 2, "is a bare repository: it has no index", "--head")
