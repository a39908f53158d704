"""The flow of a check: trees, graphs, rules, report."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remigrate import errors, git, trees

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from remigrate.facts import Facts, Landed, Strays
    from remigrate.graph import Graph
    from remigrate.load import Cache, Tree
    from remigrate.merge import Source
    from remigrate.model import (
        AppSummary,
        Finding,
        Key,
        Migration,
        Picture,
        Project,
        Report,
        UnreadFile,
    )
    from remigrate.rules import Rule


class Question(NamedTuple):
    """What is to be checked."""

    head: str | None = None
    """A revision; None for the work tree (or for the index)."""
    from_index: bool = False
    base: str | None = None
    strays: bool = False
    """Look for migration files on disk that the next commit will not hold as they are."""
    landed_is_in_head: bool = False
    """Head holds base already, so that nothing is left to merge: a push, a merge queue."""
    modules: Mapping[str, str] = {}
    """App label to migrations folder, where it is not ``migrations`` inside the app."""


class Answer(NamedTuple):
    """The facts that were found, and the commits that they are of."""

    facts: Facts
    project: Project
    base: str | None
    head: str | None


def look(repository: git.Repository, question: Question, cache: Cache) -> Answer:
    """Read what `question` is about. Raises `RepositoryFailure` when that is not possible."""
    files = files_read(repository, question.modules)
    base, head = _commits(repository, question)
    tree = _tree(repository, question, head, files)
    base_tree: Tree | None = None
    merged: Tree = tree
    if base is not None:
        base_tree, merged = _merged(repository, question, base, head, tree, files)
    facts, project = weighed(tree, merged, base_tree, cache, question.modules)
    if question.strays:
        facts = facts._replace(strays=_strays(repository, project))
    return Answer(facts, project, base.sha if base else None, head.sha if head else None)


def weighed(
    head: Tree, merged: Tree, base: Tree | None, cache: Cache, modules: Mapping[str, str]
) -> tuple[Facts, Project]:
    """The facts about a merged tree, and all that was read of it."""
    from remigrate import graph, load
    from remigrate.facts import Facts
    from remigrate.memory import ThisRun

    if base is not None:
        cache = ThisRun(cache)
    project = load.load(merged, cache, modules)  # git listed the files during the imports above
    now = graph.build(project)
    landed = _landed(load.load(base, cache, modules), project, now) if base else None
    facts = Facts(
        now,
        landed,
        _Contents([base, head, merged] if base else [merged], _changed(landed, now)),
        tuple(app for app in project.apps if not app.is_package),
        _made(merged, (head, base)) if base else frozenset(),
    )
    return facts, project


def report(
    answer: Answer, rules: Iterable[Rule], notices: Iterable[str] = (), no_drift: str = ""
) -> Report:
    """What `rules` say about the facts, the worst first."""
    from remigrate.model import Report

    findings = [finding for rule in rules for finding in rule.check(answer.facts)]
    findings.sort(key=worst_first)
    pictures: tuple[Picture, ...] = ()
    if findings:
        from remigrate import neighbourhood

        pictures = neighbourhood.of_findings(answer.facts, findings)
    return Report(
        answer.base,
        answer.head,
        tuple(_summaries(answer.facts.graph)),
        tuple(findings),
        tuple(_unread(answer.project)),
        pictures,
        tuple(notices),
        no_drift,
    )


def worst_first(finding: Finding) -> tuple[object, ...]:
    """What findings are sorted by."""
    order = {"error": 0, "warning": 1, "notice": 2}
    return (
        order[finding.severity],
        finding.code,
        finding.path,
        finding.line,
        finding.migrations,
    )


def exit_code(report: Report, fail_on: str) -> int:
    """1 when a finding is at least as severe as `fail_on` says, else 0."""
    severe = {"error": ("error",), "warning": ("error", "warning"), "never": ()}[fail_on]
    found = any(finding.severity in severe for finding in report.findings)
    return errors.FINDINGS if found else errors.OK


def _strays(repository: git.Repository, project: Project) -> Strays:
    from remigrate import strays

    return strays.find(repository, project)


def files_read(repository: git.Repository, modules: Mapping[str, str]) -> trees.Wanted:
    """Which files a check reads."""
    import os

    folders = tuple(os.fsencode(path.strip("/")) + b"/" for path in modules.values())
    return trees.Wanted(os.fsencode(repository.prefix), folders)


def _commits(
    repository: git.Repository, question: Question
) -> tuple[git.Commit | None, git.Commit | None]:
    head = question.head
    if repository.top is None:
        if question.from_index:
            raise errors.UsageFailure(
                f"{repository.path} is a bare repository: it has no index", "Name a --head instead."
            )
        head = head or "HEAD"
    asked = [revision for revision in (question.base, head) if revision is not None]
    found = git.commits(repository, asked) if asked else []
    base = found.pop(0) if question.base is not None else None
    return base, found.pop() if found else None


def _tree(
    repository: git.Repository, question: Question, head: git.Commit | None, wanted: trees.Wanted
) -> Source:
    if head is not None:
        return trees.commit_tree(repository, head.sha, wanted)
    if question.from_index:
        return trees.index_tree(repository, wanted)
    assert repository.top is not None
    return trees.WorkTree(repository, repository.top, wanted)


def _merged(
    repository: git.Repository,
    question: Question,
    base: git.Commit,
    head: git.Commit | None,
    tree: Source,
    wanted: trees.Wanted,
) -> tuple[Tree, Tree]:
    if question.landed_is_in_head:
        return trees.commit_tree(repository, base.sha, wanted), tree
    from remigrate import merge

    return merge.merged_tree(repository, base.sha, head, tree, wanted)


def _made(merged: Tree, sources: Iterable[Tree | None]) -> frozenset[str]:
    known = {entry for source in sources if source is not None for entry in source.entries}
    return frozenset(entry.path for entry in merged.entries if entry not in known)


def _landed(base: Project, merged: Project, now: Graph) -> Landed:
    """Base's migrations, rows and squashes under the keys that they have in the merged tree."""
    from remigrate import graph, history
    from remigrate.facts import Landed

    homes = _homes(base, merged)

    def moved(key: Key) -> Key:
        return (homes.get(key[0], key[0]), key[1])

    before = graph.build(base)
    rows = frozenset(moved(key) for key in history.recorded(base))
    return Landed(
        {moved(key): migration for key, migration in before.files.items()},
        rows,
        graph.build(merged, rows) if rows else now,
        base,
        {
            moved(squash): frozenset(moved(key) for key in replaced)
            for squash, replaced in before.squashes.items()
        },
    )


def _homes(base: Project, merged: Project) -> dict[str, str]:
    """Where the apps of base that have moved are now: the one app of that label that is new."""
    old = {app.path for app in base.apps}
    now = {app.path for app in merged.apps}
    arrived: dict[str, list[str]] = {}
    for app in merged.apps:
        if app.path not in old:
            arrived.setdefault(app.label, []).append(app.path)
    homes = {}
    for app in base.apps:
        if app.path not in now and len(arrived.get(app.label, ())) == 1:
            homes[app.path] = arrived[app.label][0]
    return homes


def _changed(landed: Landed | None, now: Graph) -> list[Migration]:
    """Both versions of every landed migration that is not as it was."""
    if landed is None:
        return []
    pairs = [(old, now.files.get(key)) for key, old in landed.files.items()]
    return [m for old, new in pairs if new and new.blob != old.blob for m in (old, new)]


class _Contents:
    """Content of migrations on demand; those that a rule is likely to ask for, all at once."""

    def __init__(self, known: Iterable[Tree], likely: Iterable[Migration]) -> None:
        self._known = known
        self._likely = likely
        self._content: dict[tuple[str, str], bytes] = {}

    def __call__(self, migration: Migration) -> bytes:
        key = (migration.path, migration.blob)
        if key not in self._content:
            self._fetch({(m.path, m.blob) for m in self._likely} | {key})
        return self._content[key]

    def _fetch(self, keys: set[tuple[str, str]]) -> None:
        for tree in self._known:
            here = [e for e in tree.entries if (e.path, e.blob) in keys - self._content.keys()]
            for entry, content in tree.read(here):
                if isinstance(content, bytes):
                    self._content[(entry.path, entry.blob)] = content


def _summaries(graph: Graph) -> Iterable[AppSummary]:
    from remigrate.model import AppSummary

    for app in graph.apps.values():
        leaves = tuple(name for _, name in graph.leaves(app.path))
        yield AppSummary(app.label, app.path, app.project, len(app.migrations), leaves)


def _unread(project: Project) -> Iterable[UnreadFile]:
    from remigrate.model import Header, UnreadFile

    yield from project.notes
    for app in project.apps:
        for migration in app.migrations:
            if isinstance(migration.header, Header):
                for unread in migration.header.unread:
                    yield UnreadFile(migration.path, unread.line, unread.what, unread.why)
