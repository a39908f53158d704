"""Finds, app by app, the most compact new migrations that build the same database.

Each segment can be written in several ways (`remigrate.probe.rewriting` makes them). The most
compact one that has a chance is tried first; where the proof finds a difference, only the apps that
it can be put down to move on to their next way (`remigrate.reset.blame`). An app for which no way
is left is given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate.reset import prove

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from remigrate.reset.prove import Expected, Judgement

    Name = tuple[str, str]

WAYS = ("compact", "compact+tail", "between", "early", "faithful", "apart", "verbatim")

ROUNDS = 16
"""In which other ways, and other plans, are looked for; real projects take one to eight."""


class Offer(NamedTuple):
    """The ways to write one segment."""

    name: Name
    ways: tuple[str, ...]
    """The possible ones, from the one to begin with."""
    texts: Mapping[str, str]
    left_out: Mapping[str, tuple[str, ...]]
    carried: Mapping[str, tuple[str, ...]]
    origins: Mapping[str, tuple[Name | None, ...]]
    """The old migration of each operation, where a way keeps them."""
    why_not: str
    """Why there is no way at all; empty when there is one."""
    resorts: int = 0
    """How many of the ways, at their end, are last resorts: more compact than the first one, and
    not thought to have a chance."""

    def only(self, way: str) -> Offer:
        """The same without other ways, where there is this one."""
        return self._replace(ways=(way,), resorts=0) if way in self.ways else self

    def origin(self, way: str, position: int | None) -> Name | None:
        """The old migration of an operation; without a position, or where nobody knows, the first
        one with something hand-written."""
        known = self.origins[way]
        found = known[position] if position is not None and position < len(known) else None
        if found is None and self.carried[way]:
            found = (self.name[0], self.carried[way][0].partition(": ")[0])
        return found

    def is_as_written(self, way: str) -> bool:
        """Whether that is one old migration, just as its author wrote it."""
        members = set(self.origins.get("verbatim", ())) - {None}
        return len(members) == 1 and self.texts[way] == self.texts["verbatim"]

    def lacks(self, at: int) -> bool:
        """Whether the way at this position leaves out what one after it has."""
        missing, *later = (set(self.left_out.get(way, ())) for way in self.ways[at:])
        return any(missing - each for each in later)


class GivenUp(NamedTuple):
    """An app that no way of writing it does justice to."""

    label: str
    why: str


class Trial(NamedTuple):
    """The ways that were chosen, and the proof that they hold; or the apps to go on without."""

    ways: Mapping[Name, str]
    judgement: Judgement | None
    proof: Mapping[str, Any]
    given_up: tuple[GivenUp, ...] = ()
    rounds: int = 0
    learnt: bool = False
    """Whether it was found out that another plan is to be made first."""

    @property
    def runs(self) -> bool:
        """Whether the new history could be migrated to its end, same or not."""
        checks = self.judgement.checks if self.judgement else ()
        return bool(checks) and all(check.result != "failed" for check in checks)


def offer(segment: Mapping[str, Any]) -> Offer:
    """What the probe's answer offers for a segment."""
    ways: Mapping[str, Mapping[str, Any]] = segment["ways"]
    possible = [way for way in WAYS if "source" in ways.get(way, {})]
    start = WAYS.index(segment["first"])
    ordered = [way for way in possible if WAYS.index(way) >= start]
    resorts = [way for way in possible if WAYS.index(way) < start]
    reasons = [str(found["impossible"]) for found in ways.values() if "impossible" in found]
    return Offer(
        (segment["label"], segment["name"]),
        (*ordered, *resorts),
        {way: str(ways[way]["source"]) for way in possible},
        {way: tuple(ways[way]["left_out"]) for way in possible},
        {way: tuple(ways[way]["carried"]) for way in possible},
        {way: tuple(map(_name, ways[way]["origins"])) for way in possible},
        "" if possible else "; ".join(dict.fromkeys(reasons)),
        len(resorts) if ordered else 0,
    )


def _name(key: Sequence[str] | None) -> Name | None:
    return (key[0], key[1]) if key else None


class Tried:
    """Texts of segments that did not hold, so that a later search need not begin with them.

    It is a hint where to begin and no more: who was blamed together with an app that is given up,
    or cut, may have been right all along, and is tried again.
    """

    def __init__(self) -> None:
        self._beside: dict[tuple[Name, str], set[frozenset[str]]] = {}

    def __contains__(self, text: tuple[Name, str]) -> bool:
        return text in self._beside

    def add(self, name: Name, text: str, beside: Collection[str]) -> None:
        """Take note of a text; `beside` are the other apps that the difference may be due to."""
        self._beside.setdefault((name, text), set()).add(frozenset(beside) - {name[0]})

    def forget(self, labels: Collection[str]) -> None:
        """Apps are given up, or cut: what may have been due to them alone counts no more."""
        for text, found in list(self._beside.items()):
            (label, _), _ = text
            self._beside[text] = {each for each in found if each.isdisjoint(labels)}
            if label in labels or not self._beside[text]:
                del self._beside[text]


class Search:
    """The ways that are left for each segment."""

    def __init__(
        self,
        found: list[Offer],
        tried: Tried | None = None,
        parents: Mapping[Name, Collection[Name]] | None = None,
    ) -> None:
        """`parents`: the migrations that each of the plan depends on."""
        self._parents = parents or {}
        self._offers = {offer.name: offer for offer in found}
        self._tried = tried or Tried()
        self._at = {offer.name: self._start(offer) for offer in found}

    def _start(self, offer: Offer) -> int:
        texts = [(offer.name, offer.texts[way]) for way in offer.ways]
        return next((at for at, text in enumerate(texts) if text not in self._tried), 0)

    def hopeless(self) -> tuple[GivenUp, ...]:
        """Apps with a segment that cannot be written at all."""
        return tuple(
            GivenUp(name[0], offer.why_not)
            for name, offer in self._offers.items()
            if not offer.ways
        )

    def ways(self) -> dict[Name, str]:
        """The way that each segment is written in now."""
        return {name: offer.ways[self._at[name]] for name, offer in self._offers.items()}

    def move_on(self, judgement: Judgement) -> tuple[GivenUp, ...]:
        """Choose other ways where the judgement blames the present ones.

        Returns the apps that have none left, when there is nothing else to change.
        """
        ways_matter = {check.check for check in judgement.wrong} != {"lagging"}
        moving = self._moving(judgement) if ways_matter else {}
        for name, beside in moving.items():
            for labels in beside:
                self._tried.add(name, self._text(name), labels)
            self._at[name] = self._next(name)
        return () if moving else self.give_up(judgement)

    def give_up(self, judgement: Judgement) -> tuple[GivenUp, ...]:
        """The apps that the judgement blames; all of them where it blames none."""
        why = _why(judgement)
        blamed = self._of(judgement.blamed) or [*self._offers]
        return tuple(GivenUp(label, why) for label in sorted({name[0] for name in blamed}))

    def _moving(self, judgement: Judgement) -> dict[Name, list[frozenset[str]]]:
        """Those that move on to their next way, and of each the apps that were blamed with it: of
        each difference, who comes to mind first, or else who comes to mind then."""
        everybody = frozenset(label for label, _ in self._offers)
        if names := self._behind_failure(judgement):
            return {name: [judgement.blamed & everybody] for name in names}
        if not judgement.blamed & everybody:
            return {name: [everybody] for name in self._with_ways_left([*self._offers])}
        return self._by_turns(judgement, self._forward) or self._by_turns(judgement, self._next)

    def _by_turns(
        self, judgement: Judgement, next_way: Callable[[Name], int]
    ) -> dict[Name, list[frozenset[str]]]:
        everybody = {label for label, _ in self._offers}
        found: dict[Name, list[frozenset[str]]] = {}
        for each in judgement.blames:
            first, then = ([name for name in self._of(part) if next_way(name)] for part in each)
            for name in first or then:
                labels = each.first if first else each.first | each.then
                found.setdefault(name, []).append(labels & everybody)
        return found

    def _behind_failure(self, judgement: Judgement) -> list[Name]:
        """Where a migration fails: it, or those before it that left out what it may need. The
        latter come first where it is as its author wrote it, as it ran like that before."""
        failed = judgement.failed
        if failed is None:
            return []
        offer = self._offers.get(failed)
        if offer and self._next(failed) and not offer.is_as_written(offer.ways[self._at[failed]]):
            return [failed]
        lacking = [name for name in self._before(failed) if self._lacks(name)]
        named = [name for name in lacking if name[0] in judgement.blamed]
        return named or lacking or ([failed] if offer and self._next(failed) else [])

    def _before(self, name: Name) -> list[Name]:
        """Those with ways that it depends on, directly or not."""
        seen: set[Name] = set()
        stack = [name]
        while stack:
            parents = set(self._parents.get(stack.pop(), ())) - seen
            seen |= parents
            stack += parents
        return [each for each in self._offers if each in seen]

    def _lacks(self, name: Name) -> bool:
        return bool(self._next(name)) and self._offers[name].lacks(self._at[name])

    def _forward(self, name: Name) -> int:
        """As `_next`; also 0 where only last resorts are left. One that was right would come to
        nothing by a last resort, as long as the one that is wrong has other ways."""
        offer, at = self._offers[name], self._next(name)
        return at if at < len(offer.ways) - offer.resorts else 0

    def _text(self, name: Name) -> str:
        offer = self._offers[name]
        return offer.texts[offer.ways[self._at[name]]]

    def _of(self, labels: Collection[str]) -> list[Name]:
        return [name for name in self._offers if name[0] in labels]

    def _with_ways_left(self, names: list[Name]) -> list[Name]:
        return [name for name in names if self._next(name)]

    def _next(self, name: Name) -> int:
        """Position of the next way that is not word for word one before it; 0 for none."""
        offer = self._offers[name]
        texts = [offer.texts[way] for way in offer.ways]
        after = range(self._at[name] + 1, len(texts))
        return next((at for at in after if texts[at] not in texts[:at]), 0)


def _why(judgement: Judgement) -> str:
    return f"no way of writing it is the same: {judgement.reasons[0]}"


def run(
    record: Mapping[str, Any],
    expected: Expected,
    found: list[Offer],
    ask: Callable[[Mapping[Name, str]], Mapping[str, Any]],
    say: Callable[[str], None],
    remark: Callable[[str], None],
    tried: Tried | None = None,
    parents: Mapping[Name, Collection[Name]] | None = None,
    learn: Callable[[Judgement, Mapping[str, Any]], bool] = lambda *_: False,
    done: int = 0,
) -> Trial:
    """Try until everything holds. `ask` migrates with the texts of the chosen ways.

    `done` is how many rounds there were before, in other searches: after `ROUNDS` of them, whoever
    is blamed is given up, as nothing else is tried any more.

    `say` is told what goes on, `remark` why something else has to be tried. `tried` is what
    searches before this one found out, and is added to. `parents`: what each migration of the plan
    depends on. `learn` says of a judgement, and of what it judges, whether the plan has to be
    another one, as no way of writing it would help.
    """
    search = Search(found, tried, parents)
    if given_up := search.hopeless():
        return Trial({}, None, {}, given_up)
    rounds = 0
    while True:
        rounds += 1
        ways = search.ways()
        say(f"proving the new history, round {done + rounds} …")
        proof = ask(ways)
        judgement = prove.judged(record, proof, expected)
        if judgement.holds:
            return Trial(ways, judgement, proof, (), rounds)
        for each in judgement.reasons:
            remark(f"round {done + rounds}: {each}")
        if done + rounds >= ROUNDS:
            return Trial(ways, judgement, proof, search.give_up(judgement), rounds)
        if learn(judgement, proof):
            return Trial(ways, judgement, proof, (), rounds, learnt=True)
        if given_up := search.move_on(judgement):
            return Trial(ways, judgement, proof, given_up, rounds)
