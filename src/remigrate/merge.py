"""The merged tree: what git would make of base and head.

Most of the time this is arithmetic on object ids: a path that only one side changed is as that
side has it. Where git would have to look closer (both sides changed a path, one side removed
files while the other added some, so that renames may matter), git itself is asked.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from remigrate import git, trees
from remigrate.errors import RepositoryFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from remigrate.load import Tree
    from remigrate.model import Broken

    Source = trees.ObjectTree | trees.WorkTree


class Merged(NamedTuple):
    """Base's tree, and the tree that a merge of head into it would give."""

    base: Tree
    tree: Tree


def merged_tree(
    repository: git.Repository,
    base: str,
    head: git.Commit | None,
    tree: Source,
    wanted: trees.Wanted,
) -> Merged:
    """Merge `tree` into the commit `base`.

    `head` is the commit that `tree` is of, or None when it is the index or the work tree, which
    are taken as a commit on top of HEAD. Raises `RepositoryFailure` when the two have no common
    history, or when a shallow clone does not hold it.
    """
    base_tree = trees.commit_tree(repository, base, wanted)
    tip = head.sha if head else git.head_commit(repository)
    if tip is None or tip == base or (head and base in head.parents):
        return Merged(base_tree, tree)
    ancestors = git.merge_bases(repository, base, tip)
    if not ancestors:
        raise _unrelated(repository, base, tip)
    if ancestors == [base] or (head is None and _is_being_merged(repository, base)):
        return Merged(base_tree, tree)
    if len(ancestors) == 1:
        origin = trees.commit_tree(repository, ancestors[0], wanted)
        simple = _three_way(_by_path(origin), _by_path(base_tree), _by_path(tree))
        if simple is not None:
            return Merged(base_tree, _Joined(simple.values(), (tree, base_tree), {}))
    return Merged(base_tree, _by_git(repository, base, head, (tree, base_tree), wanted))


def _is_being_merged(repository: git.Repository, base: str) -> bool:
    """Whether the next commit is a merge with base: nothing of base is missing then."""
    asked = ("rev-parse", "--verify", "--quiet", "MERGE_HEAD^{commit}")
    other = repository.observe(*asked, ok=(0, 1, 128)).decode().strip()
    return bool(other) and git.merge_bases(repository, base, other) == [base]


def _unrelated(repository: git.Repository, base: str, tip: str) -> RepositoryFailure:
    if repository.shallow:
        return RepositoryFailure(
            f"this shallow clone does not reach back to where {base[:12]} and {tip[:12]} parted",
            "Fetch more of it: git fetch --unshallow (or --deepen=100, until it is enough).",
        )
    return RepositoryFailure(
        f"base {base[:12]} and head {tip[:12]} have no common history",
        "Choose as --base the branch that head will be merged into.",
    )


def _by_path(tree: Tree) -> dict[str, trees.Entry]:
    return {entry.path: entry for entry in tree.entries}


def _three_way(
    origin: Mapping[str, trees.Entry],
    ours: Mapping[str, trees.Entry],
    theirs: Mapping[str, trees.Entry],
) -> dict[str, trees.Entry] | None:
    """The merge path by path; None when paths alone do not decide it."""
    merged: dict[str, trees.Entry] = {}
    added, removed = [False, False], [False, False]
    for path in sorted({**origin, **ours, **theirs}):
        before, left, right = origin.get(path), ours.get(path), theirs.get(path)
        for side, now in enumerate((left, right)):
            added[side] = added[side] or (before is None and now is not None)
            removed[side] = removed[side] or (before is not None and now is None)
        if left == right or right == before:
            chosen = left
        elif left == before:
            chosen = right
        else:
            return None
        if chosen is not None:
            merged[path] = chosen
    if (added[0] and removed[1]) or (added[1] and removed[0]):
        return None
    return merged


class _Joined:
    """Files that stand in one of several trees, or in none of them."""

    def __init__(
        self,
        entries: Iterable[trees.Entry],
        known: Iterable[Tree],
        made: Mapping[trees.Entry, bytes | Broken],
    ) -> None:
        self.entries = tuple(entries)
        self._known = tuple(known)
        self._made = made
        """Content of files that only the merge holds."""

    def read(self, entries: Iterable[trees.Entry]) -> Iterator[tuple[trees.Entry, bytes | Broken]]:
        """Content of each entry, or why it cannot be had."""
        wanted = set(entries)
        for tree in self._known:
            found = wanted & set(tree.entries)
            yield from tree.read(found)
            wanted -= found
        for entry in wanted:
            yield entry, self._made[entry]


def _by_git(
    repository: git.Repository,
    base: str,
    head: git.Commit | None,
    known: tuple[Source, Tree],
    wanted: trees.Wanted,
) -> Tree:
    """Let ``git merge-tree`` do it, its new objects kept away from the repository's own."""
    import tempfile

    tree = known[0]
    with tempfile.TemporaryDirectory(prefix="remigrate-") as folder:
        apart = repository.with_env(_apart(repository, folder))
        tip = head.sha if head else _uncommitted(apart, folder, tree.changed)
        args = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", base, tip)
        merged = trees.commit_tree(apart, _first_field(apart.run(*args, ok=(0, 1))), wanted)
        seen = {entry for source in known for entry in source.entries}
        new = [entry for entry in merged.entries if entry not in seen]
        return _Joined(merged.entries, known, dict(merged.read(new)))


def _first_field(output: bytes) -> str:
    return output.split(b"\0", 1)[0].split(b"\n", 1)[0].decode()


def _apart(repository: git.Repository, folder: str) -> dict[str, str]:
    """An environment in which git reads the repository's objects and writes to `folder`."""
    own = _path_of(repository, "objects")
    os.makedirs(os.path.join(folder, "objects"))
    more = repository.env.get("GIT_ALTERNATE_OBJECT_DIRECTORIES")
    who = {"NAME": "remigrate", "EMAIL": "remigrate@localhost", "DATE": "@0 +0000"}
    return {
        "GIT_OBJECT_DIRECTORY": os.path.join(folder, "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(filter(None, (_quoted(own), more))),
        **{
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in who.items()
        },
    }


def _quoted(path: str) -> str:
    """A path as git takes it in a list of paths, whatever is in it."""
    return '"{}"'.format(path.replace("\\", "\\\\").replace('"', '\\"'))


def _path_of(repository: git.Repository, name: str) -> str:
    output = repository.run("rev-parse", "--path-format=absolute", "--git-path", name)
    return os.fsdecode(output).removesuffix("\n")


def _uncommitted(apart: git.Repository, folder: str, changed: Iterable[str]) -> str:
    """A commit, kept apart, of the index with the `changed` files of the work tree."""
    import shutil

    own_index = _path_of(apart, "index")
    index = os.path.join(folder, "index")
    if os.path.exists(own_index):
        shutil.copyfile(own_index, index)
    staged = apart.with_env({"GIT_INDEX_FILE": index})._replace(path=apart.top or apart.path)
    paths = b"".join(os.fsencode(path) + b"\0" for path in changed)
    if paths:
        staged.run("add", "--all")  # also what only a renamed folder would tell
        staged.run("update-index", "--add", "--remove", "-z", "--stdin", stdin=paths)
    try:
        tree = _first_field(staged.run("write-tree"))
    except RepositoryFailure as error:
        raise RepositoryFailure(
            f"the index cannot be merged into base: {error}",
            "Finish the merge that is under way, then try again.",
        ) from error
    return _first_field(staged.run("commit-tree", tree, "-p", "HEAD", "-m", "uncommitted"))
