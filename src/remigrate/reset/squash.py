"""The strategies ``squash`` and ``fresh``: plan, migrate the old history, rewrite, prove.

Nothing is written here. The old history is migrated once; what is tried instead of it is shown to
the project's Python as a view of files that are not on disk.
"""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate.errors import EnvironmentFailure
from remigrate.outcome import AppReset, HandWritten, MigrateTime, Refused
from remigrate.reader import parse
from remigrate.reset import computed, edits, plan, prove, request, trial
from remigrate.reset import guards as guarding
from remigrate.reset.page import Uneditable
from remigrate.reset.writing import FileChange
from remigrate.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from remigrate.model import Key
    from remigrate.options import Options
    from remigrate.reset.ground import Ground
    from remigrate.reset.planned import Plan
    from remigrate.reset.trial import Name, Offer, Trial

    Ask = Callable[[str, View, Mapping[str, Any]], dict[str, Any]]
    Format = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]


_NOT_INSTALLED = "the project's settings do not install it, so nobody can tell what it does"


_DONE = "nothing to shorten: it has a squash and its guard"


class Found(NamedTuple):
    """What came of it."""

    changes: tuple[FileChange, ...] = ()
    apps: tuple[AppReset, ...] = ()
    judgement: prove.Judgement | None = None
    refused: tuple[Refused, ...] = ()
    carried: tuple[HandWritten, ...] = ()
    left_out: tuple[HandWritten, ...] = ()
    times: tuple[MigrateTime, ...] = ()
    warnings: tuple[str, ...] = ()
    rounds: int = 0


class _Unedited(Exception):
    """A migration that stays cannot be edited: why, and the apps that it would be pointed at."""

    def __init__(self, why: str, apps: Collection[str]) -> None:
        super().__init__(why)
        self.apps = apps


class Work:
    """One reset of some apps."""

    def __init__(
        self,
        ground: Ground,
        options: Options,
        ask: Ask,
        formatted: Format,
        say: Callable[[str], None],
        remark: Callable[[str], None],
    ) -> None:
        self._ground, self._options = ground, options
        self._ask, self._format, self._say, self._remark = ask, formatted, say, remark
        self._refused: dict[str, str] = {}
        self._doubts: dict[str, str] = {}
        self._outside: dict[Key, list[Key]] = {}
        self._record: dict[str, Any] = {}
        self._offered: dict[str, Offer] = {}

    def run(self) -> Found:
        """Find new histories that are the same; apps for which there is none are refused."""
        self._refuse_done()
        self._refuse_computed()
        while True:
            planned = self._plan()
            if not any(segment.written for segment in planned.segments):
                return Found(refused=self._told(planned))
            if self._refuse_uneditable(planned):
                continue
            if not self._record:
                self._migrate_old(planned)
                continue
            offers = self._offers(planned)
            found = trial.run(
                self._record,
                self._expected(planned),
                offers,
                lambda ways, p=planned, o=offers: self._tried(p, o, ways),  # type: ignore[misc]
                self._say,
                self._remark,
            )
            if not found.given_up or (self._options.accept_differences and found.runs):
                return self._found(planned, offers, found)
            for each in found.given_up:
                self._refused[self._path(each.label)] = each.why

    def _refuse_computed(self) -> None:
        graph = self._ground.graph
        for key, migration in sorted(graph.files.items()):
            if key[0] in self._ground.targets and key[0] not in self._refused:
                for doubt in computed.doubts(self._ground.read(migration)):
                    words = f"{migration.path}:{doubt.line}: {doubt.why}"
                    if doubt.serious:
                        self._refused[key[0]] = words
                    else:
                        self._doubts[key[0]] = f"{words}; what holds here and now is written"

    def _refuse_done(self) -> None:
        """Apps that were reset already: a squash, and a guard on top of it."""
        graph, read = self._ground.graph, self._ground.read
        for app in self._ground.targets:
            own = [graph.files[key] for key in graph.nodes if key[0] == app and key in graph.files]
            if len(own) == 2 and any(guarding.is_guard_alone(parse(read(each))) for each in own):
                self._refused[app] = _DONE

    # The plan

    def _plan(self) -> Plan:
        options = self._options
        return plan.make(
            self._ground.graph,
            self._ground.landed,
            [app for app in self._ground.targets if app not in self._refused],
            strategy="fresh" if options.strategy == "fresh" else "squash",
            keep_replaced=options.keep_replaced,
            guard=options.guard,
            nested=False,
            outside=self._outside,
        )

    def _path(self, label: str) -> str:
        paths = [app for app in self._ground.targets if self._label(app) == label]
        return paths[0] if paths else label

    def _label(self, app: str) -> str:
        found = self._ground.graph.apps.get(app)
        return found.label if found else app

    def _told(self, planned: Plan) -> tuple[Refused, ...]:
        given_up = [
            Refused(self._label(app), why)
            for app, why in sorted(self._refused.items())
            if self._ground.named or why not in (_NOT_INSTALLED, _DONE)
        ]
        idle = [
            Refused(each.label or each.app, each.why)
            for each in planned.refused
            if self._ground.named or not each.why.startswith("nothing to shorten")
        ]
        return (*given_up, *idle)

    # The old history

    def _history(self, planned: Plan) -> request.History:
        ground = self._ground
        return request.history(ground.graph, ground.landed, planned, ground.read, self._message())

    def _message(self) -> str:
        """What a guard tells to do."""
        commit = self._ground.base or self._ground.start
        at = f"commit {commit[:12]}" if commit else "the last commit before the reset"
        return f"Deploy {at} first and run migrate there; then come back to this one."

    def _migrate_old(self, planned: Plan) -> None:
        """Migrate an empty database, and learn what no file tells: what is installed, and how
        apps outside of the repository depend on each other."""
        self._say("migrating the old history …")
        history = self._history(planned)
        data = {
            **history._asdict(),
            "again": True,
            "side": [],
            "labels": [self._label(app) for app in self._ground.targets],
        }
        record = self._ask("record", View(), data)
        demand_migrated(record)
        self._record = record
        self._refused.update(
            {app: why for app in self._ground.targets if (why := _drifts(record, self._label(app)))}
        )
        self._keep(history.segments, record["segments"])
        installed = {(app["label"], app["folder"]) for app in record["drift"]["apps"]}
        for app in self._ground.targets:
            if (self._label(app), app) not in installed:
                self._refused[app] = _NOT_INSTALLED
        labels, home = self._ground.graph.labels, self._ground.targets[0]
        for label, name, parents in record["outside"]:
            keys = [labels.key(parent[0], parent[1], home) for parent in parents]
            self._outside[labels.key(label, name, home)] = keys

    def _offers(self, planned: Plan) -> list[Offer]:
        """The ways to write each segment; those that nobody asked for yet are asked for."""
        history = self._history(planned)
        unknown = [each for each in history.segments if _word(each) not in self._offered]
        if unknown:
            data = {**history._asdict(), "segments": unknown, "effects": self._record["effects"]}
            self._keep(unknown, self._ask("rewrite", View(), data)["segments"])
        return [self._offered[_word(each)] for each in history.segments]

    def _keep(
        self, segments: Iterable[Mapping[str, Any]], answers: Iterable[Mapping[str, Any] | None]
    ) -> None:
        for segment, answer in zip(segments, answers, strict=True):
            if answer is not None:
                self._offered[_word(segment)] = trial.offer(answer)

    # The new history

    def _expected(self, planned: Plan) -> prove.Expected:
        segments = [each for each in planned.segments if each.written]
        replacing = [each for each in segments if each.landed and each.members]
        lagging = no_upgrade = ""
        if self._options.strategy == "fresh":
            lagging = no_upgrade = "a fresh history is for projects without databases to keep"
        elif not self._options.guard and not self._options.keep_replaced:
            lagging = "there is no guard, as was asked for"
        return prove.Expected(
            frozenset(f"{each.label}.{each.name}" for each in replacing),
            frozenset(each.label for each in segments),
            True,
            self._options.keep_replaced,
            lagging,
            no_upgrade,
        )

    def _tried(
        self, planned: Plan, offers: list[Offer], ways: Mapping[Name, str]
    ) -> Mapping[str, Any]:
        changes = self._changes(planned, offers, ways)
        squash = self._options.strategy == "squash"
        data = {
            "gone": self._history(planned).gone,
            "upgrade": self._databases() if squash else [],
            "lagging": self._behind(planned) if squash and self._is_lag_judged else None,
        }
        return self._ask("prove", view_of(changes), data)

    def _behind(self, planned: Plan) -> Name | None:
        """The migration after which the copy was taken that is behind on the longest squash."""
        kept = {(label, name) for label, name in self._record["lagging"]}
        return next((key for key in self._history(planned).lag if key in kept), None)

    @property
    def _is_lag_judged(self) -> bool:
        """Whether anything is to be expected of a database that is behind."""
        return self._options.guard or self._options.keep_replaced

    def _databases(self) -> list[str]:
        """Those that must be able to move on."""
        ground = self._ground
        return (
            ["base", "old"]
            if any(key not in ground.landed for key in ground.graph.nodes)
            else ["base"]
        )

    def _changes(
        self, planned: Plan, offers: list[Offer], ways: Mapping[Name, str]
    ) -> tuple[FileChange, ...]:
        ground = self._ground
        texts = {offer.name: offer.texts[ways[offer.name]] for offer in offers}
        sources = {
            f"{segment.app}/{segment.name}.py": texts[(segment.label, segment.name)].encode()
            for segment in planned.segments
            if segment.written
        }
        old = {migration.path: migration for migration in ground.graph.files.values()}
        changes = [
            FileChange(path, "change", content, ground.read(old[path]))
            if path in old
            else FileChange(path, "add", content, b"")
            for path, content in self._format(sources).items()
        ]
        for key in planned.deleted:
            migration = ground.graph.files[key]
            changes.append(FileChange(migration.path, "delete", b"", ground.read(migration)))
        return (*changes, *self._staying(planned))

    def _refuse_uneditable(self, planned: Plan) -> bool:
        """Whether an app was refused, as a migration that stays cannot be pointed at its squash."""
        try:
            self._staying(planned)
        except _Unedited as error:
            self._refused.update(dict.fromkeys(error.apps, str(error)))
        else:
            return False
        return True

    def _staying(self, planned: Plan) -> list[FileChange]:
        """Migrations that stay: pointed anew, and guarded where they depend on a squash."""
        moves: dict[Key, dict[Any, Any]] = {}
        for each in planned.repoints:
            moves.setdefault(each.origin, {})[each.old] = each.new
        guards = self._dependents(planned) if self._guards else {}
        gone = [request.name(self._ground.graph, key) for key in planned.deleted]
        message = self._message()
        changes = []
        for key in sorted({*moves, *guards}):
            migration = self._ground.graph.files[key]
            before = self._ground.read(migration)
            try:
                after = edits.repointed(before, moves[key]) if key in moves else before
                if key in guards:
                    after = guarding.guarded(after, guards[key], message, gone)
            except Uneditable as error:
                named = {*moves.get(key, {}).values(), *guards.get(key, ())}
                why = f"{migration.path}:{error.line} depends on it, and {error.reason}"
                raise _Unedited(why, {self._path(label) for label, _ in named}) from error
            changes.append(FileChange(migration.path, "change", after, before))
        return changes

    @property
    def _guards(self) -> bool:
        options = self._options
        return options.guard and not options.keep_replaced and options.strategy == "squash"

    def _dependents(self, planned: Plan) -> dict[Key, set[Name]]:
        """Landed migrations that stay, and the squashes that they depend on."""
        graph, landed = self._ground.graph, self._ground.landed
        squashes = {
            member: (segment.label, segment.name)
            for segment in planned.segments
            if segment.written and segment.landed
            for member in segment.members
        }
        found: dict[Key, set[Name]] = {}
        for key in graph.nodes:
            if key in landed and key not in squashes:
                asked = {squashes[parent] for parent in graph.parents[key] if parent in squashes}
                if asked:
                    found[key] = asked
        return found

    # What is told

    def _found(self, planned: Plan, offers: list[Offer], found: Trial) -> Found:
        assert found.judgement
        old, where = float(self._record["seconds"]), prove.database(self._record)
        new = float(found.proof["fresh"]["seconds"])
        return Found(
            self._changes(planned, offers, found.ways),
            tuple(self._app(planned, app, found.ways) for app in _apps(planned)),
            found.judgement,
            self._told(planned),
            _hand_written(offers, found.ways, "carried"),
            _hand_written(offers, found.ways, "left_out"),
            (MigrateTime(where, old, new),),
            tuple(self._doubts[app] for app in _apps(planned) if app in self._doubts),
            found.rounds,
        )

    def _app(self, planned: Plan, app: str, ways: Mapping[Name, str]) -> AppReset:
        graph = self._ground.graph
        segments = [segment for segment in planned.segments if segment.app == app]
        label = segments[0].label
        used = [ways[(s.label, s.name)] for s in segments if s.written and s.members]
        how: Any = max(used, key=trial.WAYS.index) if used else "compact"
        landed = [key for segment in segments if segment.landed for key in segment.members]
        return AppReset(
            label,
            sum(1 for key in graph.files if key[0] == app and key in graph.nodes),
            len(segments),
            "faithful" if how == "verbatim" else how,
            landed[-1][1] if landed else "zero",
            any(s.written and not s.landed and s.members for s in segments),
        )


def view_of(changes: Collection[FileChange]) -> View:
    """The work tree as it will be."""
    return View(
        {each.path: each.content for each in changes if each.action != "delete"},
        tuple(each.path for each in changes if each.action == "delete"),
    )


def diff(changes: Collection[FileChange]) -> str:
    """All changes in the form of a unified diff."""
    parts = []
    for each in sorted(changes):
        before = each.before.decode("utf-8", "replace").splitlines(keepends=True)
        after = each.content.decode("utf-8", "replace").splitlines(keepends=True)
        old = "/dev/null" if each.action == "add" else f"a/{each.path}"
        new = "/dev/null" if each.action == "delete" else f"b/{each.path}"
        parts += [
            line if line.endswith("\n") else f"{line}\n"
            for line in difflib.unified_diff(before, after, old, new)
        ]
    return "".join(parts)


def _word(segment: Mapping[str, Any]) -> str:
    """Equal for equal segments."""
    return json.dumps(segment, sort_keys=True)


def _apps(planned: Plan) -> list[str]:
    return list(dict.fromkeys(each.app for each in planned.segments if each.written))


def _hand_written(
    offers: list[Offer], ways: Mapping[Name, str], kind: str
) -> tuple[HandWritten, ...]:
    found = []
    for offer in offers:
        for words in getattr(offer, kind)[ways[offer.name]]:
            migration, _, operation = words.partition(": ")
            found.append(HandWritten(offer.name[0], migration, operation))
    return tuple(found)


def _drifts(record: Mapping[str, Any], label: str) -> str:
    """Why an app cannot be reset whose models and migrations do not agree; else empty."""
    for change in record["drift"]["changes"]:
        if change["app"] == label:
            first = change["operations"][0]["text"]
            return (
                f"its models and migrations do not agree ({first}): write what is missing first, "
                "with remigrate check --drift --fix"
            )
    return ""


def demand_migrated(record: Mapping[str, Any]) -> None:
    """Raise `EnvironmentFailure` where the old history cannot be trusted to begin with."""
    if record.get("drifts"):
        own = [change for change in record["drift"]["changes"] if change["first_party"]]
        words = "; ".join(f"{c['app']}: {c['operations'][0]['text']}" for c in own[:3])
        raise EnvironmentFailure(
            f"models and migrations do not agree: {words}",
            "Write the missing migrations first: remigrate check --drift --fix",
        )
    failed = record["failed"]
    if failed:
        raise EnvironmentFailure(
            f"the old history cannot be migrated on an empty database: {failed['app']}."
            f"{failed['name']}, {failed['operation'] or 'its schema changes'}: {failed['message']}",
            "A new database cannot be built from it today either. Mend that migration first.",
        )
