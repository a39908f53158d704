"""The merged tree is what git would make of base and head; nothing is written to find it out."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from remigrate import git, load, merge, trees
from remigrate.errors import RepositoryFailure
from remigrate.model import Broken
from tests.reading.conftest import Make
from tests.reading.repositories import (
    Repository,
    Snapshot,
    app,
    imported,
    inside,
    look,
    migration,
    opened,
)

Head = Literal["commit", "index", "work tree"]
Files = dict[str, bytes]
WANTED = trees.Wanted()
SHOP = "shop/migrations"


def text(seed: str) -> bytes:
    """Content that git finds again when the file was renamed, or a line of it changed."""
    return "".join(f"{seed} line {at}\n" for at in range(12)).encode()


ORIGIN: Files = {
    name: text(name)
    for name in (
        "README",
        "shop/__init__.py",
        "shop/apps.py",
        "shop/models.py",
        f"{SHOP}/__init__.py",
        f"{SHOP}/0001_initial.py",
        f"{SHOP}/0002_a.py",
        f"{SHOP}/0003_b.py",
        "blog/models.py",
        "blog/views.py",
        "lib/x/migrations/0001_initial.py",
        "lib/x/migrations/0002_more.py",
    )
}


class Change(NamedTuple):
    """One thing that one side did."""

    what: str
    which: int
    """Chooses the file or folder."""
    how: int
    """Chooses the line, the new name or the content."""


NEW = (
    f"{SHOP}/0004_c.py",
    f"{SHOP}/0004_d.py",
    f"{SHOP}/0002_z.py",
    "blog/migrations/0001_initial.py",
    "lib/x/migrations/0003_last.py",
    "lib/y/migrations/0001_initial.py",
    "store/migrations/0004_c.py",
    "store/apps.py",
)
FOLDERS = (SHOP, "lib/x/migrations", "shop", "blog", "lib", "lib/x")
TARGETS = ("store/migrations", "lib/y/migrations", "store", "lib/shop", "lib/z", "other")


def changed(files: Files, changes: list[Change]) -> Files:
    """`files` after `changes`."""
    files = dict(files)
    for what, which, how in changes:
        names = sorted(files)
        name = names[which % len(names)] if names else "README"
        if what == "add":
            files.setdefault(NEW[which % len(NEW)], text(f"new {how % 2}"))
        elif what == "edit" and names:
            lines = files[name].split(b"\n")
            lines[how % len(lines)] += b" changed %d" % (how % 3)
            files[name] = b"\n".join(lines)
        elif what == "delete" and names:
            del files[name]
        elif what == "rename" and names:
            # What is looked at are migrations: a README that becomes one is as a new file to us.
            is_migration = name.encode() in WANTED
            files[NEW[how % len(NEW)] if is_migration else "notes.txt"] = files.pop(name)
        elif what == "move":
            old, target = FOLDERS[which % len(FOLDERS)] + "/", TARGETS[how % len(TARGETS)] + "/"
            if not target.startswith(old) and (which % len(FOLDERS) < 2 or how % len(TARGETS) > 1):
                files = {
                    target + path.removeprefix(old) if path.startswith(old) else path: content
                    for path, content in files.items()
                }
    # A file cannot have the name of a folder.
    folders = {path[:at] for path in files for at in range(len(path)) if path[at] == "/"}
    return {path: content for path, content in files.items() if path not in folders}


CHANGES = st.lists(
    st.builds(
        Change,
        st.sampled_from(("add", "add", "edit", "edit", "delete", "rename", "rename", "move")),
        st.integers(0, 11),
        st.integers(0, 11),
    ),
    max_size=4,
)


def plain(content: bytes | str) -> str:
    """Content or path in which the names of the two sides do not show."""
    if isinstance(content, bytes):
        content = content.decode()
    return re.sub(r"\b[0-9a-f]{40}\b", "SIDE", content)


def by_git(repository: Repository, base: str, head: str) -> dict[str, str]:
    """What ``git merge-tree`` makes of two commits, as far as it is about migrations."""
    flags = ("--write-tree", "--name-only", "--no-messages", "-z")
    output = repository.git("merge-tree", *flags, base, head, ok=(0, 1))
    merged = output.split(b"\0")[0].decode().strip()
    return listed(repository, trees.commit_tree(opened(repository), merged, WANTED))


def listed(repository: Repository, tree: load.Tree) -> dict[str, str]:
    """Path and content of each file of a tree."""
    found = {}
    for entry, content in tree.read(tree.entries):
        assert not isinstance(content, Broken), (entry, content)
        found[plain(entry.path)] = plain(content)
    assert len(found) == len(tree.entries)
    return found


def by_us(repository: Repository, base: str, head: str | None, index: bool) -> dict[str, str]:
    """The merged tree as Remigrate makes it, from a repository that stays as it is."""
    before = inside(repository.path / ".git")
    known = opened(repository)
    assert known.top
    commit = git.commits(known, [head])[0] if head else None
    if head:
        tree: merge.Source = trees.commit_tree(known, head, WANTED)
    elif index:
        tree = trees.index_tree(known, WANTED)
    else:
        tree = trees.WorkTree(known, known.top, WANTED)
    found = listed(repository, merge.merged_tree(known, base, commit, tree, WANTED).tree)
    assert inside(repository.path / ".git") == before
    return found


def put(repository: Repository, files: Mapping[str, bytes]) -> None:
    """Make the work tree hold exactly `files`."""
    for path in repository.path.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    repository.write(files)


def agree(history: list[Snapshot], head: Head) -> None:
    """Base is the last commit but one, head the last one (or becomes one after the question)."""
    with tempfile.TemporaryDirectory() as folder:
        repository, ids = imported(Path(folder, "x"), history)
        base, tip = ids[-2:]
        if head == "commit":
            assert by_us(repository, base, tip, False) == by_git(repository, base, tip)
            return
        parent = ids[history[-1].parents[0]]
        repository.git("checkout", "-q", "--detach", parent)
        put(repository, history[-1].files)
        if head == "index":
            repository.git("add", "-A")
        ours = by_us(repository, base, None, head == "index")
        tip = repository.commit()
        assert ours == by_git(repository, base, tip)


HISTORIES = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
    derandomize=True,  # the same examples every time: a new find must not stop an unrelated change
)


@pytest.mark.parametrize("head", ["commit", "index", "work tree"])
@HISTORIES
@given(ours=CHANGES, theirs=CHANGES)
@example(ours=[Change("move", 0, 0)], theirs=[Change("add", 0, 0)])
@example(ours=[Change("add", 0, 0)], theirs=[Change("move", 2, 2)])
@example(ours=[Change("add", 0, 0)], theirs=[Change("move", 0, 2)])
@example(ours=[Change("move", 3, 5)], theirs=[Change("add", 3, 0)])
@example(ours=[Change("add", 3, 0)], theirs=[Change("move", 3, 5)])
@example(ours=[Change("move", 2, 2)], theirs=[Change("move", 2, 4), Change("add", 0, 0)])
@example(ours=[Change("edit", 7, 1)], theirs=[Change("edit", 7, 1), Change("edit", 7, 9)])
@example(ours=[Change("edit", 7, 1)], theirs=[Change("delete", 7, 0)])
@example(ours=[Change("rename", 7, 0)], theirs=[Change("rename", 7, 1)])
@example(ours=[Change("rename", 7, 0)], theirs=[Change("edit", 7, 3)])
def test_it_is_what_git_makes_of_three_commits(
    head: Head, ours: list[Change], theirs: list[Change]
) -> None:
    history = [
        Snapshot((), ORIGIN),
        Snapshot((0,), changed(ORIGIN, ours)),
        Snapshot((0,), changed(ORIGIN, theirs)),
    ]
    agree(history, head)


@settings(HISTORIES, max_examples=15)
@given(CHANGES, CHANGES, CHANGES, CHANGES)
def test_it_is_what_git_makes_of_two_branches_that_merged_each_other(
    one: list[Change], two: list[Change], three: list[Change], four: list[Change]
) -> None:
    left, right = changed(ORIGIN, one), changed(ORIGIN, two)
    history = [
        Snapshot((), ORIGIN),
        Snapshot((0,), left),
        Snapshot((0,), right),
        Snapshot((1, 2), changed({**right, **left}, three)),
        Snapshot((2, 1), changed({**left, **right}, four)),
    ]
    agree(history, "commit")


# Stories


def sides(make: Make, base: Mapping[str, str], head: Mapping[str, str]) -> Repository:
    """A repository with the branches ``base`` and ``head``; ``head`` is checked out."""
    repository = make(app("shop", "0001_initial"))
    repository.git("checkout", "-q", "-b", "base")
    repository.commit(base)
    repository.git("checkout", "-q", "-b", "head", "main")
    repository.commit(head)
    return repository


def merged(repository: Repository, **question: str | bool) -> dict[str, str]:
    """Paths and headers of the merged tree, as a check sees them."""
    answer = look(repository, base="base", **question)
    return {m.path: str(m.header) for a in answer.project.apps for m in a.migrations}


ONE, TWO = f"{SHOP}/0002_one.py", f"{SHOP}/0002_two.py"


def test_both_sides_are_in_it(make: Make) -> None:
    repository = sides(make, {ONE: migration("0001_initial")}, {TWO: migration("0001_initial")})
    both = [f"{SHOP}/0001_initial.py", ONE, TWO]
    assert list(merged(repository)) == both
    assert list(merged(repository, head="head")) == both
    assert list(merged(repository, from_index=True)) == both


def test_a_conflict_in_one_file_shows_its_markers(make: Make) -> None:
    repository = sides(make, {ONE: migration("0001_initial")}, {ONE: migration("0001_other")})
    for question in ({}, {"head": "head"}, {"from_index": True}):
        assert "conflict markers" in merged(repository, **question)[ONE]


def test_base_that_is_in_head_already_changes_nothing(make: Make) -> None:
    repository = sides(make, {ONE: migration("0001_initial")}, {TWO: migration("0001_initial")})
    repository.git("merge", "-q", "-m", "x", "base")
    repository.git("rm", "-q", ONE)
    repository.commit()
    assert ONE not in merged(repository)
    assert ONE not in merged(repository, head="head")


def test_head_that_is_in_base_already_is_base(make: Make) -> None:
    repository = sides(make, {ONE: migration("0001_initial")}, {})
    repository.git("reset", "-q", "--hard", "main")
    assert list(merged(repository)) == [f"{SHOP}/0001_initial.py", ONE]
    repository.write({TWO: migration("0001_initial")})
    assert list(merged(repository)) == [f"{SHOP}/0001_initial.py", ONE, TWO]


def test_a_merge_that_is_under_way_is_read(make: Make) -> None:
    repository = sides(make, {ONE: migration("0001_initial")}, {TWO: migration("0001_initial")})
    repository.git("merge", "-q", "--no-commit", "base")
    assert list(merged(repository)) == [f"{SHOP}/0001_initial.py", ONE, TWO]
    assert list(merged(repository, from_index=True)) == [f"{SHOP}/0001_initial.py", ONE, TWO]


def test_a_merge_of_base_that_stopped_is_read_as_it_stands(make: Make) -> None:
    repository = sides(make, {ONE: migration("0001_initial")}, {ONE: migration("0001_other")})
    repository.git("merge", "-q", "base", ok=(1,))
    assert "conflict markers" in merged(repository)[ONE]
    assert "0001_other" in merged(repository, from_index=True)[ONE]


def test_another_merge_that_stopped_says_what_to_do(make: Make) -> None:
    repository = sides(make, {ONE: migration("0001_initial")}, {ONE: migration("0001_other")})
    repository.git("checkout", "-q", "-b", "third", "main")
    repository.commit({ONE: migration("0001_third")})
    repository.git("checkout", "-q", "head")
    repository.git("merge", "-q", "third", ok=(1,))
    with pytest.raises(RepositoryFailure, match="cannot be merged into base") as caught:
        merged(repository, from_index=True)
    assert "Finish the merge" in caught.value.hint
    assert "conflict markers" in merged(repository)[ONE]


def test_histories_that_never_met_are_said(make: Make) -> None:
    repository = sides(make, {ONE: migration("0001_initial")}, {})
    repository.git("checkout", "-q", "--orphan", "alone")
    repository.commit({"README": "another beginning"})
    with pytest.raises(RepositoryFailure, match="have no common history") as caught:
        merged(repository)
    assert "Choose as --base" in caught.value.hint


def test_a_shallow_clone_that_does_not_reach_back_says_what_to_fetch(make: Make) -> None:
    repository = sides(make, {ONE: migration("0001_initial")}, {TWO: migration("0001_initial")})
    repository.commit({"README": "more"})
    clone = Repository(repository.path.parent / "clone")
    url = f"file://{repository.path}"
    repository.git("clone", "-q", "--depth=1", "--no-single-branch", url, clone.path)
    clone.git("branch", "base", "origin/base")
    with pytest.raises(RepositoryFailure, match="does not reach back") as caught:
        merged(clone)
    assert "git fetch --unshallow" in caught.value.hint
    clone.git("fetch", "-q", "--unshallow")
    assert list(merged(clone)) == list(merged(repository))


def test_a_checkout_of_ci_needs_no_history(make: Make) -> None:
    """GitHub checks out the merge it made, one commit deep: its first parent is base."""
    repository = sides(make, {ONE: migration("0001_initial")}, {TWO: migration("0001_initial")})
    repository.git("checkout", "-q", "-b", "made", "base")
    repository.git("merge", "-q", "-m", "x", "head")
    clone = Repository(repository.path.parent / "clone")
    url = f"file://{repository.path}"
    repository.git("clone", "-q", "--depth=1", "-b", "made", url, clone.path)
    base = repository.word("rev-parse", "base")
    clone.git("fetch", "-q", "--depth=1", "origin", base)
    clone.git("branch", "base", base)
    assert list(merged(clone, head="HEAD")) == [f"{SHOP}/0001_initial.py", ONE, TWO]


def test_a_linked_worktree_merges_its_own_index(make: Make) -> None:
    repository = sides(make, {ONE: migration("0001_initial")}, {ONE: migration("0001_other")})
    repository.git("worktree", "add", "-q", "../linked", "main")
    linked = Repository(repository.path.parent / "linked")
    linked.write({TWO: migration("0001_initial")})
    (linked.path / SHOP / "0001_initial.py").unlink()
    linked.git("add", "-A")
    before = inside(repository.path)
    assert list(merged(linked, from_index=True)) == [ONE, TWO]
    assert list(merged(linked)) == [ONE, TWO]
    assert inside(repository.path) == before


@pytest.mark.parametrize("name", ["with:colon", 'with"quote', "with\\back", "new\nline", "spa ce"])
def test_the_repository_may_be_in_any_folder(make: Make, name: str) -> None:
    repository = make(app("shop", "0001_initial"), name=name)
    repository.git("checkout", "-q", "-b", "base")
    repository.commit({ONE: migration("0001_initial")})
    repository.git("checkout", "-q", "-b", "head", "main")
    repository.commit({ONE: migration("0001_other")})
    assert "conflict markers" in merged(repository)[ONE]


def test_objects_may_be_elsewhere(make: Make) -> None:
    """A clone that borrows objects, as CI machines keep them."""
    repository = sides(make, {ONE: migration("0001_initial")}, {ONE: migration("0001_other")})
    clone = Repository(repository.path.parent / "borrower")
    repository.git("clone", "-q", "--shared", repository.path, clone.path)
    clone.git("branch", "base", "origin/base")
    assert "conflict markers" in merged(clone)[ONE]


@pytest.mark.parametrize("setting", ["core.splitIndex", "core.untrackedCache", "index.sparse"])
def test_nothing_is_written_whatever_the_settings_are(make: Make, setting: str) -> None:
    repository = sides(make, {ONE: migration("0001_initial")}, {ONE: migration("0001_other")})
    repository.git("config", setting, "true")
    repository.write({TWO: migration("0001_initial"), "shop/models.py": "x"})
    repository.git("add", "shop/models.py")
    repository.write({TWO: migration("0001_initial", body="    atomic = False\n")})
    before = inside(repository.path)
    assert "conflict markers" in merged(repository)[ONE]
    assert "conflict markers" in merged(repository, from_index=True)[ONE]
    assert inside(repository.path) == before


def test_a_link_that_moves_with_its_folder_is_followed(make: Make) -> None:
    repository = make({**app("shop", "0001_initial"), "shop/apps.py": "", "shop/models.py": "x\n"})
    repository.git("checkout", "-q", "-b", "base")
    repository.git("mv", "shop", "store")
    repository.commit()
    repository.git("checkout", "-q", "-b", "head", "main")
    (repository.path / ONE).symlink_to("0001_initial.py")
    repository.commit()
    seen = merged(repository, head="head")
    assert list(seen) == ["store/migrations/0001_initial.py", "store/migrations/0002_one.py"]
    assert len(set(seen.values())) == 1


def test_a_submodule_on_one_side_is_no_obstacle(make: Make) -> None:
    other = make(app("x", "0001_initial"), name="other")
    repository = sides(make, {ONE: migration("0001_initial")}, {ONE: migration("0001_other")})
    allow = ("-c", "protocol.file.allow=always")
    repository.git(*allow, "submodule", "add", "-q", other.path, "blog/migrations")
    repository.commit()
    assert "conflict markers" in merged(repository)[ONE]
    answer = look(repository, base="base", head="head")
    assert [note.path for note in answer.project.notes] == ["blog/migrations"]


def test_a_bare_repository_is_merged_without_a_work_tree(make: Make) -> None:
    repository = sides(make, {ONE: migration("0001_initial")}, {ONE: migration("0001_other")})
    bare = Repository(repository.path.parent / "bare.git")
    repository.git("clone", "-q", "--mirror", repository.path, bare.path)
    before = inside(bare.path)
    assert "conflict markers" in merged(bare, head="head")[ONE]
    assert inside(bare.path) == before


def test_before_the_first_commit_the_work_tree_is_all(make: Make) -> None:
    repository = make(app("shop", "0001_initial"))
    repository.git("branch", "base")
    repository.git("checkout", "-q", "--orphan", "unborn")
    repository.write({TWO: migration("0001_initial")})
    assert list(merged(repository)) == [f"{SHOP}/0001_initial.py", TWO]
