"""What an event asks to compare, and how its commits are had where the checkout lacks them."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate import check, errors, git
from remigrate.event import ABOUT_A_PULL_REQUEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from remigrate.options import Options

_NOTHING = "0" * 40


class Remote(NamedTuple):
    """Where commits are fetched from that are not here."""

    url: str
    token: str
    folder: str
    """For what is fetched; it outlives the check."""


class Comparison(NamedTuple):
    """What an event asks to compare. Revisions are full commit ids."""

    base: str | None
    """Landed migrations come from here; None to check the tree alone."""
    head: str
    merged: bool
    """Whether `head` holds `base` already."""
    test_merge: str | None = None
    """A commit of GitHub's that merges head into base."""
    notice: str = ""
    """Why the tree is checked alone."""


def of_event(name: str, event: Mapping[str, Any], sha: str, head: git.Commit) -> Comparison:
    """What `event` is about, seen from the commit `head` that is checked out."""
    if name in ABOUT_A_PULL_REQUEST:
        pull_request = event["pull_request"]
        base, tip = pull_request["base"]["sha"], pull_request["head"]["sha"]
        if len(head.parents) == 2 and head.parents[1] == tip:
            return Comparison(head.parents[0], head.sha, merged=True)
        merge = sha if name == "pull_request" and head.sha == tip != sha else None
        return Comparison(base, head.sha, merged=False, test_merge=merge)
    if name == "merge_group":
        return Comparison(event["merge_group"]["base_sha"], head.sha, merged=True)
    if name == "push":
        before = event.get("before", _NOTHING)
        if before.strip("0"):
            return Comparison(before, head.sha, merged=True)
        return Comparison(
            None, head.sha, merged=False, notice="the branch is new, so there is no base"
        )
    return Comparison(None, head.sha, merged=False, notice=f"the event {name} has no base")


def question(
    environ: Mapping[str, str],
    event: Mapping[str, Any],
    repository: git.Repository,
    chosen: Options,
    remote: Remote,
) -> tuple[git.Repository, check.Question, str]:
    """The repository with what it lacked, what to check in it, and why without a base."""
    head = git.commits(repository, ["HEAD"])[0]
    name, sha = environ.get("GITHUB_EVENT_NAME", ""), environ.get("GITHUB_SHA", "")
    asked = of_event(name, event, sha, head)
    try:
        if chosen.base is not None:
            repository, base = _named(remote, repository, chosen.base)
            asked = Comparison(base, head.sha, merged=False)
        repository, asked = _completed(remote, repository, asked)
    except errors.NetworkFailure as error:
        why = f"the commit to compare with could not be fetched ({error})"
        asked = Comparison(None, head.sha, merged=False, notice=why)
    wanted = check.Question(
        asked.head,
        base=asked.base,
        landed_is_in_head=asked.merged,
        modules=chosen.migration_modules,
    )
    return repository, wanted, asked.notice


def _named(remote: Remote, repository: git.Repository, revision: str) -> tuple[git.Repository, str]:
    """The commit that the input ``base`` names: here, on the remote as known here, or fetched."""
    for name in (revision, f"refs/remotes/origin/{revision}"):
        try:
            return repository, git.commits(repository, [name])[0].sha
        except errors.RepositoryFailure:
            continue
    return _fetched(remote, repository, revision)


def _completed(
    remote: Remote, repository: git.Repository, asked: Comparison
) -> tuple[git.Repository, Comparison]:
    """Fetch the commit to compare with, if need be. Raises `NetworkFailure`.

    Where a shallow checkout cannot tell where base and head parted, GitHub's own test merge does:
    its tree is the merged tree, and its first parent is base.
    """
    if asked.base is None:
        return repository, asked
    if not asked.merged and repository.shallow and not _meet(repository, asked):
        merge = _test_merge(remote, repository, asked.test_merge)
        if merge is None:
            return repository, Comparison(None, asked.head, merged=False, notice=_SHALLOW)
        repository, commit = merge
        asked = Comparison(commit.parents[0], commit.sha, merged=True)
    assert asked.base is not None
    if not git.has_commit(repository, asked.base):
        repository, _ = _fetched(remote, repository, asked.base)
    return repository, asked


def _meet(repository: git.Repository, asked: Comparison) -> bool:
    """Whether this checkout reaches back to where base and head parted."""
    assert asked.base is not None
    if not git.has_commit(repository, asked.base):
        return False
    try:
        return bool(git.merge_bases(repository, asked.base, asked.head))
    except errors.RepositoryFailure:  # a commit on the way is missing
        return False


_SHALLOW = (
    "this checkout is too shallow to tell where base and head parted; give actions/checkout "
    "`fetch-depth: 0`"
)


def _test_merge(
    remote: Remote, repository: git.Repository, merge: str | None
) -> tuple[git.Repository, git.Commit] | None:
    """GitHub's test merge, fetched if need be; None where there is none."""
    if merge is None:
        return None
    if not git.has_commit(repository, merge):
        repository, _ = _fetched(remote, repository, merge)
    commit = git.commits(repository, [merge])[0]
    return (repository, commit) if len(commit.parents) == 2 else None


def _fetched(remote: Remote, repository: git.Repository, name: str) -> tuple[git.Repository, str]:
    folder = tempfile.mkdtemp(dir=remote.folder)
    return git.fetched(repository, remote.url, name, remote.token, folder)
