"""Which tree the project's code is shown: the index, a commit, never just what lies on disk."""

from __future__ import annotations

import os

import pytest

from remigrate import git, strays, trees, view
from remigrate.check import Question, look
from remigrate.facts import Strays
from remigrate.memory import NoCache
from remigrate.view import View
from tests.drift.store import ADD_PRICE, ADDED, MODELS, PRICE, Store

CHANGED = (MODELS + PRICE).encode()


def indexed(store: Store) -> View:
    repository = git.open_repository(str(store.path), os.environ)
    project = look(repository, Question(from_index=True), NoCache()).project
    return view.of_index(repository, _unknown(strays.find(repository, project)))


def _unknown(found: Strays) -> list[str]:
    return [stray.path for stray in (*found.untracked, *found.ignored)]


def committed(store: Store, revision: str = "HEAD") -> View:
    repository = git.open_repository(str(store.path), os.environ)
    (commit,) = git.commits(repository, [revision])
    return view.of_commit(repository, commit.sha, ())


def test_a_clean_work_tree_needs_no_view(store: Store) -> None:
    assert indexed(store) == View()
    assert committed(store) == View()


def test_what_is_not_staged_is_shown_as_it_is_staged(store: Store) -> None:
    store.price()
    assert indexed(store) == View({"shop/models.py": MODELS.encode()})
    store.git("add", "--all")
    assert indexed(store) == View()
    store.write("shop/models.py", MODELS)
    assert indexed(store) == View({"shop/models.py": CHANGED})


def test_a_touched_file_is_no_other_file(store: Store) -> None:
    os.utime(store.path / "shop/models.py", (1, 1))
    assert indexed(store) == View()


def test_a_deleted_module_is_still_in_the_commit_until_that_is_staged(store: Store) -> None:
    (store.path / "shop/models.py").unlink()
    assert indexed(store) == View({"shop/models.py": MODELS.encode()})
    store.git("rm", "--quiet", "--cached", "shop/models.py")
    assert indexed(store) == View(hidden=("shop/models.py",))
    store.write("shop/models.py", MODELS)
    assert indexed(store) == View(hidden=("shop/models.py",)), "it is on disk alone"


def test_migrations_that_git_does_not_know_are_hidden_and_other_files_are_not(
    store: Store,
) -> None:
    store.write(ADDED, ADD_PRICE)
    store.write("store/local_settings.py", "DEBUG = True\n")
    assert indexed(store) == View(hidden=(ADDED,))
    store.write(".gitignore", "0002*\n")
    assert indexed(store) == View(hidden=(ADDED,))
    store.git("add", "--force", ADDED)
    assert indexed(store) == View()


def test_a_migration_that_is_only_announced_is_hidden(store: Store) -> None:
    store.write(ADDED, ADD_PRICE)
    store.git("add", "--intent-to-add", ADDED)
    assert indexed(store) == View(hidden=(ADDED,))


def test_of_an_unmerged_file_our_side_is_shown(store: Store) -> None:
    store.git("checkout", "--quiet", "-b", "other")
    store.price()
    store.commit()
    store.git("checkout", "--quiet", "main")
    store.write("shop/models.py", MODELS + "    # ours\n")
    store.commit()
    ran = store.remigrate("--version")
    assert ran.code == 0
    assert "CONFLICT" in _merged(store)
    assert indexed(store) == View({"shop/models.py": (MODELS + "    # ours\n").encode()})


def _merged(store: Store) -> str:
    from tests.cli.project import run

    return run("git", "merge", "other", cwd=store.path).out


def test_paths_are_those_of_the_repository_from_every_folder(store: Store) -> None:
    store.price()
    repository = git.open_repository(str(store.path / "store"), os.environ)
    assert repository.prefix == "store/"
    assert view.of_index(repository, ()) == View({"shop/models.py": MODELS.encode()})


def test_links_are_left_to_the_disk(store: Store) -> None:
    store.write("a.py")
    (store.path / "b.py").symlink_to("a.py")
    store.commit()
    (store.path / "b.py").unlink()
    store.write("b.py", "1\n")
    assert "b.py" not in indexed(store).files


def test_a_commit_is_shown_by_what_is_otherwise_on_disk(store: Store) -> None:
    store.git("checkout", "--quiet", "-b", "priced")
    store.price()
    store.write(ADDED, ADD_PRICE)
    store.commit()
    store.git("checkout", "--quiet", "main")
    store.write("shop/extra.py", "1\n")
    store.git("add", "shop/extra.py")
    seen = committed(store, "priced")
    assert seen.files == {ADDED: ADD_PRICE.encode(), "shop/models.py": CHANGED}
    assert seen.hidden == ("shop/extra.py",)


def test_a_file_of_the_commit_that_is_here_but_untracked_is_shown_as_committed(
    store: Store,
) -> None:
    store.git("rm", "--quiet", "--cached", "shop/models.py")
    store.price()
    assert committed(store) == View({"shop/models.py": MODELS.encode()})


def test_absolute_paths_are_those_below_the_top(store: Store) -> None:
    files, hidden = view.absolute(View({"a/b.py": b"1"}, ("c.py",)), "/top")
    assert (files, hidden) == ({"/top/a/b.py": b"1"}, ("/top/c.py",))
    assert trees.blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_was_told_not_to_look_at_is_shown_as_staged(
    store: Store, flag: str
) -> None:
    store.git("update-index", flag, "shop/models.py")
    store.price()
    assert indexed(store) == View({"shop/models.py": MODELS.encode()})
