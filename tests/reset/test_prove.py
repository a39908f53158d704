"""Each check of the proof: when it holds, when it does not, and whom it blames."""

from __future__ import annotations

from typing import Any

import pytest

from remigrate.errors import EnvironmentFailure
from remigrate.outcome import Check
from remigrate.probe.guard import BEHIND
from remigrate.reset.blame import Blame
from remigrate.reset.prove import Expected, Judgement, database, judged
from remigrate.reset.record import demand_room

EXPECTED = Expected(
    written=frozenset({"shop.0001_squashed"}), apps=frozenset({"shop", "blog"}), replaces=True
)
WHERE = "sqlite 3.45.1"
ITEM = {"field id": "AutoField()", "bases": "Model"}


def schema(*columns: str, table: str = "shop_item") -> dict[str, Any]:
    """One table as the catalogue tells it."""
    definition: dict[str, Any] = {"columns": list(columns)}
    objects = [{"kind": "table", "table": table, "name": table, "definition": definition}]
    objects += [
        {"kind": "column", "table": table, "name": name, "definition": {"type": "text"}}
        for name in columns
    ]
    return {"vendor": "sqlite", "version": "3.45.1", "objects": objects}


def rows(*names: str, table: str = "shop_item") -> dict[str, Any]:
    """Its rows as the probe tells them."""
    found = [[index, name] for index, name in enumerate(names)]
    columns = ["id", "name"]
    return {
        table: {"columns": columns, "rows": found, "automatic": ["id"], "references": []},
    }


def record(**more: Any) -> dict[str, Any]:
    """What came of the old history."""
    return {
        "vendor": "sqlite",
        "version": "3.45.1",
        "schema": schema("id", "name"),
        "rows": rows("ada"),
        "again": None,
        "states": {"shop.Item": ITEM},
        "makers": {"shop_item": ["shop", "blog"], "news_page": ["news"]},
        "writers": {},
        "planted": {"planted": {"shop_item": 2, "blog_post": 1}, "left": {}},
        "effects": [],
        "upgrade": {
            "failed": None,
            "schema": schema("id", "name"),
            "rows": rows("ada", "planted"),
            "again": None,
        },
        **more,
    }


def upgraded(**more: Any) -> dict[str, Any]:
    """A database at base, migrated with the new files."""
    built = {"schema": schema("id", "name"), "rows": rows("ada", "planted")}
    return {"failed": None, "ran": ["shop.0002_guard"], "seconds": 0.5, **built, **more}


def stopped(said: str, *ran: str) -> dict[str, Any]:
    """A database that is behind."""
    return {
        "failed": {"app": "shop"},
        "said": said,
        "ran": list(ran),
        "seconds": 0.25,
        "label": "shop",
    }


def proof(fresh: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """What came of the new one."""
    same = {"failed": None, "seconds": 2.0, "schema": schema("id", "name"), "rows": rows("ada")}
    return {
        "broken": None,
        "conflicts": {},
        "drift": {"changes": []},
        "states": {"shop.Item": ITEM},
        "fresh": {**same, **(fresh or {})},
        "upgrade": {"base": upgraded()},
        "lagging": [stopped(f"{BEHIND} it lacks shop.0002")],
        **more,
    }


def check(judgement: Judgement, name: str) -> Check:
    (found,) = [each for each in judgement.checks if each.check == name]
    return found


def test_histories_that_build_the_same_prove_every_check() -> None:
    judgement = judged(record(), proof(), EXPECTED)
    assert judgement.holds
    assert judgement.reasons == ()
    assert judgement.blamed == frozenset()
    assert judgement.failed is None
    assert {each.check: each.result for each in judgement.checks} == dict.fromkeys(
        ["graph", "state", "drift", "fresh-schema", "fresh-data", "upgrade", "lagging"], "proved"
    )
    databases = {each.check: each.database for each in judgement.checks}
    assert {name for name, where in databases.items() if where is None} == {
        "graph",
        "state",
        "drift",
    }
    assert set(databases.values()) == {None, WHERE}
    assert check(judgement, "fresh-schema").seconds == 2.0
    assert check(judgement, "upgrade").seconds == 0.5
    assert check(judgement, "lagging").seconds == 0.25


def test_a_database_is_named_without_its_distribution() -> None:
    version = "15.18 (Debian 15.18-0+deb12u1)"
    assert database({"vendor": "postgresql", "version": version}) == "postgresql 15.18"


# Graph


def broken(app: str = "", name: str = "", message: str = "") -> Judgement:
    told = {"app": app, "name": name, "operation": "Add field a", "message": message}
    return judged(record(), {"broken": told}, EXPECTED)


def test_a_migration_whose_state_cannot_be_made_blames_its_app() -> None:
    judgement = broken("shop", "0001_squashed", "KeyError: 'x'")
    (found,) = judgement.checks
    assert (found.check, found.result) == ("graph", "failed")
    assert found.why == "shop.0001_squashed, Add field a: KeyError: 'x'"
    assert judgement.blamed == {"shop"}
    assert judgement.failed == ("shop", "0001_squashed")
    assert judgement.reasons == ("graph: shop.0001_squashed, Add field a: KeyError: 'x'",)
    assert not judgement.holds


def test_files_that_cannot_be_loaded_blame_the_apps_that_the_message_names() -> None:
    judgement = broken(message="NodeNotFoundError: blog.0002 asks for ('other', '0001')")
    assert judgement.blamed == {"blog"}
    assert judgement.checks[0].why.startswith("NodeNotFoundError")


def test_a_message_that_names_a_table_blames_all_apps_that_changed_it() -> None:
    assert broken("blog", "0002", "no such table: news_page").blamed == {"blog", "news"}


def test_a_message_that_names_nobody_blames_nobody() -> None:
    assert broken(message="ValueError: workshop").blamed == frozenset()


def test_several_leaves_differ() -> None:
    judgement = judged(record(), proof(conflicts={"shop": ["0002_a", "0002_b"]}), EXPECTED)
    found = check(judgement, "graph")
    assert (found.result, found.differences) == ("differs", ("shop: 0002_a, 0002_b",))
    assert not judgement.holds


# An empty database


def test_an_operation_that_fails_ends_the_proof_and_names_the_migration() -> None:
    failed = {
        "app": "blog",
        "name": "0001_squashed",
        "operation": "Raw SQL",
        "position": 3,
        "message": "OperationalError: no such table: news_page",
    }
    told = {**proof(), "fresh": {"failed": failed, "seconds": 1.0}}
    judgement = judged(record(), told, EXPECTED)
    assert [each.result for each in judgement.checks] == ["proved", "failed"]
    found = check(judgement, "fresh-schema")
    assert found.why == "blog.0001_squashed, Raw SQL: OperationalError: no such table: news_page"
    assert (found.database, found.seconds) == (WHERE, 1.0)
    assert judgement.failed == ("blog", "0001_squashed")
    assert judgement.position == 3
    assert judgement.blamed == {"blog", "news"}


@pytest.mark.parametrize(
    ("app", "whose", "blamed"), [("blog", " of blog", {"blog", "news"}), ("", "", {"news"})]
)
def test_a_receiver_that_fails_is_put_down_to_its_app_and_to_no_migration(
    app: str, whose: str, blamed: set[str]
) -> None:
    failed = {
        "app": app,
        "name": "",
        "operation": "post_migrate",
        "position": None,
        "message": "OperationalError: no such table: news_page",
    }
    judgement = judged(record(), {**proof(), "fresh": {"failed": failed, "seconds": 1.0}}, EXPECTED)
    words = f"a receiver{whose} of the signal post_migrate: {failed['message']}"
    assert check(judgement, "fresh-schema").why == words
    assert judgement.failed is None
    assert judgement.blamed == blamed
    upgrade = {"base": {"failed": failed, "ran": [], "seconds": 1.0}}
    judgement = judged(record(), {**proof(), "upgrade": upgrade}, EXPECTED)
    assert check(judgement, "upgrade").why == f"from a database at base: {words}"
    assert judgement.blamed == {app} - {""}


def test_another_schema_blames_every_app_that_changed_the_table() -> None:
    judgement = judged(record(), proof({"schema": schema("id")}), EXPECTED)
    found = check(judgement, "fresh-schema")
    assert found.result == "differs"
    assert "shop_item.name" in found.differences[0]
    assert judgement.blamed == {"shop", "blog"}
    assert check(judgement, "fresh-data").result == "proved"


def test_columns_in_another_order_are_a_note() -> None:
    judgement = judged(record(), proof({"schema": schema("name", "id")}), EXPECTED)
    found = check(judgement, "fresh-schema")
    assert (found.result, found.notes) == (
        "proved",
        ("the columns of shop_item are in another order",),
    )


def test_other_rows_blame_every_app_that_changed_the_table() -> None:
    judgement = judged(record(), proof({"rows": rows("bob")}), EXPECTED)
    assert check(judgement, "fresh-data").result == "differs"
    assert check(judgement, "fresh-schema").result == "proved"
    assert judgement.blamed == {"shop", "blog"}
    assert judgement.reasons[0].startswith("fresh-data: shop_item: 1 row differs")


BLOG_AND_THEN_SHOP = (Blame(frozenset({"blog"}), frozenset({"shop"})),)


@pytest.mark.parametrize(
    "told",
    [
        proof({"rows": rows("bob")}),
        proof(upgrade={"base": upgraded(rows=rows("bob"))}),
    ],
)
def test_other_rows_blame_the_apps_that_wrote_them_before_those_that_made_the_table(
    told: dict[str, Any],
) -> None:
    old = record(writers={"shop_item": ["blog"]})
    assert judged(old, told, EXPECTED).blames == BLOG_AND_THEN_SHOP


def test_who_wrote_rows_and_is_not_reset_is_not_waited_for() -> None:
    old = record(writers={"shop_item": ["news"]})
    judgement = judged(old, proof({"rows": rows("bob")}), EXPECTED)
    assert judgement.blames == (Blame(frozenset({"shop", "blog"})),)


def test_another_schema_is_not_put_down_to_those_that_wrote_rows() -> None:
    old = record(writers={"shop_item": ["blog"]})
    judgement = judged(old, proof({"schema": schema("id")}), EXPECTED)
    assert judgement.blames == (Blame(frozenset({"shop", "blog"})),)


def test_cells_that_the_old_history_fills_differently_are_put_aside() -> None:
    judgement = judged(record(again=rows("eve")), proof({"rows": rows("bob")}), EXPECTED)
    found = check(judgement, "fresh-data")
    assert found.result == "proved"
    assert found.notes == ("shop_item.name: the old history fills it differently each time",)


def test_no_more_than_five_differences_are_a_reason() -> None:
    names = [f"c{number}" for number in range(7)]
    old = record(schema=schema("id", *names))
    judgement = judged(old, proof({"schema": schema("id")}), EXPECTED)
    assert len(check(judgement, "fresh-schema").differences) == 7
    reason = next(each for each in judgement.reasons if each.startswith("fresh-schema"))
    assert [name in reason for name in names] == [True] * 5 + [False] * 2


# States and drift


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ({}, "shop.Item: only the old history has this model"),
        (
            {"shop.Item": ITEM, "shop.New": ITEM},
            "shop.New: only the new history has this model",
        ),
        (
            {"shop.Item": {**ITEM, "field id": "BigAutoField()"}},
            "shop.Item, field id: AutoField() became BigAutoField()",
        ),
        (
            {"shop.Item": {"bases": "Model"}},
            "shop.Item, field id: AutoField() became not there",
        ),
        (
            {"shop.Item": {**ITEM, "option ordering": "['id']"}},
            "shop.Item, option ordering: not there became ['id']",
        ),
    ],
)
def test_another_project_state_blames_the_app_of_the_model(
    states: dict[str, Any], told: str
) -> None:
    judgement = judged(record(), proof(states=states), EXPECTED)
    found = check(judgement, "state")
    assert (found.result, found.differences) == ("differs", (told,))
    assert judgement.blamed == {"shop"}


def test_drift_of_an_app_that_is_reset_differs() -> None:
    change = {"app": "blog", "operations": [{"text": "Add field a"}, {"text": "Add field b"}]}
    judgement = judged(record(), proof(drift={"changes": [change]}), EXPECTED)
    found = check(judgement, "drift")
    assert (found.result, found.differences) == (
        "differs",
        ("blog: Add field a", "blog: Add field b"),
    )
    assert judgement.blamed == {"blog"}


def test_drift_of_any_other_app_is_not_looked_at() -> None:
    change = {"app": "other", "operations": [{"text": "Add field a"}]}
    assert judged(record(), proof(drift={"changes": [change]}), EXPECTED).holds


# Existing databases


def test_the_rows_that_were_planted_are_counted() -> None:
    found = check(judged(record(), proof(), EXPECTED), "upgrade")
    assert found.why == "from a database at base, with 3 rows planted in 2 tables"
    planted = {"planted": {"shop_item": 2}, "left": {"a": "why", "b": "why"}}
    found = check(judged(record(planted=planted), proof(), EXPECTED), "upgrade")
    assert found.why == "from a database at base, with 2 rows planted in 1 tables, 2 without"


def test_a_squash_that_runs_on_a_database_at_base_differs_and_is_blamed() -> None:
    told = proof(upgrade={"base": upgraded(ran=["shop.0001_squashed", "shop.0002_guard"])})
    judgement = judged(record(), told, EXPECTED)
    found = check(judgement, "upgrade")
    assert found.result == "differs"
    assert found.differences == ("shop.0001_squashed ran although all of it was applied",)
    assert judgement.blamed == {"shop"}


@pytest.mark.parametrize("built", [{"schema": schema("id")}, {"rows": rows("ada")}])
def test_a_database_at_base_that_becomes_another_differs(built: dict[str, Any]) -> None:
    judgement = judged(record(), proof(upgrade={"base": upgraded(**built)}), EXPECTED)
    assert check(judgement, "upgrade").result == "differs"
    assert judgement.blamed == {"shop", "blog"}


def test_a_database_at_base_that_cannot_go_on_fails() -> None:
    failed = {"app": "blog", "name": "0002_x", "message": "IntegrityError: NULL"}
    told = proof(upgrade={"base": {"failed": failed, "ran": [], "seconds": 0.1}})
    judgement = judged(record(), told, EXPECTED)
    found = check(judgement, "upgrade")
    assert found.result == "failed"
    assert found.why == "from a database at base: blog.0002_x: IntegrityError: NULL"
    assert judgement.blamed == {"blog"}


def test_what_the_old_files_cannot_do_is_not_asked_of_the_new_ones() -> None:
    old = record(
        upgrade={"failed": "IntegrityError: NULL", "schema": None, "rows": None, "again": None}
    )
    judgement = judged(old, proof(), EXPECTED)
    found = check(judgement, "upgrade")
    assert (found.result, found.why) == (
        "skipped",
        "the old files cannot do it either: IntegrityError: NULL",
    )
    assert judgement.holds


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("old", "from a database that applied all of the old files"),
        ("side", "from a database of one side alone"),
    ],
)
def test_other_databases_have_to_become_what_the_old_history_built(name: str, why: str) -> None:
    found = {"base": upgraded(), name: upgraded(rows=rows("ada"))}
    judgement = judged(record(), proof(upgrade=found), EXPECTED)
    upgrades = [each for each in judgement.checks if each.check == "upgrade"]
    assert [each.result for each in upgrades] == ["proved", "proved"]
    assert upgrades[1].why == why
    judgement = judged(record(), proof(upgrade={name: upgraded()}), EXPECTED)
    assert check(judgement, "upgrade").result == "differs"


def test_where_no_database_was_tried_the_reason_is_told() -> None:
    expected = EXPECTED._replace(no_upgrade="there is none to keep")
    found = check(judged(record(), proof(upgrade={}), expected), "upgrade")
    assert (found.result, found.why) == ("skipped", "there is none to keep")
    assert check(judged(record(), proof(upgrade={}), EXPECTED), "upgrade").why == "not tried"


# Databases that are behind


def lagging(*found: dict[str, Any], expected: Expected = EXPECTED) -> tuple[str, str]:
    told = check(judged(record(), proof(lagging=list(found)), expected), "lagging")
    assert told.database == WHERE
    return told.result, told.why


def test_a_database_that_is_behind_is_to_be_stopped_by_the_guard() -> None:
    said = f"{BEHIND} it lacks shop.0002"
    assert lagging(stopped(said)) == ("proved", f"stopped: {said}")


def test_one_at_whose_end_a_receiver_complains_was_not_stopped() -> None:
    """Django goes on in silence where nothing stops it, and the signal is sent all the same."""
    heard = {"app": "shop", "name": "", "operation": "post_migrate", "message": "LookupError: x"}
    found = {**stopped("LookupError: x"), "failed": heard}
    assert lagging(found) == ("failed", "stopped by something else: LookupError: x")


def test_one_that_django_stops_before_anything_ran_is_stopped_too() -> None:
    assert lagging(stopped("ValueError: lazy reference")) == (
        "proved",
        "stopped by Django itself, before anything ran: ValueError: lazy reference",
    )


def test_one_that_is_stopped_half_way_by_something_else_fails() -> None:
    assert lagging(stopped("no such table: x", "blog.0002")) == (
        "failed",
        "stopped by something else: no such table: x",
    )


def test_one_that_goes_through_in_silence_fails() -> None:
    silent: dict[str, Any] = {
        "failed": None,
        "said": None,
        "ran": [],
        "seconds": 0.0,
        "label": "shop",
    }
    assert lagging(silent) == ("failed", "migrate went through in silence")


def test_without_one_the_reason_is_told() -> None:
    why = EXPECTED._replace(lagging="there is no guard")
    assert lagging(expected=why) == ("skipped", "there is no guard")
    assert lagging() == ("skipped", "no database can be behind on any squash")


def test_of_several_the_one_that_is_not_stopped_is_told() -> None:
    said = f"{BEHIND} it lacks shop.0002"
    silent: dict[str, Any] = {
        "failed": None,
        "said": None,
        "ran": [],
        "seconds": 0.5,
        "label": "shop",
    }
    for found in ((stopped(said), silent), (silent, stopped(said))):
        assert lagging(*found) == ("failed", "2 databases: migrate went through in silence")
        told = check(judged(record(), proof(lagging=list(found)), EXPECTED), "lagging")
        assert told.seconds == 0.75


def test_of_several_that_are_stopped_the_words_of_the_guard_are_told() -> None:
    said = f"{BEHIND} it lacks shop.0002"
    found = (stopped("ValueError: lazy reference"), stopped(said))
    assert lagging(*found) == lagging(*found[::-1]) == ("proved", f"2 databases: stopped: {said}")


def test_where_replaced_files_are_kept_it_has_to_go_all_the_way() -> None:
    kept = EXPECTED._replace(kept=True)
    assert lagging(stopped(f"{BEHIND} it lacks x"), expected=kept) == (
        "failed",
        f"stopped: {BEHIND} it lacks x",
    )
    said = f"{BEHIND} it lacks shop.0003"
    later = kept._replace(marked=frozenset({"shop"}))
    assert lagging(stopped(said), expected=later) == ("proved", f"stopped: {said}")
    assert lagging(stopped(f"{BEHIND} it lacks x.1"), expected=later)[0] == "failed"
    why = "it goes through the replaced files, which are still there"
    gone_on = {"failed": None, "said": None, "ran": ["shop.0002"], "seconds": 0.0, "label": "shop"}
    same = {"schema": schema("id", "name"), "rows": rows("ada")}
    assert lagging({**gone_on, **same}, expected=kept) == ("proved", why)
    assert lagging({**gone_on, **same, "rows": rows()}, expected=kept) == ("differs", why)
    assert lagging({**gone_on, **same, "schema": schema("id")}, expected=kept) == ("differs", why)


def test_the_app_whose_database_is_not_stopped_is_blamed() -> None:
    silent: dict[str, Any] = {"failed": None, "said": None, "ran": [], "seconds": 0.5}
    found = [stopped(f"{BEHIND} it lacks shop.0002"), {**silent, "label": "blog"}]
    assert judged(record(), proof(lagging=found), EXPECTED).blamed == {"blog"}


# Rows with other numbers


def numbered(*names: str) -> dict[str, Any]:
    return proof({"rows": rows(*names)})


def test_rows_that_migrations_write_under_other_numbers_are_a_warning() -> None:
    old = record(rows=rows("ada", "bob"), effects=[["shop", "0002_seed", 0, ["shop_item"]]])
    judgement = judged(old, numbered("bob", "ada"), EXPECTED)
    assert judgement.holds
    (warning,) = judgement.warnings
    assert warning.startswith("shop_item: a new database numbers the rows")
    assert judged(old, numbered("ada", "bob"), EXPECTED).warnings == ()


def test_rows_that_no_migration_writes_may_have_any_numbers() -> None:
    old = record(rows=rows("ada", "bob"), effects=[["shop", "0002_seed", 0, ["other"]]])
    assert judged(old, numbered("bob", "ada"), EXPECTED).warnings == ()


def test_where_nothing_is_replaced_no_database_can_be_behind() -> None:
    judgement = judged(record(), proof(), EXPECTED._replace(replaces=False))
    assert "lagging" not in {each.check for each in judgement.checks}


@pytest.mark.parametrize(
    "message",
    [
        "OperationalError: database or disk is full",
        "DiskFull: could not extend file: No space left on device",
        "OperationalError: (1114, \"The table 'shop_item' is full\")",
    ],
)
@pytest.mark.parametrize("where", ["broken", "fresh", "upgrade", "lagging"])
def test_a_full_disk_is_no_fault_of_the_new_history(where: str, message: str) -> None:
    failed = {"app": "shop", "name": "0001", "position": 0, "operation": "", "message": message}
    run = {"failed": failed}
    places: dict[str, Any] = {"upgrade": {"base": run}, "lagging": [run], "fresh": run}
    proof = {"broken": failed} if where == "broken" else {"broken": None, where: places[where]}
    with pytest.raises(EnvironmentFailure, match="no room"):
        demand_room(proof)
