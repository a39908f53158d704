"""The strategies ``squash`` and ``fresh``: plan, migrate the old history, rewrite, prove.

Nothing is written here. The old history is migrated once; what is tried instead of it is shown to
the project's Python as a view of files that are not on disk.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from remigrate.outcome import MigrateTime, Refused
from remigrate.reset import changes, plan, prove, reasons, request, trial
from remigrate.reset import record as recorded
from remigrate.reset.cutting import Cuts
from remigrate.reset.found import Found, apps, hand_written, paths
from remigrate.reset.standing import Standing
from remigrate.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from remigrate.model import Key
    from remigrate.options import Options
    from remigrate.reset.file_change import FileChange
    from remigrate.reset.ground import Ground
    from remigrate.reset.planned import Plan, Segment
    from remigrate.reset.trial import Name, Offer, Trial

    Ask = Callable[[str, View, Mapping[str, Any]], dict[str, Any]]
    Format = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]
_NOT_INSTALLED = "the project's settings do not install it, so nobody can tell what it does"
_NOT_RUN = (
    "These settings do not install {}: migrations there were pointed at the new ones and not run. "
    "Try them with the project that has them: --manage, --dry-run."
)
_OTHER = "The database {} of the settings was left out: only the default one is proved."


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
        self._reasons = reasons.Reasons(ground, fresh=options.strategy == "fresh")
        self._cuts = Cuts(self._new())
        self._outside: dict[Key, list[Key]] = {}
        self._standing = Standing(ground)
        self._record: dict[str, Any] = {}
        self._lag: tuple[Name, ...] = ()
        self._offered: dict[str, Offer] = {}
        self._made: dict[object, tuple[FileChange, ...]] = {}
        self._tried = trial.Tried()
        self._rounds = 0

    def run(self) -> Found:
        """Find new histories that are the same; apps for which there is none are refused."""
        self._reasons.find()
        acceptable: list[tuple[Plan, list[Offer], Trial]] = []
        while True:
            planned = self._plan()
            if not planned.written:
                return Found(refused=self._told(planned), idle=self._idle(planned))
            if self._reasons.forbid(planned):
                continue
            if not self._record:
                self._migrate_old(planned)
                continue
            offers = self._offers(planned)
            found = trial.run(
                self._record,
                self._expected(planned),
                offers,
                lambda ways, p=planned, o=offers: self._try(p, o, ways),  # type: ignore[misc]
                self._say,
                self._remark,
                self._tried,
                planned.parents,
                lambda judged, proof, p=planned: (  # type: ignore[misc]
                    self._standing.learn(p, judged, proof, self._record)
                ),
                self._rounds,
            )
            self._rounds += found.rounds
            if found.learnt:
                continue
            if not found.given_up:
                return self._found(planned, offers, found)
            if self._options.accept_differences and found.runs:
                acceptable.append((planned, offers, found))
            self._tried.forget({each.label for each in found.given_up})
            if self._cut(planned, offers, found):
                continue
            if acceptable:  # the first of the best: cuts that were of no use are none
                return self._found(*min(acceptable, key=lambda each: len(each[2].given_up)))
            self._give_up(found)

    def _cut(self, planned: Plan, offers: list[Offer], found: Trial) -> bool:
        """Whether segments were cut, so that another search may find more."""
        if self._rounds >= trial.ROUNDS:
            return False
        if self._cuts.round_failed(planned, offers, found):
            return True
        apps = [self._path(each.label) for each in found.given_up]
        shorter = self._reasons.shorter
        return self._cuts.apart(planned, found, apps, lambda cuts: shorter(self._plan(cuts)))

    def _new(self) -> set[Key]:
        """What has not landed stays as its author wrote it, one migration after the other: it will
        run on rows that nobody here has seen."""
        graph, landed = self._ground.graph, self._ground.landed
        fresh = self._options.strategy == "fresh"
        return set() if fresh else {key for key in graph.nodes if key not in landed}

    def _give_up(self, found: Trial) -> None:
        for each in found.given_up:
            path = self._path(each.label)
            self._reasons.refuse(path, each.why)
            self._cuts.give_up(path)

    # The plan

    def _plan(self, cuts: frozenset[Key] | None = None) -> Plan:
        options = self._options
        return plan.make(
            self._ground.graph,
            self._ground.landed,
            [app for app in self._ground.targets if app not in self._reasons.refused],
            strategy="fresh" if options.strategy == "fresh" else "squash",
            keep_replaced=options.keep_replaced,
            guard=options.guard,
            nested=False,
            outside=self._outside,
            cuts=self._cuts.all() if cuts is None else cuts,
            fixed=self._reasons.fixed,
            needed=self._standing.needed,
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
            for app, why in sorted(self._reasons.refused.items())
            if self._ground.named or (why != _NOT_INSTALLED and not why.startswith(reasons.IDLE))
        ]
        idle = [
            Refused(self._label(each.app), "; ".join([*staying, each.why]))
            for each in planned.refused
            if (staying := self._reasons.staying(each.app))
            or self._ground.named
            or not each.why.startswith(reasons.IDLE)
        ]
        return (*given_up, *idle)

    def _idle(self, planned: Plan) -> tuple[str, ...]:
        """Labels of apps with several migrations that would not get shorter; one that was named is
        refused."""
        several = Counter(app for app, _ in self._ground.graph.nodes)
        whys = {each.app: each.why for each in planned.refused} | self._reasons.refused
        found = [
            app
            for app, why in whys.items()
            if why.startswith(reasons.IDLE) and several[app] > 1 and not self._reasons.staying(app)
        ]
        return () if self._ground.named else tuple(sorted(map(self._label, found)))

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
        recorded.demand_migrated(record)
        self._record, self._lag = record, history.lag
        self._keep(history.segments, record["segments"])
        installed = recorded.installed(record)
        for app in self._ground.targets:
            why = recorded.drifts(record, self._label(app))
            if self._label(app) in record["elsewhere"]:
                why = "its tables are not on the default database, and only that one is proved"
            if (self._label(app), app) not in installed:
                why = _NOT_INSTALLED
            if why:
                self._reasons.refuse(app, why)
        labels, home = self._ground.graph.labels, self._ground.targets[0]
        self._outside = recorded.outside(record, labels, home)

    def _offers(self, planned: Plan) -> list[Offer]:
        """The ways to write each segment; those that nobody asked for yet are asked for."""
        history = self._history(planned)
        unknown = [each for each in history.segments if _word(each) not in self._offered]
        if unknown:
            data = {**history._asdict(), "segments": unknown, "effects": self._record["effects"]}
            self._keep(unknown, self._ask("rewrite", View(), data)["segments"])
        found = zip(planned.written, history.segments, strict=True)
        return [self._offer(segment, _word(each)) for segment, each in found]

    def _offer(self, segment: Segment, word: str) -> Offer:
        found = self._offered[word]
        return found if segment.landed else found.only("verbatim")

    def _keep(
        self, segments: Iterable[Mapping[str, Any]], answers: Iterable[Mapping[str, Any] | None]
    ) -> None:
        for segment, answer in zip(segments, answers, strict=True):
            if answer is not None:
                self._offered[_word(segment)] = trial.offer(answer)

    # The new history

    def _expected(self, planned: Plan) -> prove.Expected:
        segments = planned.written
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
            frozenset(each.label for each in segments if each.after),
        )

    def _try(
        self, planned: Plan, offers: list[Offer], ways: Mapping[Name, str]
    ) -> Mapping[str, Any]:
        files = self._changes(planned, offers, ways)
        squash = self._options.strategy == "squash"
        behind = request.tried(planned, self._lag, self._record["lagging"])
        data = {
            "gone": self._history(planned).gone,
            "upgrade": self._databases() if squash else [],
            "lagging": behind if squash and self._is_lag_judged else [],
        }
        return self._ask("prove", changes.view_of(files), data)

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
        """What is tried is what is written: the same files for the same ways."""
        texts = {offer.name: offer.texts[ways[offer.name]] for offer in offers}
        key = (planned, *sorted(texts.items()))
        if key not in self._made:
            sources = {
                f"{segment.app}/{segment.name}.py": texts[(segment.label, segment.name)].encode()
                for segment in planned.written
            }
            new = changes.written(self._ground, planned, self._format(sources))
            self._made[key] = (*new, *self._staying(planned))
        return self._made[key]

    def _staying(self, planned: Plan) -> list[FileChange]:
        return changes.staying(self._ground, planned, self._message())

    # What is told

    def _not_run(self, planned: Plan) -> list[str]:
        """Words for migrations that were edited, and that these settings do not install."""
        installed = {folder for _, folder in recorded.installed(self._record)}
        edited = {each.path.rpartition("/")[0] for each in self._staying(planned)}
        others = sorted(edited - installed)
        return [_NOT_RUN.format(", ".join(others))] if others else []

    def _found(self, planned: Plan, offers: list[Offer], found: Trial) -> Found:
        assert found.judgement
        old, new = self._record["processor"], found.proof["fresh"]["processor"]
        doubts = [words for app in paths(planned) for words in self._reasons.of(app)]
        doubts += self._not_run(planned)
        doubts += [*self._reasons.warnings, *found.judgement.warnings]
        doubts += [_OTHER.format(alias) for alias in self._record["aliases"]]
        return Found(
            self._changes(planned, offers, found.ways),
            apps(self._ground, planned, found.ways),
            found.judgement,
            self._told(planned),
            hand_written(offers, found.ways, "carried"),
            hand_written(offers, found.ways, "left_out"),
            (MigrateTime(prove.database(self._record), float(old), float(new)),),
            tuple(dict.fromkeys(doubts)),  # each plan finds most of them again
            self._rounds,
            self._idle(planned),
        )


def _word(segment: Mapping[str, Any]) -> str:
    """Equal for equal segments."""
    return json.dumps(segment, sort_keys=True)
