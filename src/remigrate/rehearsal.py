"""A reset for a pull request: in a clone of our own, the project's code in the sandbox.

What is reset is the merged tree, so that both sides of a conflict are there. What is committed goes
on top of the pull request's own head, and holds migrations only: its own, and those of base that it
lacks.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, Protocol

from remigrate import check, handover, options, review, sandbox, untrusted
from remigrate.errors import RepositoryFailure, UsageFailure
from remigrate.memory import NoCache
from remigrate.reset import flow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from remigrate.clone import Clone
    from remigrate.command import Command
    from remigrate.git import Repository
    from remigrate.github import PullRequest
    from remigrate.outcome import Reset

_HEEDED = ("guard", "keep_replaced", "manage", "memory_limit", "migrate_time_limit",
           "migration_modules", "settings", "time_limit")  # fmt: skip
"""What ``[tool.remigrate]`` of a pull request may say. Not which program is run, nor where the
databases are."""
_MOST_SECONDS = 3600


class Behind(Exception):
    """Base has migrations that the pull request lacks, and the strategy cannot take them along."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(f"{len(missing)} migrations of base are missing")
        self.missing = missing


class Made(NamedTuple):
    """What a reset of a pull request came to."""

    reset: Reset
    files: Mapping[str, bytes | None]
    """What to commit on the pull request's head, by path; None for a file that goes. Empty where
    the proof does not hold."""


class Work(Protocol):
    """Works out a reset of the tree in `repository`, which is the commit of `answer`."""

    def __call__(
        self, repository: Repository, wanted: options.Options, answer: check.Answer, say: Voice
    ) -> flow.Worked: ...


class Voice:
    """Tells how far it is, and keeps what was remarked."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self.progress = progress
        self.remarks: list[str] = []

    def remark(self, text: str) -> None:
        self.remarks.append(text)

    def warn(self, text: str, hint: str = "") -> None:
        self.remarks.append(f"{text}\n{hint}".strip())


class Sandboxed(NamedTuple):
    """Works a reset out with the project's code in the sandbox."""

    asked: untrusted.Inputs
    environ: Mapping[str, str]

    def __call__(
        self, repository: Repository, wanted: options.Options, answer: check.Answer, say: Voice
    ) -> flow.Worked:
        wanted = untrusted.preferred(self.asked, wanted)
        say.progress("Building the project's environment …")
        opened = untrusted.workshop(self.asked, wanted, repository, answer, self.environ)
        with opened as workshop, sandbox.with_servers():
            return flow.worked_out(repository, wanted, repository.env, NoCache(), say, workshop)


class _Merged(NamedTuple):
    """A pull request and its base, merged."""

    sha: str
    repository: Repository
    """The clone, with the files of the merged tree."""
    wanted: options.Options
    answer: check.Answer
    folders: frozenset[str]
    """Of migrations."""
    missing: tuple[str, ...]
    """What base has in such folders and the pull request lacks, or has otherwise."""


class Bench:
    """Where a reset of a pull request is worked out: one clone, and what runs the project."""

    def __init__(self, clone: Clone, folder: str, work: Work) -> None:
        """`folder` is the project's, from the top."""
        self._clone, self._folder, self._work = clone, folder, work

    def rehearse(
        self, pull_request: PullRequest, order: Command, say: Callable[[str], None]
    ) -> Made:
        """The reset of a pull request, as it is at the commits that it names.

        Raises `Behind` and `Failure`.
        """
        say("Getting the pull request, and merging it into its base to look at both …")
        merged = self._merged(pull_request, order)
        strategy = order.strategy or ("rebase" if merged.missing else "squash")
        if merged.missing and strategy in ("squash", "fresh"):
            raise Behind([path for path in merged.missing if path.endswith(".py")])
        wanted = merged.wanted._replace(strategy=strategy)
        voice = Voice(say)
        worked = self._work(merged.repository, wanted, merged.answer, voice)
        reset = worked.reset._replace(warnings=(*worked.reset.warnings, *voice.remarks))
        if not worked.changes:
            return Made(reset, {})
        files = {path: self._content(merged.sha, path) for path in merged.missing}
        files |= {each.path: each.after for each in worked.changes}
        before = self._before(pull_request, files)
        files = {
            path: new
            for path, new in files.items()
            if new != (before[path].content if path in before else None)
        }
        review.demand_harmless(files, before, merged.folders)
        return Made(reset, files)

    def demand_allowed(
        self, pull_request: PullRequest, order: Command, files: Mapping[str, bytes | None]
    ) -> None:
        """Raise `review.Refused` unless `files` are migrations of the merged tree's apps."""
        folders = self._merged(pull_request, order).folders
        review.demand_harmless(files, self._before(pull_request, files), folders)

    def _merged(self, pull_request: PullRequest, order: Command) -> _Merged:
        head, base = pull_request.head, pull_request.base
        self._clone.fetch(base, head)
        sha = self._clone.merged(base, head)
        repository = _inside(self._clone.look(sha), self._folder)
        wanted = _options(order, repository)._replace(base=base)
        question = check.Question(
            sha, base=base, landed_is_in_head=True, modules=wanted.migration_modules
        )
        answer = check.look(repository, question, NoCache())
        folders = frozenset(app.path for app in answer.project.apps)
        missing = [path for path in self._clone.changed(head, sha) if _folder(path) in folders]
        return _Merged(sha, repository, wanted, answer, folders, tuple(missing))

    def _before(self, pull_request: PullRequest, paths: Iterable[str]) -> dict[str, review.Before]:
        """Those of the files that the pull request has, as it has them."""
        found = {path: self._clone.content(pull_request.head, path) for path in paths}
        return {path: review.Before(*each) for path, each in found.items() if each}

    def _content(self, sha: str, path: str) -> bytes | None:
        found = self._clone.content(sha, path)
        return found[1] if found else None


class Planned(NamedTuple):
    """A reset that another job has worked out: nothing is run, and its word is not taken."""

    bench: Bench
    path: str
    """The file with the plan."""

    def rehearse(
        self, pull_request: PullRequest, order: Command, say: Callable[[str], None]
    ) -> Made:
        """What the plan says, if it is about these commits and harmless."""
        plan = handover.decoded(_read(self.path))
        if (plan.head, plan.base) != (pull_request.head, pull_request.base):
            raise RepositoryFailure(
                "the pull request or its base has moved since the plan was made",
                "Look at the new commits, then give the command again.",
            )
        if plan.failed:
            raise RepositoryFailure(plan.failed.why, plan.failed.hint)
        if plan.behind:
            raise Behind(list(plan.behind))
        if plan.reset is None or order.strategy not in (None, plan.reset.strategy):
            raise RepositoryFailure("the plan is not what was asked for", "Give the command again.")
        files = plan.contents()
        if files:
            self.bench.demand_allowed(pull_request, order, files)
        return Made(plan.reset, files)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(handover.MOST_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFailure(
            f"the plan {path} cannot be read: {error}",
            "Download what the first job uploaded, and name it with the input plan.",
        ) from error


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _inside(repository: Repository, folder: str) -> Repository:
    assert repository.top
    path = os.path.normpath(os.path.join(repository.top, folder))
    if not os.path.isdir(path) or not f"{path}/".startswith(f"{repository.top}/"):
        raise UsageFailure(f"there is no folder {folder} in this pull request")
    prefix = os.path.relpath(path, repository.top)
    return repository._replace(path=path, prefix="" if prefix == "." else f"{prefix}/")


def _options(order: Command, repository: Repository) -> options.Options:
    heeded = {name: value for name, value in _configured(repository) if name in _HEEDED}
    for name in ("migrate_time_limit", "time_limit"):
        if name in heeded:
            heeded[name] = min(int(str(heeded[name])), _MOST_SECONDS)
    if order.strategy not in (None, "squash"):
        heeded.pop("keep_replaced", None)
    given = {
        "app": order.apps,
        "all": order.all,
        "path": repository.path,
        "dry_run": order.dry_run,
        "allow_dirty": True,  # links are not in our work tree
        "cache": False,
    }
    if order.keep_replaced:
        given["keep_replaced"] = True
    return options.merged(given, heeded)


def _configured(repository: Repository) -> Iterable[tuple[str, object]]:
    """``[tool.remigrate]`` of the nearest ``pyproject.toml`` in the clone."""
    folder, top = repository.path, repository.top
    while True:
        path = os.path.join(folder, "pyproject.toml")
        if os.path.isfile(path):
            try:
                return options.from_file(path, folder).values.items()
            except UsageFailure as error:  # where our clone lies is nobody's business
                raise UsageFailure(str(error).replace(f"{top}/", ""), error.hint) from error
        if folder == top:
            return ()
        folder = os.path.dirname(folder)
