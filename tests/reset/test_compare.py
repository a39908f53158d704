"""Rows that say the same are equal whatever their keys, and what differs is never hidden."""

from __future__ import annotations

import random
from typing import Any

import pytest

from remigrate.reset import compare

Tables = dict[str, dict[str, Any]]


def table(
    columns: str, *rows: list[Any], automatic: str = "id", to: dict[str, str] | None = None
) -> dict[str, Any]:
    """A table as the probe reads it; `to` says which columns point to which table's id."""
    return {
        "columns": columns.split(),
        "rows": sorted((list(row) for row in rows), key=str),
        "automatic": automatic.split(),
        "references": [
            {"columns": [column], "to": target, "to_columns": ["id"]}
            for column, target in (to or {}).items()
        ],
    }


def differences(old: Tables, new: Tables, again: Tables | None = None) -> list[str]:
    found = compare.rows(old, new, again)
    assert len(compare.rows(new, old).differences) >= len(found.differences)
    return [difference.text for difference in found.differences]


def notes(old: Tables, new: Tables, again: Tables | None = None) -> tuple[str, ...]:
    """What is put aside of two databases that are equal."""
    found = compare.rows(old, new, again)
    assert found.differences == ()
    return found.notes


def people(*rows: list[Any]) -> dict[str, Any]:
    return table("id name password", *rows)


def groups(*rows: list[Any]) -> dict[str, Any]:
    return table("id person_id role", *rows, to={"person_id": "people"})


ANN, BOB = [1, "ann", None], [2, "bob", None]


def test_equal_rows_are_equal_without_a_note() -> None:
    sides = ({"people": people(ANN, BOB)} for _ in range(2))
    assert compare.rows(*sides) == compare.Comparison()


def test_a_cell_that_differs_is_told_with_its_row() -> None:
    old = {"people": people(ANN, BOB)}
    assert differences(old, {"people": people(ANN, [2, "bob", "x"])}) == [
        "people: 1 row differs: where name 'bob',"
        " password is null in the old history and 'x' in the new one"
    ]


def test_a_number_is_not_its_text_and_a_truth_value_is_no_number() -> None:
    for left, right in ((1, "1"), (1, True), (1, 1.0), (None, "null"), ({"hex": "00"}, "00")):
        old, new = ({"t": table("a", [cell], automatic="")} for cell in (left, right))
        assert len(differences(old, new)) == 1


def test_a_row_that_only_one_side_has_is_told() -> None:
    old = {"people": people(ANN, BOB)}
    assert differences(old, {"people": people(ANN)}) == [
        "people: 1 row differs: only the old history has (name 'bob', password null)"
    ]


def test_a_row_that_stands_twice_wants_to_stand_twice() -> None:
    old = {"people": people(ANN, [2, "ann", None])}
    assert len(differences(old, {"people": people(ANN)})) == 1


def test_many_rows_that_differ_are_counted_and_the_first_are_shown() -> None:
    old = {"people": people(*([n, f"old {n}", "x" * 100] for n in range(50)))}
    new = {"people": people(*([n, f"new {n}", "y" * 100] for n in range(50)))}
    (text,) = differences(old, new)
    assert text.startswith("people: 50 rows differ: only the old history has (name 'old 0', ")
    assert text.count("only the old history") == 3
    assert text.endswith("; …")


def test_automatic_keys_in_another_order_are_put_aside_and_told() -> None:
    old = {"people": people(ANN, BOB), "groups": groups([1, 1, "boss"], [2, 2, "clerk"])}
    swapped = people([2, "ann", None], [1, "bob", None])
    new = {"people": swapped, "groups": groups([1, 2, "boss"], [2, 1, "clerk"])}
    assert notes(old, new) == (
        "the rows of groups are counted, or point to rows that are, in another order",
        "the rows of people are counted, or point to rows that are, in another order",
    )


def test_automatic_keys_that_are_other_numbers_are_told() -> None:
    new = {"people": people([7, "ann", None], [9, "bob", None])}
    assert notes({"people": people(ANN, BOB)}, new) == ("the automatic keys of people are others",)


def test_keys_that_a_migration_chose_are_no_automatic_keys() -> None:
    old, new = ({"sites": table("id name", [key, "a"], automatic="")} for key in (1, 2))
    assert len(differences(old, new)) == 1


def test_the_same_numbers_that_point_to_other_rows_now_differ() -> None:
    old = {"people": people(ANN, BOB), "groups": groups([1, 1, "boss"])}
    new = {
        "people": people([2, "ann", None], [1, "bob", None]),
        "groups": groups([1, 1, "boss"]),
    }
    assert differences(old, new) == [
        "groups: 1 row differs: where role 'boss',"
        " person_id is → people 'ann' in the old history and → people 'bob' in the new one"
    ]


@pytest.mark.parametrize("cells", [[None, None], [1, None], [1, 2]])
def test_the_order_in_which_a_database_tells_its_foreign_keys_says_nothing(
    cells: list[int | None],
) -> None:
    """It is the order of the columns, and a squash makes those in another one."""
    to = {"lead_id": "people", "mate_id": "people"}
    sides = []
    for ann, bob in (1, 2), (2, 1):
        rows = [[ann, "ann", None], [bob, "bob", None]]
        keys = [each and {1: ann, 2: bob}[each] for each in cells]
        teams = table(
            "id lead_id mate_id", [1, *keys], to=dict(sorted(to.items(), reverse=ann > 1))
        )
        sides.append({"people": people(*rows), "teams": teams})
    assert differences(*sides) == []


def test_rows_that_point_to_a_row_that_differs_are_a_note_at_its_difference() -> None:
    old = {"people": people(ANN), "groups": groups([1, 1, "boss"])}
    new = {"people": people([1, "amy", None]), "groups": groups([1, 1, "boss"])}
    found = compare.rows(old, new)
    assert [difference.table for difference in found.differences] == ["people"]
    assert found.notes == ("rows of groups differ only in that they point to rows that differ",)


def test_a_row_is_not_excused_by_pointing_to_a_row_that_differs() -> None:
    old = {"people": people(ANN), "groups": groups([1, 1, "boss"])}
    new = {"people": people([1, "amy", None]), "groups": groups([1, 1, "clerk"])}
    assert {d.table for d in compare.rows(old, new).differences} == {"people", "groups"}


def test_trees_and_circles_are_compared_by_what_is_in_them() -> None:
    def tree(*rows: list[Any]) -> Tables:
        return {"nodes": table("id name next_id", *rows, to={"next_id": "nodes"})}

    circle = tree([1, "a", 2], [2, "b", 3], [3, "c", 1])
    turned = tree([2, "a", 3], [3, "b", 1], [1, "c", 2])
    other = tree([1, "a", 3], [2, "b", 1], [3, "c", 2])
    assert notes(circle, turned)
    assert differences(circle, other)
    chain = tree([1, "a", None], *([n, "a", n - 1] for n in range(2, 300)))
    longer = tree(*([n, "a", n + 1] for n in range(1, 298)), [298, "a", 298], [299, "a", None])
    assert differences(chain, longer)


def test_rows_that_look_alike_but_belong_together_otherwise_differ() -> None:
    alike = people([1, "ann", None], [2, "ann", None])
    old = {"people": alike, "groups": groups([1, 1, "boss"], [2, 1, "clerk"])}
    new = {"people": alike, "groups": groups([1, 1, "boss"], [2, 2, "clerk"])}
    assert differences(old, new) == [
        "people has the same rows on both sides, but others belong together",
        "groups has the same rows on both sides, but others belong together",
    ]


def test_any_new_numbering_of_any_rows_is_equal_and_any_other_cell_is_not() -> None:
    chance = random.Random(4)
    for _ in range(60):
        size = chance.randint(1, 8)
        persons = [(n, chance.choice("abc")) for n in range(size)]
        roles = [(n, chance.randrange(size), chance.choice("xy")) for n in range(size)]
        renamed = chance.sample(range(100), size)
        old = {
            "people": people(*([n, name, None] for n, name in persons)),
            "groups": groups(*map(list, roles)),
        }
        moved: list[list[Any]] = [[renamed[n], name, None] for n, name in persons]
        new = {
            "people": people(*moved),
            "groups": groups(*([n, renamed[to], role] for n, to, role in roles)),
        }
        assert compare.rows(old, new).differences == ()
        moved[chance.randrange(size)][1] = "d"
        assert compare.rows(old, {**new, "people": people(*moved)}).differences


# What the old history fills differently each time


def with_password(word: str | None, name: str = "ann") -> Tables:
    return {"people": people([1, name, word]), "groups": groups([1, 1, "boss"])}


def test_a_random_cell_is_a_difference_until_the_old_history_ran_twice() -> None:
    old, new, again = map(with_password, ("x", "y", "z"))
    assert [d.table for d in compare.rows(old, new).differences] == ["people"]
    assert notes(old, new, again) == (
        "people.password: the old history fills it differently each time",
    )


def test_a_cell_that_the_old_history_fills_alike_is_never_put_aside() -> None:
    old, new, again = with_password("x"), with_password("y", "amy"), with_password("z")
    assert differences(old, new, again) == [
        "people: 1 row differs: name is 'ann' in the old history and 'amy' in the new one"
    ]
    assert differences(old, with_password("y"), with_password("x"))


def test_a_random_cell_that_is_left_empty_is_a_difference() -> None:
    assert differences(with_password("x"), with_password(None), with_password("z"))


def test_random_keys_are_put_aside_with_all_that_points_to_them() -> None:
    def keyed(key: str, role: str = "boss") -> Tables:
        return {
            "people": table("id name", [key, "ann"], automatic=""),
            "groups": groups([1, key, role]),
        }

    old, new, again = map(keyed, ("u1", "u2", "u3"))
    assert differences(old, new)
    assert notes(old, new, again)[0] == (
        "people.id: the old history fills it differently each time"
    )
    assert differences(old, keyed("u2", "clerk"), again)


def test_a_link_that_is_drawn_by_lot_is_put_aside() -> None:
    def drawn(*to: int) -> Tables:
        rows = [[n, person, f"role {n}"] for n, person in enumerate(to)]
        return {"people": people(ANN, BOB), "groups": groups(*rows)}

    old, new, again = drawn(1, 1, 2), drawn(2, 2, 2), drawn(1, 2, 2)
    assert notes(old, new, again) == (
        "groups.person_id: the old history fills it differently each time",
    )
    shuffled = drawn(1, 2, 1)  # as many for each, but others
    assert differences(old, shuffled)
    assert notes(old, shuffled, drawn(2, 1, 1))


def test_values_that_change_places_each_time_are_put_aside() -> None:
    def ranked(*ranks: int) -> Tables:
        rows = ([name, name * 2, rank] for name, rank in zip("abc", ranks, strict=True))
        return {"t": table("name slug rank", *rows, automatic="")}

    old, new, again = ranked(1, 2, 3), ranked(3, 1, 2), ranked(2, 1, 3)
    assert notes(old, new, again) == ("t.rank: the old history fills it differently each time",)
    assert differences(old, ranked(3, 1, 4), ranked(1, 2, 3))


def test_another_number_of_rows_each_time_is_told_and_stays_a_difference() -> None:
    old, new, again = (
        {"people": people(*([n, "ann", None] for n in range(count)))} for count in (1, 2, 3)
    )
    found = compare.rows(old, new, again)
    assert len(found.differences) == 1
    assert found.notes == ("people: the old history makes another number of rows each time",)


# Tables that cannot be compared row by row


def test_a_table_that_only_one_side_has_is_a_difference() -> None:
    assert differences({"people": people(ANN)}, {}) == [
        "only the old history has a table people: 1 row"
    ]


def test_rows_with_other_columns_are_a_difference() -> None:
    old, new = {"t": table("id a", [1, 2])}, {"t": table("id b", [1, 2])}
    assert differences(old, new) == ["the rows of t have other columns"]


def test_rows_may_point_to_a_table_that_has_too_many_rows() -> None:
    def many(to: int, digest: str = "0") -> Tables:
        crowd = {**people(), "rows": None, "count": 200_000, "digest": digest}
        return {"people": crowd, "groups": groups([1, to, "boss"])}

    assert compare.rows(many(1), many(1)) == compare.Comparison()
    assert [d.table for d in compare.rows(many(1), many(2)).differences] == ["groups"]
    assert [d.table for d in compare.rows(many(1), many(1, "1")).differences] == ["people"]
