"""Which rows are written, and what is asked or refused, by what tables and rows say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from remigrate.db import alignment, places, standing
from remigrate.db.alignment import Verdict, Walked, Wanted
from remigrate.db.places import Step
from remigrate.db.standing import Row
from remigrate.model import App, Header, Migration, Project, Reference

Tables = dict[str, list[dict[str, Any]]]


def table(name: str, *columns: str) -> Tables:
    found = [{"kind": "table", "table": name, "name": name, "definition": {"columns": [*columns]}}]
    found += [
        {"kind": "column", "table": name, "name": column, "definition": {"type": "text"}}
        for column in columns
    ]
    return {name: found}


def step(name: str, objects: Tables | None = None, *, code: str = "", needs: str = "") -> Step:
    label, _, own = name.partition(".")
    parents = tuple((each.partition(".")[0], each.partition(".")[2]) for each in needs.split())
    return Step((label, own), ((label, own),), parents, (code,) if code else (), objects or {})


ITEM, PRICED = table("shop_item", "name"), table("shop_item", "name", "price")
HISTORY = (
    step("shop.0001_initial", ITEM),
    step("shop.0002_price", PRICED, needs="shop.0001_initial"),
    step("shop.0003_seed", code="RunPython(seed)", needs="shop.0002_price"),
)


def aligned(
    rows: str,
    live: Tables,
    steps: Iterable[Step] = HISTORY,
    *,
    extras: dict[Any, Any] | None = None,
    unmanaged: str = "",
    **wanted: Any,
) -> dict[str, Verdict]:
    """The verdicts by the first label, for these rows as ``label.name``."""
    steps = tuple(steps)
    labels = {each.name[0] for each in steps} | {name.partition(".")[0] for name in rows.split()}
    found = [
        Row(number, (name.partition(".")[0], name.partition(".")[2]), "2026-01-01")
        for number, name in enumerate(rows.split(), 1)
    ]
    made = {key for each in steps for key in each.objects}
    walked = Walked(
        places.groups(steps, sorted(labels), live),
        extras or {},
        frozenset(made | set(unmanaged.split())),
    )
    stands = standing.of(found, _project(steps, extras or {}), labels)
    verdicts = alignment.align(found, stands, walked, live, Wanted(**wanted))
    return {each.labels[0]: each for each in verdicts}


def _project(steps: tuple[Step, ...], squashes: dict[Any, Any]) -> Project:
    def reference(name: tuple[str, str]) -> Reference:
        return Reference(*name, 1)

    apps: dict[str, list[Migration]] = {}
    for each in steps:
        replaced = [row for row in each.rows if row != each.name] or squashes.get(each.name, ())
        header = Header(1, tuple(map(reference, each.needs)), (), tuple(map(reference, replaced)))
        apps.setdefault(each.name[0], []).append(Migration(*each.name, "", "", header))
    return Project(tuple(App(name, name, ".", tuple(own)) for name, own in apps.items()), {})


def names(verdict: Verdict) -> tuple[str, str]:
    """What is inserted, and what deleted."""
    come = " ".join(".".join(name) for name in verdict.insert)
    return come, " ".join(".".join(row.name) for row in verdict.delete)


ALL = "shop.0001_initial shop.0002_price shop.0003_seed"


@pytest.mark.parametrize(
    ("rows", "live"),
    [
        (ALL, PRICED),
        ("shop.0001_initial shop.0002_price", PRICED),
        ("shop.0001_initial", ITEM),
        ("other.0001_initial", {}),
    ],
    ids=["all applied", "code pending", "a column pending", "an app that is new"],
)
def test_what_is_right_stays(rows: str, live: Tables) -> None:
    steps = (*HISTORY, step("other.0001_initial"))
    assert aligned(f"{rows} other.0001_initial", live, steps) == {}


def test_rows_of_an_emptied_table_come_back_and_code_is_not_run_again() -> None:
    found = aligned("", PRICED)["shop"]
    assert names(found) == (ALL, "")
    assert not found.is_open
    assert "its code as run: RunPython(seed)" in found.warnings[0]


def test_an_emptied_table_of_an_app_that_is_behind() -> None:
    found = aligned("", ITEM)["shop"]
    assert names(found) == ("shop.0001_initial", "")
    assert found.reached == ("shop", "0001_initial")


SEEDS = step("seeds.0001_initial", code="RunPython(sow)")


def test_a_new_database_has_nothing_to_put_right() -> None:
    assert aligned("", {}, (*HISTORY, SEEDS)) == {}


def test_of_an_emptied_table_code_that_no_table_of_its_app_shows_is_asked_for() -> None:
    found = aligned("", PRICED, (*HISTORY, SEEDS))
    assert not found["shop"].is_open
    assert "--applied seeds.0001_initial; else: --pending" in found["seeds"].questions[0]
    seed = frozenset({SEEDS.name})
    assert names(aligned("", PRICED, (*HISTORY, SEEDS), applied=seed)["seeds"]) == (
        "seeds.0001_initial", "",
    )  # fmt: skip
    assert "seeds" not in aligned("", PRICED, (*HISTORY, SEEDS), pending=seed)


def test_rows_of_one_app_that_were_deleted_come_back_and_its_code_is_asked_for() -> None:
    rows, steps = "other.0001_initial", (*HISTORY, step("other.0001_initial"))
    (question,) = aligned(rows, PRICED, steps)["shop"].questions
    assert "--applied shop.0003_seed; else: --pending shop.0003_seed" in question
    seed = frozenset({("shop", "0003_seed")})
    assert names(aligned(rows, PRICED, steps, applied=seed)["shop"]) == (ALL, "")
    some = "shop.0001_initial shop.0002_price"
    assert names(aligned(rows, PRICED, steps, pending=seed)["shop"]) == (some, "")


def test_a_column_that_was_faked_is_left_for_migrate_and_code_after_it_is_asked_for() -> None:
    found = aligned(ALL, ITEM)["shop"]
    assert names(found) == ("", "shop.0002_price shop.0003_seed")
    assert "would run again. If it may: --pending shop.0003_seed" in found.questions[0]
    seed = frozenset({("shop", "0003_seed")})
    assert not aligned(ALL, ITEM, pending=seed)["shop"].is_open
    (refused,) = aligned(ALL, ITEM, applied=seed)["shop"].refused
    assert refused.startswith("shop.0003_seed cannot be taken as applied")


def test_code_that_the_tables_are_past_is_asked_for_and_cannot_be_left_pending() -> None:
    steps = (HISTORY[0], step("shop.0002_seed", code="RunPython"), step("shop.0003_price", PRICED))
    found = aligned("shop.0001_initial", PRICED, steps)["shop"]
    assert "would not run. If it has run: --applied shop.0002_seed" in found.questions[0]
    seed = frozenset({("shop", "0002_seed")})
    assert names(aligned("shop.0001_initial", PRICED, steps, applied=seed)["shop"]) == (
        "shop.0002_seed shop.0003_price", "",
    )  # fmt: skip
    (refused,) = aligned("shop.0001_initial", PRICED, steps, pending=seed)["shop"].refused
    assert refused.startswith("shop.0002_seed cannot be left pending")


def test_a_row_that_is_missing_in_the_middle_comes_back() -> None:
    found = aligned("shop.0001_initial shop.0003_seed", PRICED)["shop"]
    assert names(found) == ("shop.0002_price", "")
    assert not found.is_open


def test_a_row_that_is_missing_between_two_that_no_table_shows_comes_back() -> None:
    steps = (*HISTORY, step("shop.0004_choices"), step("shop.0005_more", code="RunPython(more)"))
    found = aligned(f"{ALL} shop.0005_more", PRICED, steps)["shop"]
    assert names(found) == ("shop.0004_choices", "")
    assert not found.is_open


def test_a_history_that_was_replaced_whole() -> None:
    found = aligned("shop.0001_old shop.0002_old", PRICED)["shop"]
    assert names(found) == (ALL, "shop.0001_old shop.0002_old")
    assert not found.is_open


def test_ghosts_go_and_pending_code_is_asked_for() -> None:
    """The remade files may have a name that the rows know: nobody can tell from a branch."""
    found = aligned("shop.0001_initial shop.0002_price shop.0003_branch", PRICED)["shop"]
    assert names(found) == ("", "shop.0003_branch")
    assert "--pending shop.0003_seed" in found.questions[0]


def test_ghosts_of_an_app_without_migrations_go() -> None:
    assert names(aligned(f"{ALL} gone.0001_initial", PRICED)["gone"]) == ("", "gone.0001_initial")


def test_tables_that_ghosts_left_are_a_difference() -> None:
    live = PRICED | table("shop_extra", "id") | table("orders", "id")
    found = aligned(f"{ALL} shop.0004_extra", live)["shop"]
    assert found.differences == (
        "the table shop_extra is there, and no migration on disk makes it",
    )
    accepted = aligned(f"{ALL} shop.0004_extra", live, accept=True)["shop"]
    assert not accepted.is_open
    assert accepted.warnings == found.differences


def test_tables_of_models_that_django_does_not_manage_are_none() -> None:
    live = PRICED | table("shop_view", "id")
    assert not aligned(f"{ALL} shop.0004_extra", live, unmanaged="shop_view")["shop"].is_open


def test_tables_that_no_history_builds_refuse_where_there_is_disorder() -> None:
    live = table("shop_item", "name", "price", "by_hand")
    found = aligned("shop.0001_initial shop.0003_seed", live)["shop"]
    assert found.differences == ("this database has the column shop_item.by_hand (text) that a new"
                                 " one lacks",)  # fmt: skip
    assert not found.changes or found.is_open


def test_tables_that_no_history_builds_are_only_told_of_where_rows_are_in_order() -> None:
    live = table("shop_item", "name", "price", "by_hand")
    found = aligned(ALL, live)["shop"]
    assert not found.is_open
    assert not found.changes
    assert "by_hand" in found.warnings[0]
    assert aligned(ALL, live, apps=frozenset({"shop"}))["shop"].differences


def test_what_is_lacking_below_applied_rows_is_not_in_order() -> None:
    """Somebody dropped a column, or a table; no row says so."""
    found = aligned(ALL, table("shop_item", "price"))["shop"]
    assert found.unlike == (
        "a new one has the column shop_item.name (text) that this database lacks",
    )
    assert not found.is_open
    assert not found.changes
    twice = (*HISTORY, step("shop.0004_more", table("shop_more", "id")))
    dropped = aligned(f"{ALL} shop.0004_more", PRICED, twice)["shop"]
    assert names(dropped) == ("", "shop.0004_more"), "which migrate makes again"


def test_a_table_of_a_pending_migration_is_not_in_order() -> None:
    """Half of the migration is there: `migrate` would fail on it."""
    both = table("shop_more", "id") | table("shop_item", "name", "price", "more")
    steps = (*HISTORY, step("shop.0004_more", both))
    found = aligned(ALL, PRICED | table("shop_more", "id"), steps)["shop"]
    assert found.unlike == ("this database has the table shop_more that a new one lacks",)


def test_accepted_differences_let_the_rows_stand() -> None:
    live = table("shop_item", "name", "price", "by_hand")
    found = aligned("shop.0001_old", live, accept=True)["shop"]
    assert names(found) == (ALL, "shop.0001_old")
    assert not found.is_open


def test_what_an_administrator_granted_is_no_difference() -> None:
    live = {"shop_item": [dict(each) for each in PRICED["shop_item"]]}
    live["shop_item"][0] = {
        **live["shop_item"][0],
        "definition": {**live["shop_item"][0]["definition"], "grants": "reader"},
    }
    assert aligned(ALL, live) == {}


def test_apps_that_are_not_asked_for_stay_as_they_are() -> None:
    steps = (*HISTORY, step("orders.0001_initial", table("orders_order", "id")))
    live = PRICED | table("orders_order", "id")
    found = aligned("", live, steps, apps=frozenset({"orders"}))
    assert set(found) == {"orders"}


def test_a_dependency_that_the_tables_do_not_hold_refuses() -> None:
    steps = (*HISTORY, step("orders.0001_initial", table("orders_order", "id"),
                            needs="shop.0002_price"))  # fmt: skip
    rows = "shop.0001_initial shop.0002_price orders.0001_initial"
    found = aligned(rows, ITEM | table("orders_order", "id"), steps)
    assert found["orders"].refused == (
        "orders.0001_initial is applied, and depends on shop.0002_price, which is not, as the"
        " tables show",
    )


def test_apps_that_change_the_same_table_are_judged_together() -> None:
    moved = step("stock.0001_move", table("shop_item", "name", "price", "stock"))
    live = table("shop_item", "name", "price", "stock")
    found = aligned(ALL, live, (*HISTORY, moved))["shop"]
    assert found.labels == ("shop", "stock")
    assert names(found) == ("stock.0001_move", "")


SQUASH = Step(
    ("shop", "0001_squashed"),
    (("shop", "0001_initial"), ("shop", "0002_price")),
    (), (), PRICED,
)  # fmt: skip
REPLACED = {("shop", "0001_squashed"): SQUASH.rows}


def test_a_squash_is_applied_when_all_that_it_replaces_is() -> None:
    rows = "shop.0001_initial shop.0002_price shop.0001_squashed"
    assert aligned(rows, PRICED, (SQUASH,), extras=REPLACED) == {}
    assert aligned("shop.0001_initial shop.0002_price", PRICED, (SQUASH,), extras=REPLACED) == {}


def test_a_squash_brings_the_rows_of_all_that_it_replaces() -> None:
    found = aligned("", PRICED, (SQUASH,), extras=REPLACED)["shop"]
    assert names(found) == ("shop.0001_initial shop.0001_squashed shop.0002_price", "")


def test_a_part_of_a_squash_whose_files_are_gone() -> None:
    built = aligned("shop.0001_initial", PRICED, (SQUASH,), extras=REPLACED)["shop"]
    assert names(built)[0] == "shop.0001_squashed shop.0002_price"
    behind = aligned("shop.0001_initial", ITEM, (SQUASH,), extras=REPLACED)["shop"]
    assert "lacks" in behind.differences[0]
