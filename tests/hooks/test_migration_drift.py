"""`remigrate-migration-drift`: what the commit will hold, in the project's own environment."""

from __future__ import annotations

import sys

from tests.cli.project import BIN, Project, Ran, run
from tests.drift.store import ADD_PRICE, ADDED, MODELS, Store, environment

WRITTEN = "shop/migrations/0002_product_price.py"


def drift(store: Project, *words: str) -> Ran:
    return run(BIN / "remigrate-migration-drift", *words, cwd=store.path)


def install(store: Store) -> None:
    """As a plain git hook, without pre-commit."""
    script = f"#!/bin/sh\nexec {BIN}/remigrate-migration-drift\n"
    store.write(".git/hooks/pre-commit", script).chmod(0o755)


def test_a_commit_of_a_model_change_alone_is_stopped(store: Store) -> None:
    assert drift(store).code == 0
    store.price()
    assert drift(store).code == 0, "it is not staged"
    store.git("add", "--all")
    ran = drift(store)
    assert ran.code == 1
    assert "shop/models.py:6  error RM301 drift" in ran.out


def test_only_drift_is_its_business(store: Store) -> None:
    store.conflict()
    store.git("add", "--all")
    store.git("rm", "--quiet", "--cached", "shop/migrations/0001_initial.py")
    store.git("reset", "--quiet")
    store.migration("0002_one", "0001_initial")
    (store.path / "shop/migrations/0003_discount.py").unlink()
    (store.path / "shop/migrations/0003_stock.py").unlink()
    assert drift(store).code == 0


def test_it_runs_in_the_projects_environment(store: Store) -> None:
    store.write(".gitignore", ".venv/\n__pycache__/\n")
    python = environment(store.path / ".venv")
    store.settings(f"import sys\nassert sys.prefix == {str(python.parents[1])!r}, sys.prefix\n")
    store.commit()
    assert drift(store).code == 0
    assert drift(store, "--python", sys.executable).code == 4


def test_fix_writes_the_migration_and_it_has_to_be_added(store: Store) -> None:
    store.price()
    store.git("add", "--all")
    ran = drift(store, "--fix")
    assert ran.code == 1
    assert f"git add {WRITTEN}" in ran.err
    again = drift(store)
    assert again.code == 1, "it is written, but the commit does not hold it"
    assert f"git add {WRITTEN}" in again.out
    store.git("add", WRITTEN)
    assert drift(store).code == 0
    assert store.makemigrations().code == 0


def test_fix_writes_what_the_commit_lacks_not_what_the_disk_lacks(store: Store) -> None:
    store.price()
    store.git("add", "--all")
    store.write("shop/models.py", MODELS + "    price = models.IntegerField(default=0)\n"
                "    stock = models.IntegerField(default=0)\n")  # fmt: skip
    assert drift(store, "--fix").code == 1
    assert "stock" not in (store.path / WRITTEN).read_text()


def test_a_migration_on_disk_is_not_written_once_more(store: Store) -> None:
    store.price()
    store.git("add", "--all")
    store.write(ADDED, ADD_PRICE)
    ran = drift(store, "--fix")
    assert ran.code == 1
    assert not (store.path / WRITTEN).exists()
    assert f"git add {ADDED}" in ran.out


def test_as_a_plain_git_hook_it_stops_a_commit(store: Store) -> None:
    hook = store.write(
        ".git/hooks/pre-commit", f"#!/bin/sh\nexec {BIN}/remigrate-migration-drift\n"
    )
    hook.chmod(0o755)
    store.price()
    store.git("add", "--all")
    ran = run("git", "commit", "-m", "A price", cwd=store.path)
    assert ran.code == 1
    assert "RM301 drift" in ran.out + ran.err
    store.write(ADDED, ADD_PRICE)
    store.git("add", "--all")
    assert run("git", "commit", "-m", "A price", cwd=store.path).code == 0


def test_it_works_in_a_linked_worktree_and_for_commit_all(store: Store) -> None:
    hook = store.write(
        ".git/hooks/pre-commit", f"#!/bin/sh\nexec {BIN}/remigrate-migration-drift\n"
    )
    hook.chmod(0o755)
    other = store.path.parent / "other"
    store.git("worktree", "add", "--quiet", "-b", "other", other)
    linked = Store(other)
    linked.price()
    ran = run("git", "commit", "--all", "-m", "A price", cwd=other)
    assert ran.code == 1
    assert "RM301 drift" in ran.out + ran.err
