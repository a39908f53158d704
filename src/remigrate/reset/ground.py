"""What a reset starts from: the work tree's history, what has landed of it, and the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remigrate import check, git, trees
from remigrate.errors import RepositoryFailure, UsageFailure
from remigrate.model import Header
from remigrate.options import meant
from remigrate.reset import importers, unreached, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from remigrate.graph import Graph
    from remigrate.load import Cache
    from remigrate.model import App, Key, Migration, Project
    from remigrate.options import Options


class Ground(NamedTuple):
    """The work tree as it is."""

    top: str
    """Its absolute path."""
    project: Project
    graph: Graph
    landed: frozenset[Key]
    """Migrations of the tree that base has; all of them without a base."""
    read: Callable[[Migration], bytes]
    base: str | None
    """Commit id."""
    start: str | None
    """Commit that the work tree stands at."""
    targets: tuple[str, ...]
    """Migration packages of the apps that are asked for."""
    named: bool
    """Whether they were named one by one."""
    edited: Mapping[str, str] = {}
    """Landed migrations that do something else now, in words, by the path of their package."""
    importing: Mapping[str, bytes] = {}
    """Python files that may import from migrations, by path."""
    unreached: tuple[str, ...] = ()
    """Words for migrations folders that cannot be reset from here, where all were asked for."""

    def fork(self, app: str) -> str:
        """The app's last migration that databases at base and databases of the branch alone have
        in common; ``zero`` when there is none."""
        graph, landed = self.graph, self.landed
        new = {
            key[1]: graph.files[key] for key in graph.files if key[0] == app and key not in landed
        }
        # As the files name it: a squash may stand in its place by now.
        forks = {
            reference.name
            for migration in new.values()
            if isinstance(migration.header, Header)
            for reference in migration.header.dependencies
            if reference.label == graph.apps[app].label and reference.name not in new
        }
        ends = [name for _, name in graph.leaves(app) if (app, name) in landed]
        return min(forks) if forks else max(ends, default="zero")

    def file(self, path: str) -> bytes | None:
        """Another file of the work tree; None where there is none that can be read."""
        content = trees.content(self.top, path)
        return content if isinstance(content, bytes) else None


def survey(repository: git.Repository, options: Options, cache: Cache) -> Ground:
    """Read it. Raises `UsageFailure` and `RepositoryFailure` for what no reset can start from."""
    if repository.top is None:
        raise RepositoryFailure(
            f"{repository.path} is a bare repository", "Reset where the project is checked out."
        )
    question = check.Question(
        base=options.base, landed_is_in_head=True, modules=options.migration_modules
    )
    answer = check.look(repository, question, cache)
    facts = answer.facts
    landed = frozenset(facts.landed.files if facts.landed else facts.graph.files)
    if answer.base:
        _demand_base(facts.graph, landed, options.base or "")
    targets = _targets(repository, answer, options)
    if not options.allow_dirty:
        _demand_clean(repository, targets)
    return Ground(
        repository.top,
        answer.project,
        facts.graph,
        landed,
        facts.read,
        answer.base,
        git.head_commit(repository),
        targets,
        bool(options.app),
        _edited(answer),
        importers.mentioning(repository, (app.path for app in answer.project.apps)),
        tuple(unreached.told(repository, facts.graph.apps)) if options.all else (),
    )


def _edited(answer: check.Answer) -> dict[str, str]:
    """What rule RM203 has to say: databases at base are not what the files would make."""
    from remigrate.rules import landed_edited

    return {
        each.path.rpartition("/")[0]: each.message for each in landed_edited.check(answer.facts)
    }


def _demand_base(graph: Graph, landed: Collection[Key], base: str) -> None:
    missing = sorted(key for key in landed if key not in graph.files)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise RepositoryFailure(
            f"{base} has {graph.name(missing[0])}{more}, and the work tree does not",
            f"Bring it in first: git merge {base}",
        )


def _targets(repository: git.Repository, answer: check.Answer, options: Options) -> tuple[str, ...]:
    apps = [app for app in answer.project.apps if app.path in answer.facts.graph.apps]
    if not apps:
        raise RepositoryFailure(
            f"no migrations found in {options.path}",
            "Name the folder of a Django project with --path.",
        )
    if options.app:
        return tuple(_named(apps, label) for label in dict.fromkeys(options.app))
    if options.all:
        return tuple(app.path for app in apps)
    if options.finish:
        return tuple(sorted({key[0] for key in answer.facts.graph.squashes}))
    return _troubled(answer, apps)


def _named(apps: Iterable[App], label: str) -> str:
    found = [app.path for app in apps if app.label == label]
    if len(found) > 1:
        raise UsageFailure(
            f"several apps are called {label}: {', '.join(found)}",
            "Name the project's folder with --path.",
        )
    if not found:
        known = sorted({app.label for app in apps})
        hint = meant(label, known, "Apps with migrations")
        raise UsageFailure(f"no app {label} has migrations in this repository", hint)
    return found[0]


def _troubled(answer: check.Answer, apps: Iterable[App]) -> tuple[str, ...]:
    """Apps with graph findings."""
    from remigrate import rules

    chosen = [rule for rule in rules.ALL if rule.CODE.startswith(("RM1", "RM2"))]
    found = check.report(answer, chosen).findings
    labels = {finding.app for finding in found if finding.severity == "error"}
    targets = tuple(app.path for app in apps if app.label in labels)
    if not targets:
        raise UsageFailure(
            "nothing is wrong with the graph, so which apps are to be reset?",
            "Name them: remigrate reset APP …; or all of them: remigrate reset --all",
        )
    return targets


def _demand_clean(repository: git.Repository, targets: Iterable[str]) -> None:
    changed = writing.dirty(repository, targets)
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise RepositoryFailure(
            f"{changed[0]}{more} has changes that are not committed",
            "Commit or stash them first, so that nothing can be lost; or say --allow-dirty.",
        )
