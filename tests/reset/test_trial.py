"""The most compact way is tried first, and only who is to blame moves on to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from remigrate.outcome import Check, Verdict
from remigrate.reset import trial
from remigrate.reset.blame import Blame
from remigrate.reset.prove import Expected, Judgement
from remigrate.reset.trial import GivenUp, Offer, Search, Trial, Tried

SHOP, BLOG = ("shop", "0001_squashed"), ("blog", "0001_squashed")
LATE = ("shop", "0002_squashed")


def offer(name: tuple[str, str], *ways: str, why_not: str = "") -> Offer:
    return Offer(name, ways, dict(zip(ways, ways, strict=True)), {}, {}, {}, why_not)


def blames(
    *labels: str, then: tuple[str, ...] = (), failed: tuple[str, str] | None = None
) -> Judgement:
    """A judgement that does not hold, for one difference."""
    check = Check("fresh-data", None, "failed" if failed else "differs", "rows differ")
    return Judgement((check,), (Blame(frozenset(labels), frozenset(then)),), failed)


GIVEN_UP = "no way of writing it is the same: fresh-data: rows differ"


# What the probe offers


def way(**more: Any) -> dict[str, Any]:
    return {"source": "text", "left_out": [], "carried": [], "origins": [], **more}


def test_an_offer_begins_with_the_way_that_has_a_chance() -> None:
    ways = {name: way(source=name) for name in trial.WAYS}
    found = trial.offer({"label": "shop", "name": "0001", "first": "compact+tail", "ways": ways})
    assert found.name == ("shop", "0001")
    assert found.ways == (*trial.WAYS[1:], "compact")
    assert found.resorts == 1
    assert found.texts["faithful"] == "faithful"
    assert found.why_not == ""


def test_ways_are_in_order_however_the_probe_lists_them() -> None:
    ways = {name: way() for name in reversed(trial.WAYS)}
    found = trial.offer({"label": "shop", "name": "0001", "first": "compact", "ways": ways})
    assert found.ways == trial.WAYS


def test_where_later_ways_are_impossible_an_earlier_one_is_tried_all_the_same() -> None:
    ways = {"compact": way(), "faithful": {"impossible": "a lambda"}}
    found = trial.offer({"label": "shop", "name": "0001", "first": "faithful", "ways": ways})
    assert (found.ways, found.resorts) == (("compact",), 0)
    assert found.why_not == ""


def test_an_offer_without_any_way_says_why_once() -> None:
    ways = {
        "compact": {"impossible": "Django has a question"},
        "faithful": {"impossible": "a lambda"},
        "verbatim": {"impossible": "a lambda"},
    }
    found = trial.offer({"label": "shop", "name": "0001", "first": "compact", "ways": ways})
    assert found.ways == ()
    assert found.why_not == "Django has a question; a lambda"


def test_what_each_way_carries_and_leaves_out_is_kept() -> None:
    ways = {
        "compact": way(left_out=["0002: RunPython(seed)"]),
        "faithful": way(carried=["0002: RunPython(seed)"]),
    }
    found = trial.offer({"label": "shop", "name": "0001", "first": "compact", "ways": ways})
    assert found.left_out == {"compact": ("0002: RunPython(seed)",), "faithful": ()}
    assert found.carried == {"compact": (), "faithful": ("0002: RunPython(seed)",)}


def test_an_operation_is_put_down_to_the_old_migration_that_it_came_from() -> None:
    ways = {
        "compact": way(),
        "compact+tail": way(carried=["0003: RunPython(seed)", "0004: RunSQL(…)"]),
        "verbatim": way(
            origins=[None, ["shop", "0001"], ["shop", "0002"]], carried=["0002: RunPython(seed)"]
        ),
    }
    found = trial.offer({"label": "shop", "name": "9", "first": "compact", "ways": ways})
    assert found.origin("verbatim", 1) == ("shop", "0001")
    assert found.origin("verbatim", 2) == ("shop", "0002")
    for position in (0, 3, None):
        assert found.origin("verbatim", position) == ("shop", "0002")
        assert found.origin("compact+tail", position) == ("shop", "0003")
        assert found.origin("compact", position) is None


def test_a_way_that_held_once_may_be_the_only_one() -> None:
    found = offer(SHOP, "compact", "faithful")
    assert found.only("faithful").ways == ("faithful",)
    assert found.only("verbatim") == found


# Moving on


def search(*more: Offer) -> Search:
    return Search([offer(SHOP, "compact", "faithful"), offer(BLOG, "compact", "faithful"), *more])


def test_only_the_blamed_app_moves_on() -> None:
    found = search()
    assert found.ways() == {SHOP: "compact", BLOG: "compact"}
    assert found.move_on(blames("blog")) == ()
    assert found.ways() == {SHOP: "compact", BLOG: "faithful"}


def test_all_segments_of_the_blamed_app_move_on() -> None:
    found = search(offer(LATE, "compact", "verbatim"))
    assert found.move_on(blames("shop")) == ()
    assert found.ways() == {SHOP: "faithful", BLOG: "compact", LATE: "verbatim"}


def test_several_blamed_apps_move_on_together() -> None:
    found = search()
    found.move_on(blames("shop", "blog"))
    assert found.ways() == {SHOP: "faithful", BLOG: "faithful"}


def test_of_a_segment_that_fails_the_others_of_its_app_stay() -> None:
    found = search(offer(LATE, "compact", "verbatim"))
    assert found.move_on(blames("shop", "blog", failed=LATE)) == ()
    assert found.ways() == {SHOP: "compact", BLOG: "compact", LATE: "verbatim"}


def test_where_the_segment_that_fails_has_no_way_left_the_rest_of_the_blamed_move_on() -> None:
    found = search(offer(LATE, "verbatim"))
    assert found.move_on(blames("shop", failed=LATE)) == ()
    assert found.ways() == {SHOP: "faithful", BLOG: "compact", LATE: "verbatim"}


def leaving_out(name: tuple[str, str], *ways: str, members: int = 2) -> Offer:
    """An offer of which "compact" alone leaves something out."""
    origins = tuple((name[0], f"{at:04}") for at in range(members))
    texts = dict.fromkeys(ways, "as written") if members == 1 else {way: way for way in ways}
    left_out = {"compact": ("0002: RunPython(seed)",)}
    texts.update({"compact": "compact"} if "compact" in ways else {})
    return Offer(name, ways, texts, left_out, {}, {"verbatim": origins}, "")


ALONE = leaving_out(LATE, "faithful", "verbatim", "compact", members=1)
AFTER = {LATE: [SHOP], SHOP: [BLOG]}


def test_what_fails_as_its_author_wrote_it_lacks_what_was_left_out_before_it() -> None:
    """pulpcore: the default of a field reads a row that the squash before it did not write."""
    news, other = leaving_out(("news", "0001"), "compact", "verbatim"), offer(BLOG, "compact", "x")
    early = leaving_out(SHOP, "compact", "faithful", "verbatim")
    found = Search([early, ALONE, news, other], parents=AFTER)
    failure = blames("shop", failed=LATE)
    assert found.move_on(failure) == ()
    moved = {SHOP: "faithful", LATE: "faithful", BLOG: "compact", news.name: "compact"}
    assert found.ways() == moved
    assert found.move_on(failure) == ()  # nothing is left out any more
    assert found.ways() == {**moved, LATE: "compact"}


def test_of_those_before_a_failure_the_ones_that_it_names_move_on_first() -> None:
    offers = [leaving_out(name, "compact", "verbatim") for name in (SHOP, BLOG)]
    found = Search([*offers, ALONE], parents=AFTER)
    assert found.move_on(blames("blog", failed=LATE)) == ()
    assert found.ways() == {SHOP: "compact", BLOG: "verbatim", LATE: "faithful"}
    assert found.move_on(blames("blog", failed=LATE)) == ()
    assert found.ways() == {SHOP: "verbatim", BLOG: "verbatim", LATE: "faithful"}


def test_a_squash_that_fails_moves_on_before_those_that_it_comes_after() -> None:
    offers = [leaving_out(name, "compact", "verbatim") for name in (SHOP, LATE)]
    found = Search(offers, parents=AFTER)
    assert found.move_on(blames("shop", failed=LATE)) == ()
    assert found.ways() == {SHOP: "compact", LATE: "verbatim"}
    assert found.move_on(blames("shop", failed=LATE)) == ()
    assert found.ways() == {SHOP: "verbatim", LATE: "verbatim"}


def test_a_migration_that_stays_and_fails_is_put_down_to_what_was_left_out_before_it() -> None:
    found = Search([leaving_out(BLOG, "compact", "verbatim")], parents=AFTER)
    assert found.move_on(blames("shop", failed=LATE)) == ()
    assert found.ways() == {BLOG: "verbatim"}


@pytest.mark.parametrize("labels", [(), ("other",)])
def test_where_nobody_that_is_reset_is_blamed_all_move_on(labels: tuple[str, ...]) -> None:
    found = search()
    assert found.move_on(blames(*labels)) == ()
    assert found.ways() == {SHOP: "faithful", BLOG: "faithful"}


def test_where_nobody_is_blamed_those_with_ways_left_move_on() -> None:
    found = search()
    found.move_on(blames("shop"))
    assert found.move_on(blames()) == ()
    assert found.ways() == {SHOP: "faithful", BLOG: "faithful"}


def test_a_blamed_app_without_ways_left_is_given_up_and_only_that() -> None:
    found = search()
    found.move_on(blames("shop"))
    assert found.move_on(blames("shop")) == (GivenUp("shop", GIVEN_UP),)
    assert found.ways() == {SHOP: "faithful", BLOG: "compact"}


def test_an_app_is_given_up_once_however_many_segments_it_has() -> None:
    found = Search([offer(SHOP, "verbatim"), offer(LATE, "verbatim")])
    assert found.move_on(blames("shop")) == (GivenUp("shop", GIVEN_UP),)


def test_a_way_that_is_word_for_word_another_one_is_not_tried_again() -> None:
    alike = {"compact": "text", "compact+tail": "text", "faithful": "other", "verbatim": "other"}
    found = Search([Offer(SHOP, tuple(alike), alike, {}, {}, {}, "")])
    assert found.move_on(blames("shop")) == ()
    assert found.ways() == {SHOP: "faithful"}
    assert found.move_on(blames("shop")) == (GivenUp("shop", GIVEN_UP),)


def test_nobody_is_given_up_while_another_blamed_app_has_a_way() -> None:
    found = Search([offer(SHOP, "verbatim"), offer(BLOG, "compact", "verbatim")])
    assert found.move_on(blames("shop", "blog")) == ()
    assert found.ways() == {SHOP: "verbatim", BLOG: "verbatim"}


def test_all_are_given_up_where_nobody_is_blamed_and_nothing_is_left() -> None:
    found = Search([offer(SHOP, "verbatim"), offer(BLOG, "verbatim")])
    assert [each.label for each in found.move_on(blames())] == ["blog", "shop"]


def test_no_other_way_helps_where_only_a_database_that_is_behind_goes_wrong() -> None:
    silent = Check("lagging", None, "failed", "in silence")
    found = search()
    (given_up,) = found.move_on(Judgement((silent,), blames("blog").blames))
    assert given_up.label == "blog"
    assert found.ways() == {SHOP: "compact", BLOG: "compact"}
    rows = Check("fresh-data", None, "differs", "rows differ")
    assert found.move_on(Judgement((rows, silent), blames("blog").blames)) == ()


def test_who_only_made_a_table_moves_on_when_those_who_wrote_to_it_have_no_way_left() -> None:
    found = search()
    judgement = blames("shop", then=("blog",))
    assert found.move_on(judgement) == ()
    assert found.ways() == {SHOP: "faithful", BLOG: "compact"}
    assert found.move_on(judgement) == ()
    assert found.ways() == {SHOP: "faithful", BLOG: "faithful"}
    assert found.move_on(judgement) == (GivenUp("shop", GIVEN_UP),)


def test_a_last_resort_waits_until_all_that_are_blamed_have_no_other_way() -> None:
    """It leaves out what somebody took for needed: one that was right would be wrong by it."""
    resort = offer(BLOG, "faithful", "compact")._replace(resorts=1)
    found = Search([offer(SHOP, "compact", "faithful", "verbatim"), resort])
    for way in ("faithful", "verbatim"):
        assert found.move_on(blames("shop", "blog")) == ()
        assert found.ways() == {SHOP: way, BLOG: "faithful"}
    assert found.move_on(blames("shop", "blog")) == ()
    assert found.ways() == {SHOP: "verbatim", BLOG: "compact"}


def test_who_has_only_a_last_resort_takes_it_when_it_fails() -> None:
    resort = offer(BLOG, "faithful", "compact")._replace(resorts=1)
    found = Search([offer(SHOP, "compact", "faithful"), resort])
    assert found.move_on(blames("shop", "blog", failed=BLOG)) == ()
    assert found.ways() == {SHOP: "compact", BLOG: "compact"}


def test_one_difference_does_not_wait_for_another() -> None:
    found = search(offer(("news", "0001"), "compact", "faithful"))
    found.move_on(blames("shop"))
    both = (*blames("shop", then=("blog",)).blames, *blames("news").blames)
    assert found.move_on(blames()._replace(blames=both)) == ()
    assert set(found.ways().values()) == {"faithful"}


# Beginning anew, as when an app was given up


def test_a_new_search_begins_where_the_last_one_was() -> None:
    tried = Tried()
    offers = [offer(SHOP, "compact", "faithful", "verbatim"), offer(BLOG, "compact", "faithful")]
    Search(offers, tried).move_on(blames("shop"))
    found = Search(offers, tried)
    assert found.ways() == {SHOP: "faithful", BLOG: "compact"}
    assert found.move_on(blames("shop")) == ()
    assert Search(offers, tried).ways() == {SHOP: "verbatim", BLOG: "compact"}


def test_a_text_that_became_another_one_is_tried_again() -> None:
    tried = Tried()
    Search([offer(SHOP, "compact", "faithful")], tried).move_on(blames("shop"))
    texts = {"compact": "another", "faithful": "faithful"}
    found = Search([Offer(SHOP, tuple(texts), texts, {}, {}, {}, "")], tried)
    assert found.ways() == {SHOP: "compact"}


def test_what_may_have_been_the_fault_of_an_app_that_is_given_up_is_tried_again() -> None:
    tried = Tried()
    offers = [offer(SHOP, "compact", "faithful"), offer(BLOG, "compact", "faithful", "verbatim")]
    news = offer(("news", "0001"), "compact", "faithful")
    found = Search([*offers, news], tried)
    together = blames("shop", "news").blames
    found.move_on(blames()._replace(blames=(*together, *blames("shop", "blog").blames)))
    found.move_on(blames("blog"))
    tried.forget({"news"})
    assert Search(offers, tried).ways() == {SHOP: "faithful", BLOG: "verbatim"}
    tried.forget({"blog"})
    assert Search(offers, tried).ways() == {SHOP: "compact", BLOG: "compact"}


def test_who_only_made_a_table_begins_anew_without_the_app_that_wrote_to_it() -> None:
    tried = Tried()
    offers = [offer(SHOP, "compact", "faithful"), offer(BLOG, "compact", "faithful")]
    found = Search(offers, tried)
    while not (given_up := found.move_on(blames("blog", then=("shop",)))):
        pass
    assert [each.label for each in given_up] == ["blog"]
    assert found.ways() == {SHOP: "faithful", BLOG: "faithful"}
    tried.forget({"blog"})
    assert Search(offers[:1], tried).ways() == {SHOP: "compact"}


def test_of_a_history_that_failed_the_apps_that_its_words_named_are_remembered() -> None:
    tried = Tried()
    offers = [offer(SHOP, "compact", "faithful"), offer(BLOG, "compact", "faithful")]
    Search(offers, tried).move_on(blames("shop", "blog", failed=SHOP))
    assert Search(offers, tried).ways() == {SHOP: "faithful", BLOG: "compact"}
    tried.forget({"blog"})
    assert Search(offers[:1], tried).ways() == {SHOP: "compact"}


def test_where_all_was_tried_already_it_is_tried_again() -> None:
    tried = Tried()
    for way in ("compact", "faithful"):
        tried.add(SHOP, way, ())
    assert Search([offer(SHOP, "compact", "faithful")], tried).ways() == {SHOP: "compact"}


# The whole run, with answers of the probe that a database could have given

RECORD: dict[str, Any] = {
    "vendor": "sqlite",
    "version": "3.45",
    "schema": {"objects": []},
    "rows": {},
    "again": None,
    "states": {"shop.Item": {"bases": "Model"}, "blog.Post": {"bases": "Model"}},
    "makers": {},
    "writers": {},
    "effects": [],
}
EXPECTED = Expected(frozenset(), frozenset({"shop", "blog"}), replaces=False)


def answer(*wrong: str) -> dict[str, Any]:
    """Of a database whose state is another in these apps."""
    states = {
        name: {"bases": "Other"} if name.partition(".")[0] in wrong else model
        for name, model in RECORD["states"].items()
    }
    return {
        "broken": None,
        "conflicts": {},
        "drift": {"changes": []},
        "states": states,
        "upgrade": {},
        "fresh": {
            "failed": None,
            "seconds": 1.0,
            "schema": {"objects": []},
            "rows": {},
        },
    }


class Told:
    """A run, and what was said meanwhile."""

    def __init__(self, *offers: Offer, compact_is_wrong: tuple[str, ...], always: str = "") -> None:
        self.said: list[str] = []
        self.remarks: list[str] = []
        self.asked: list[Mapping[tuple[str, str], str]] = []
        self._wrong, self._always = compact_is_wrong, always
        self.trial: Trial = trial.run(
            RECORD, EXPECTED, list(offers), self._ask, self.said.append, self.remarks.append
        )

    def _ask(self, ways: Mapping[tuple[str, str], str]) -> dict[str, Any]:
        self.asked.append(dict(ways))
        compact = {name[0] for name, way in ways.items() if way == "compact"}
        return answer(*(compact & set(self._wrong)), self._always)


def test_the_first_ways_are_taken_when_they_hold() -> None:
    told = Told(offer(SHOP, "compact", "faithful"), compact_is_wrong=())
    assert told.trial.ways == {SHOP: "compact"}
    assert told.trial.rounds == 1
    assert told.trial.given_up == ()
    assert told.trial.judgement is not None
    assert told.trial.judgement.holds
    assert told.remarks == []
    assert told.trial.runs


def test_round_after_round_is_tried_until_all_holds() -> None:
    told = Told(
        offer(SHOP, "compact", "faithful"),
        offer(BLOG, "compact", "faithful"),
        compact_is_wrong=("blog",),
    )
    assert told.trial.ways == {SHOP: "compact", BLOG: "faithful"}
    assert told.asked == [
        {SHOP: "compact", BLOG: "compact"},
        {SHOP: "compact", BLOG: "faithful"},
    ]
    assert told.trial.rounds == 2
    assert told.said == [f"proving the new history, round {n} …" for n in (1, 2)]
    assert told.remarks == ["round 1: state: blog.Post, bases: Model became Other"]


def test_an_app_for_which_nothing_holds_is_given_up_with_the_first_reason() -> None:
    told = Told(
        offer(SHOP, "compact", "faithful"),
        offer(BLOG, "compact"),
        compact_is_wrong=(),
        always="shop",
    )
    why = "no way of writing it is the same: state: shop.Item, bases: Model became Other"
    assert told.trial.given_up == (GivenUp("shop", why),)
    assert told.trial.rounds == 2
    assert told.trial.runs  # so that a difference may be accepted


def test_what_no_way_of_writing_would_help_ends_the_search() -> None:
    learnt: list[Judgement] = []

    def learn(judgement: Judgement, _: Mapping[str, Any]) -> bool:
        learnt.append(judgement)
        return True

    found = trial.run(
        RECORD,
        EXPECTED,
        [offer(SHOP, "compact", "faithful")],
        lambda ways: answer("shop"),
        lambda _: None,
        lambda _: None,
        learn=learn,
    )
    assert (found.learnt, found.rounds, found.given_up) == (True, 1, ())
    assert found.judgement is learnt[0]


@pytest.mark.parametrize("patience", [0, 1, 2, 3])
def test_after_some_rounds_whoever_is_blamed_is_given_up(patience: int) -> None:
    asked: list[object] = []

    def ask(ways: Mapping[tuple[str, str], str]) -> dict[str, Any]:
        asked.append(ways)
        return answer("shop")

    offers = [offer(SHOP, *trial.WAYS), offer(BLOG, "compact", "faithful")]
    said: list[str] = []
    done = trial.ROUNDS - patience
    found = trial.run(RECORD, EXPECTED, offers, ask, said.append, lambda _: None, done=done)
    assert said[-1] == f"proving the new history, round {done + found.rounds} …"
    assert len(asked) == found.rounds == max(1, patience)
    assert [each.label for each in found.given_up] == ["shop"]
    assert found.ways[BLOG] == "compact"


def test_when_there_is_no_patience_left_no_other_plan_is_made() -> None:
    found = trial.run(
        RECORD,
        EXPECTED,
        [offer(SHOP, "compact", "faithful")],
        lambda ways: answer("shop"),
        lambda _: None,
        lambda _: None,
        learn=lambda *_: True,
        done=trial.ROUNDS - 1,
    )
    assert not found.learnt
    assert [each.label for each in found.given_up] == ["shop"]


def test_an_app_that_cannot_be_written_is_given_up_before_anything_is_migrated() -> None:
    told = Told(offer(SHOP, "compact"), offer(BLOG, why_not="a lambda"), compact_is_wrong=())
    assert told.asked == []
    assert told.trial == Trial({}, None, {}, (GivenUp("blog", "a lambda"),))
    assert not told.trial.runs


@pytest.mark.parametrize(("result", "runs"), [("differs", True), ("failed", False)])
def test_a_history_that_fails_somewhere_does_not_run(result: Verdict, runs: bool) -> None:
    judgement = Judgement((Check("graph", None, "proved"), Check("state", None, result)))
    assert Trial({}, judgement, {}).runs is runs
