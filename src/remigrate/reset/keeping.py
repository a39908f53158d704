"""The strategies that write no squash, ``rebase`` and ``merge``, and the end of one, proved.

What has landed stays what it is. What the old files build, both sides of a conflict run one after
the other, is what the new ones must build.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate.outcome import AppReset, Refused
from remigrate.reset import finishing, merging, prove, rebase, request
from remigrate.reset.changes import view_of
from remigrate.reset.commuting import ANYTHING
from remigrate.reset.found import Found
from remigrate.reset.record import demand_migrated
from remigrate.reset.strategy import PIN, Question
from remigrate.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from remigrate.model import Key
    from remigrate.options import Options
    from remigrate.reset.file_change import FileChange
    from remigrate.reset.ground import Ground
    from remigrate.reset.squash import Ask
    from remigrate.reset.strategy import Rewrite


class Proved(NamedTuple):
    """A rewrite, and what came of trying it."""

    rewrite: Rewrite
    judgement: prove.Judgement | None


def run(ground: Ground, options: Options, ask: Ask, say: Callable[[str], None]) -> Found:
    """Bring every target to one leaf; apps for which that is not safe are refused."""
    asked = Question(ground.graph, ground.landed, ground.targets, ground.read, _pins(ground))
    trial = _Trial(ground, ask, say)
    if options.finish:
        found = trial.of(finishing.finish(asked))
    elif options.strategy == "rebase":
        found = trial.of(rebase.rebase(asked))
    else:
        found = _merged(asked, trial)
    return _told(ground, found)


def _merged(asked: Question, trial: _Trial) -> Proved:
    """Merge what can be judged by reading; where it cannot, both orders are run."""
    stamp = time.strftime("%Y%m%d_%H%M")
    doubtful = [
        found.app
        for app in asked.targets
        if (found := merging.conflict(asked, app)) is not None and _can_be_run(found)
    ]
    proved = trial.of(merging.merge(asked, stamp, doubtful))
    if not doubtful or proved.judgement is None:
        return proved
    if proved.judgement.holds and trial.both_orders:
        return proved
    reasons = proved.judgement.reasons or ("they could not be run in both orders",)
    rest = trial.of(merging.merge(asked, stamp))
    refused = [
        each._replace(why=f"{each.why}; {reasons[0]}") if each.app in doubtful else each
        for each in rest.rewrite.refused
    ]
    return rest._replace(rewrite=rest.rewrite._replace(refused=tuple(refused)))


def _can_be_run(found: merging.Conflict) -> bool:
    """Whether running both orders can tell what reading could not: not what code does to rows that
    nobody has seen."""
    return bool(found.why) and ANYTHING not in found.why


class _Trial:
    """Rewrites, tried against the old history, which is migrated once."""

    def __init__(self, ground: Ground, ask: Ask, say: Callable[[str], None]) -> None:
        self._ground, self._ask, self._say = ground, ask, say
        self._record: dict[str, Any] = {}

    def of(self, rewrite: Rewrite) -> Proved:
        """Migrate with the rewritten files, and judge."""
        changes = rewrite.edits
        if not changes:
            return Proved(rewrite, None)
        gone = self._gone(changes)
        renamed = {(app, old) for app, old, _ in rewrite.renames}
        if not self._record:
            self._say("migrating the old history …")
            self._record = self._recorded(gone, renamed)
        self._say("proving the new history …")
        data = {
            "gone": gone,
            "upgrade": ["base", "side"] if self.both_orders else ["base"],
            "lagging": [],
        }
        proof = self._ask("prove", view_of(changes), data)
        labels = {self._ground.graph.apps[app].label for app in _apps(changes)}
        expected = prove.Expected(frozenset(), frozenset(labels), replaces=False)
        return Proved(rewrite, prove.judged(self._record, proof, expected))

    def _recorded(self, gone: list[Any], renamed: set[Key]) -> dict[str, Any]:
        ground = self._ground
        new = [key for key in sorted(ground.graph.nodes) if key not in ground.landed]
        # A database that applied a name which is gone cannot be moved on.
        side = [] if renamed else self._side()
        data = {
            "new": [self._name(key) for key in new],
            "lag": [],
            "gone": gone,
            "segments": [],
            "again": True,
            "labels": [ground.graph.apps[app].label for app in ground.targets],
            "side": [self._name(key) for key in side],
        }
        record = self._ask("record", View(), data)
        demand_migrated(record)
        return {**record, "sides": side}

    @property
    def both_orders(self) -> bool:
        """Whether one side of every conflict was migrated alone, and then the other."""
        return bool(self._record["sides"]) and self._record["side"] is None

    def _side(self) -> list[Key]:
        """One side of each conflict: what is new; where base has all or nothing, the last leaf,
        which Django would run after the others."""
        graph, landed = self._ground.graph, self._ground.landed
        found: list[Key] = []
        for app in self._ground.targets:
            leaves = graph.leaves(app)
            new = [leaf for leaf in leaves if leaf not in landed]
            found += new if 0 < len(new) < len(leaves) else leaves[-1:]
        return found

    def _name(self, key: Key) -> tuple[str, str]:
        return (self._ground.graph.apps[key[0]].label, key[1])

    def _gone(self, changes: Iterable[FileChange]) -> list[Any]:
        paths = {migration.path: key for key, migration in self._ground.graph.files.items()}
        return [
            [*self._name(paths[each.path]), request.text(each.before)]
            for each in changes
            if each.path in paths and each.before is not None
        ]


def _pins(ground: Ground) -> Mapping[str, bytes]:
    found = {}
    for app in ground.targets:
        content = ground.file(f"{app}/{PIN}")
        if content is not None:
            found[app] = content
    return found


def _apps(changes: Iterable[FileChange]) -> set[str]:
    return {each.path.rpartition("/")[0] for each in changes}


def _told(ground: Ground, found: Proved) -> Found:
    graph = ground.graph
    apps = []
    for app in sorted(_apps(found.rewrite.edits) & set(graph.apps)):
        own = [key for key in graph.files if key[0] == app]
        added = sum(1 for each in found.rewrite.edits if _is_of(each, app, "add"))
        gone = sum(1 for each in found.rewrite.edits if _is_of(each, app, "delete"))
        renewed = any(renamed == app for renamed, _, _ in found.rewrite.renames)
        apps.append(
            AppReset(
                graph.apps[app].label,
                len(own),
                len(own) + added - gone,
                "faithful",
                ground.fork(app),
                renewed,
            )
        )
    refused = [
        Refused(graph.apps[each.app].label if each.app in graph.apps else each.app, each.why)
        for each in found.rewrite.refused
    ]
    return Found(
        found.rewrite.edits,
        tuple(apps),
        found.judgement,
        tuple(refused),
        warnings=found.rewrite.notes,
    )


def _is_of(change: FileChange, app: str, action: str) -> bool:
    folder, _, name = change.path.rpartition("/")
    return folder == app and change.action == action and name.endswith(".py")
