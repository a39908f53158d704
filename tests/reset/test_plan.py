"""What a reset plans: by hand, one rule at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from remigrate import graph
from remigrate.model import App, Broken, Header, Key, Migration, Project, Reference, Unread
from remigrate.reset import names
from remigrate.reset import plan as planner
from remigrate.reset.plan import Plan, Segment
from tests.judge import SETTING, Declared, Ref, Tree

SETTINGS = {"USER_MODEL": "a.User"}


def key(label: str, name: str) -> Key:
    return (f"{label}/migrations", name)


def project(tree: Tree, **broken: Header | Broken) -> Project:
    """The project of these migrations; `broken` has other headers, by name."""
    apps = tuple(
        App(
            f"{label}/migrations",
            label,
            ".",
            tuple(_migration(label, name, found, broken) for name, found in migrations.items()),
        )
        for label, migrations in tree.items()
    )
    return Project(apps, {(".", name): value for name, value in SETTINGS.items()})


def _migration(
    label: str, name: str, found: Declared, broken: dict[str, Header | Broken]
) -> Migration:
    header = Header(
        1,
        _references(found.dependencies),
        _references(found.run_before),
        _references(found.replaces),
        found.initial,
    )
    folder = f"{label}/migrations"
    return Migration(folder, name, f"{folder}/{name}.py", "", broken.get(name, header))


def _references(refs: tuple[Ref, ...]) -> tuple[Reference, ...]:
    return tuple(
        Reference(label.removeprefix(SETTING), name, line, swappable=label.startswith(SETTING))
        for line, (label, name) in enumerate(refs, 1)
    )


def after(tree: Tree, plan: Plan) -> Tree:
    """The tree once the plan has been carried out."""
    new = {label: dict(migrations) for label, migrations in tree.items()}
    for path, name in plan.deleted:
        del new[path.partition("/")[0]][name]
    for change in plan.repoints:
        label, name = change.origin[0].partition("/")[0], change.origin[1]
        found = new[label][name]
        refs = list(getattr(found, change.attribute))
        refs[change.line - 1] = change.new
        edited = tuple(refs)
        new[label][name] = (
            found._replace(dependencies=edited)
            if change.attribute == "dependencies"
            else found._replace(run_before=edited)
        )
    for segment in plan.segments:
        if segment.written:
            soft = [(SETTING + name, "__first__") for name in segment.swappable]
            parents = (*segment.parents, *soft)
            new[segment.label][segment.name] = Declared(
                parents, segment.run_before, segment.replaces, segment.initial
            )
    return new


def d(*after_: str, run_before: Iterable[str] = (), replaces: Iterable[str] = ()) -> Declared:
    """A migration; others are named as ``app.name``."""
    return Declared(_refs(after_), _refs(run_before), _refs(replaces))


def _refs(names: Iterable[str]) -> tuple[Ref, ...]:
    return tuple((label, name) for label, _, name in (one.rpartition(".") for one in names))


def chain(label: str, *migrations: str) -> dict[str, Declared]:
    """Migrations that follow each other."""
    return {
        name: d(*([f"{label}.{migrations[at - 1]}"] if at else []))
        for at, name in enumerate(migrations)
    }


def make(tree: Tree, *targets: str, landed: Iterable[str] | None = None, **options: Any) -> Plan:
    """A plan; without `landed`, everything in the tree has landed."""
    loaded = graph.build(project(tree))
    keys = set(loaded.files) if landed is None else {key(*ref) for ref in _refs(landed)}
    apps = [f"{label}/migrations" for label in targets or tree]
    return planner.make(loaded, keys, apps, **options)


def called(plan: Plan) -> list[str]:
    """The written migrations, in order."""
    return [f"{s.label}.{s.name}" for s in plan.segments if s.written]


def segment(plan: Plan, name: str) -> Segment:
    (found,) = [s for s in plan.segments if f"{s.label}.{s.name}" == name]
    return found


def changes(plan: Plan) -> list[tuple[str, str, str]]:
    """(file, what it names, what it is to name) of everything pointed anew."""
    return [
        (f"{one.origin[0].partition('/')[0]}.{one.origin[1]}", one.old[1], one.new[1])
        for one in plan.repoints
    ]


def why(plan: Plan, app: str = "a") -> str:
    """Why an app stays; nothing is planned for it."""
    (found,) = [one for one in plan.refused if one.app == f"{app}/migrations"]
    assert not [s for s in plan.segments if s.app == found.app]
    assert not [k for k in plan.deleted if k[0] == found.app]
    return found.why


SHOP = {"a": chain("a", "0001_initial", "0002_price", "0003_stock")}


# Segments


def test_an_app_becomes_one_squash_and_a_guard_of_its_own() -> None:
    plan = make(SHOP)
    assert called(plan) == ["a.0001_squashed_0003_stock", "a.0004_stop_if_lagging"]
    squash, guard = plan.segments
    assert squash.members == tuple(key("a", name) for name in SHOP["a"])
    assert squash.replaces == tuple(("a", name) for name in SHOP["a"])
    assert (squash.landed, squash.initial, squash.guards) == (True, True, ())
    assert (guard.members, guard.replaces, guard.initial) == ((), (), False)
    assert guard.parents == (("a", squash.name),)
    assert guard.guards == (squash.key,)
    assert plan.deleted == squash.members
    assert plan.refused == ()


def test_landed_and_new_stay_apart() -> None:
    tree = {"a": chain("a", "0001_a", "0002_b", "0003_c", "0004_d")}
    plan = make(tree, landed=["a.0001_a", "a.0002_b"])
    assert called(plan) == ["a.0001_squashed_0002_b", "a.0003_squashed_0004_d"]
    landed, new = plan.segments
    assert (landed.landed, new.landed) == (True, False)
    assert new.replaces == (("a", "0003_c"), ("a", "0004_d"))
    assert new.parents == (("a", landed.name),)
    assert new.guards == (landed.key,)
    assert not new.initial


def test_two_leaves_of_a_pull_request_become_one() -> None:
    tree = {"a": {**chain("a", "0001_a", "0002_b", "0003_ours"), "0003_theirs": d("a.0002_b")}}
    plan = make(tree, landed=["a.0001_a", "a.0002_b", "a.0003_theirs"])
    assert called(plan) == ["a.0001_squashed_0003_theirs"]
    assert changes(plan) == [("a.0003_ours", "0002_b", "0001_squashed_0003_theirs")]


def test_a_circle_through_another_app_is_cut() -> None:
    tree = {
        "a": {"0001_a": d(), "0002_b": d("a.0001_a"), "0003_c": d("a.0002_b", "z.0001_z")},
        "z": {"0001_z": d("a.0002_b")},
    }
    plan = make(tree, "a")
    assert called(plan)[0] == "a.0001_squashed_0002_b"
    assert [s.members[0][1] for s in plan.segments if s.members] == ["0001_a", "0003_c"]
    assert changes(plan) == [("z.0001_z", "0002_b", "0001_squashed_0002_b")]


def test_where_an_app_was_interrupted_by_one_that_it_has_to_do_with_is_known() -> None:
    tree = {
        "a": {"0001_a": d("b.0001_b"), "0002_a": d("a.0001_a")},
        "b": chain("b", "0001_b", "0002_b", "0003_b"),
        "c": {"0001_c": d("n.0001_n"), "0002_c": d("c.0001_c", "e.0003_e")},
        "e": {"0001_e": d(), "0002_e": d("e.0001_e", "c.0001_c"), "0003_e": d("e.0002_e")},
        "n": {"0001_n": d()},
    }
    plan = make(tree)
    a, b, c = (f"{label}/migrations" for label in "abc")
    assert plan.interrupted == (
        (key("b", "0002_b"), (a,)),
        (key("e", "0002_e"), (c,)),
    )
    cut = make(tree, cuts=[key("b", "0002_b")])
    assert cut.interrupted == plan.interrupted[1:]
    members = [[name for _, name in s.members] for s in cut.segments if s.app == b and s.members]
    assert members == [["0001_b"], ["0002_b", "0003_b"]]


def test_apps_with_foreign_keys_to_each_other_are_cut_where_they_have_to_be() -> None:
    tree = {
        "a": {**chain("a", "0001_a", "0002_a"), "0003_a": d("a.0002_a", "b.0002_b")},
        "b": {
            "0001_b": d("a.0001_a"),
            "0002_b": d("b.0001_b"),
            "0003_b": d("b.0002_b", "a.0003_a"),
        },
    }
    tree["a"] |= {"0004_a": d("a.0003_a")}
    tree["b"] |= {"0004_b": d("b.0003_b", "a.0001_a")}
    plan = make(tree, guard=False)
    assert called(plan) == [
        "a.0001_squashed_0002_a",
        "b.0001_squashed_0002_b",
        "a.0003_squashed_0004_a",
        "b.0003_squashed_0004_b",
    ]
    assert segment(plan, "b.0003_squashed_0004_b").parents == (
        ("a", "0003_squashed_0004_a"),
        ("b", "0001_squashed_0002_b"),
    )


def test_a_circle_through_an_app_that_is_not_in_the_tree_is_cut_when_django_tells_of_it() -> None:
    tree = {"a": {**chain("a", "0001_a", "0002_b"), "0003_c": d("a.0002_b", "log.0001_initial")}}
    assert len(segment(make(tree), "a.0001_squashed_0003_c").members) == 3
    outside = {("@log", "0001_initial"): {key("a", "0001_a")}}
    plan = make(tree, outside=outside)
    assert segment(plan, "a.0001_squashed_0002_b").parents == ()
    assert ("log", "0001_initial") in segment(plan, "a.0003_squashed_0003_c").parents


# What code stands on without saying so


def test_what_a_migration_needs_and_does_not_name_comes_before_its_squash() -> None:
    tree = {
        "a": chain("a", "0001_a", "0002_b", "0003_c"),
        "core": chain("core", "0001_x", "0002_y"),
    }
    needed = {key("a", "0002_b"): {key("core", "0001_x"), ("@log", "0001_initial")}}
    plan = make(tree, "a", needed=needed)
    found = segment(plan, "a.0001_squashed_0003_c")
    assert found.parents == (("core", "0001_x"), ("log", "0001_initial"))
    both = segment(make(tree, needed=needed), "a.0001_squashed_0003_c")
    assert ("core", "0001_squashed_0002_y") in both.parents


def test_a_segment_ends_where_what_the_next_one_needs_comes_in_between() -> None:
    tree = {"a": chain("a", "0001_a", "0002_b", "0003_c"), "core": {"0001_x": d("a.0001_a")}}
    plan = make(tree, "a", needed={key("a", "0002_b"): {key("core", "0001_x")}})
    assert called(plan) == ["a.0002_squashed_0003_c", "a.0004_stop_if_lagging"]
    assert ("core", "0001_x") in segment(plan, "a.0002_squashed_0003_c").parents


def test_a_lone_migration_that_needs_more_than_it_names_is_written() -> None:
    tree = {
        "a": chain("a", "0001_a", "0002_b") | {"0003_c": d("a.0002_b", "b.0001_x")},
        "b": {"0001_x": d("a.0002_b")},
        "core": chain("core", "0001_x"),
    }
    assert called(make(tree, "a", guard=False)) == ["a.0001_squashed_0002_b"]
    plan = make(tree, "a", guard=False, needed={key("a", "0003_c"): {key("core", "0001_x")}})
    found = segment(plan, "a.0003_squashed_0003_c")
    assert ("core", "0001_x") in found.parents
    assert found.replaces == (("a", "0003_c"),)


# One migration alone


def test_a_lone_landed_migration_stays_as_it_is_when_nothing_before_it_goes() -> None:
    tree = {"a": chain("a", "0001_initial", "0002_b", "0003_c")}
    plan = make(tree, landed=["a.0001_initial"])
    assert called(plan) == ["a.0002_squashed_0003_c"]
    assert plan.deleted == (key("a", "0002_b"), key("a", "0003_c"))
    assert plan.segments[0].written is False
    assert plan.segments[0].name == "0001_initial"
    assert plan.segments[1].guards == ()
    assert plan.repoints == ()


CUT = {
    "a": {**chain("a", "0001_a", "0002_b"), "0003_c": d("a.0002_b", "z.0001_z")},
    "z": {"0001_z": d("a.0001_a")},
}


def test_a_lone_migration_after_a_squash_is_pointed_at_it() -> None:
    plan = make(CUT, "a", guard=False)
    assert called(plan) == ["a.0001_squashed_0002_b"]
    assert ("a.0003_c", "0002_b", "0001_squashed_0002_b") in changes(plan)
    assert key("a", "0003_c") not in plan.deleted


def test_a_lone_migration_after_a_squash_is_written_anew_where_it_has_to_be_guarded() -> None:
    plan = make(CUT, "a")
    lone = segment(plan, "a.0003_squashed_0003_c")
    assert lone.replaces == (("a", "0003_c"),)
    assert lone.guards == (key("a", "0001_squashed_0002_b"),)
    assert segment(plan, "a.0004_stop_if_lagging").guards == (
        key("a", "0001_squashed_0002_b"),
        lone.key,
    )


def test_a_lone_migration_that_follows_nothing_in_its_app_gets_a_place_in_it() -> None:
    tree = {"a": {**chain("a", "0001_a", "0002_b"), "0003_c": d("z.0001_z")}, "z": {}}
    tree["z"] = {"0001_z": d("a.0002_b")}
    plan = make(tree, "a", guard=False)
    assert ("a", "0001_squashed_0002_b") in segment(plan, "a.0003_squashed_0003_c").parents


def test_a_lone_migration_is_pointed_at_the_segment_before_it_even_if_it_named_an_earlier_one() -> (
    None
):
    tree = {
        "a": {
            **chain("a", "0001_a", "0002_b"),
            "0003_c": d("a.0002_b", "z.0001_z"),
            "0004_d": d("a.0003_c"),
            "0005_e": d("a.0002_b", "z.0002_z"),
        },
        "z": {"0001_z": d("a.0001_a"), "0002_z": d("a.0004_d")},
    }
    plan = make(tree, "a", guard=False)
    assert ("a.0005_e", "0002_b", "0003_squashed_0004_d") in changes(plan)
    kept = make(tree, "a", keep_replaced=True)
    assert ("a.0005_e", "0002_b", "0003_squashed_0004_d") in changes(kept)


# What is replaced


def squashed(**files: Declared) -> Tree:
    squash = d(replaces=["a.0001_a", "a.0002_b"])
    return {"a": {"0001_squashed_0002_b": squash, "0003_c": d("a.0001_squashed_0002_b"), **files}}


def test_a_squash_of_a_squash_replaces_what_that_replaced_too() -> None:
    (squash, _) = make(squashed()).segments
    assert [name for _, name in squash.replaces] == [
        "0001_a",
        "0002_b",
        "0001_squashed_0002_b",
        "0003_c",
    ]


def test_files_behind_a_squash_are_deleted_with_it_and_what_they_needed_is_kept() -> None:
    files = {"0001_a": d("z.0001_z", "log.0002_x"), "0002_b": d("a.0001_a")}
    plan = make(squashed(**files) | {"z": {"0001_z": d()}}, "a")
    assert len(plan.deleted) == 4
    assert plan.segments[0].parents == (("log", "0002_x"), ("z", "0001_z"))


def test_a_new_squash_of_landed_migrations_is_not_asked_of_databases() -> None:
    plan = make(squashed(), landed=["a.0001_a", "a.0002_b", "a.0003_c"])
    (squash, _) = plan.segments
    assert squash.landed
    assert [name for _, name in squash.replaces] == ["0001_a", "0002_b", "0003_c"]


def test_kept_files_need_no_guard_and_nobody_is_pointed_anew() -> None:
    plan = make(SHOP | {"z": {"0001_z": d("a.0002_price")}}, "a", keep_replaced=True)
    assert called(plan) == ["a.0001_squashed_0003_stock"]
    assert (plan.deleted, plan.repoints, plan.segments[0].guards) == ((), (), ())


def test_an_unfinished_squash_cannot_be_kept_before_django_6() -> None:
    assert called(make(squashed(), keep_replaced=True))
    assert "before 6.0" in why(make(squashed(), keep_replaced=True, nested=False))
    assert called(make(squashed(), nested=False))


# Fresh


def test_a_fresh_history_has_new_names_and_replaces_nothing() -> None:
    plan = make(SHOP | {"z": {"0001_z": d("a.0003_stock")}}, "a", strategy="fresh", landed=[])
    (first,) = plan.segments
    assert (first.name, first.replaces, first.guards) == ("0001_initial", (), ())
    assert plan.deleted == (key("a", "0002_price"), key("a", "0003_stock"))
    assert changes(plan) == [("z.0001_z", "0003_stock", "0001_initial")]


def test_a_fresh_history_that_needs_two_parts_numbers_them() -> None:
    plan = make(CUT, "a", strategy="fresh")
    assert called(plan) == ["a.0001_initial", "a.0002_c"]
    assert plan.segments[1].parents == (("a", "0001_initial"), ("z", "0001_z"))


# Names


def test_trap_5_a_name_is_never_one_that_was() -> None:
    tree = squashed()
    del tree["a"]["0003_c"]
    tree["a"]["extra"] = d("a.0001_squashed_0002_b")
    assert make(tree).segments[0].name == "0001_squashed_0002_b_2"


def test_names_that_differ_in_case_alone_are_the_same() -> None:
    assert names.squash(["0001_A", "0002_B"], 0, {"0001_squashed_0002_b"}) == (
        "0001_squashed_0002_B_2"
    )


def test_a_name_ends_with_the_highest_number() -> None:
    assert names.squash(["0001_a", "0003_c", "0002_b"], 0, ()) == "0001_squashed_0003_c"
    assert names.squash(["0018_a", "0042_b"], 1, ()) == "0018_squashed_0042_b"
    assert names.squash(["0001_squashed_0007_b", "more"], 0, ()) == "0001_squashed_0007_b"
    assert names.squash(["begin", "more"], 2, ()) == "0003_squashed_more"


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_long_name_is_cut_and_keeps_its_numbers(letter: str) -> None:
    long = f"0042_{letter * 240}"
    name = names.squash(["0001_a", long], 0, ())
    other = names.squash(["0001_a", long], 0, {name.casefold()})
    assert name.startswith("0001_squashed_0042_")
    for one in (name, other):
        assert len(f"{one}.py".encode()) <= 255
        assert names.number(one) == 42
    assert name != other


def test_names_that_are_replaced_but_gone_are_not_given_again() -> None:
    gone = d(replaces=["a.0001_squashed_0003_c", "a.0002_b"])
    tree = {"a": {"0001_all": gone, "0003_c": d("a.0001_all")}}
    assert make(tree, landed=[]).segments[0].name == "0001_squashed_0003_c_2"


def test_two_segments_never_get_one_name() -> None:
    odd = {
        "0001_a": d("a.0002_b", "z.0001_z"),
        "0001_squashed_0002_b": d("a.0001_a"),
    }
    tree = {"a": {**chain("a", "0000_a", "0002_b"), **odd}, "z": {"0001_z": d("a.0002_b")}}
    found = [s.name for s in make(tree, "a", guard=False).segments]
    assert found == ["0001_squashed_0002_b_2", "0001_squashed_0002_b_3"]


# The guard


def test_segments_of_other_apps_are_guarded_too() -> None:
    tree = SHOP | {"b": {"0001_b": d("a.0002_price"), "0002_b": d("b.0001_b")}}
    plan = make(tree)
    assert segment(plan, "b.0001_squashed_0002_b").guards == (segment_key(plan, "a"),)


def segment_key(plan: Plan, label: str) -> Key:
    return next(s.key for s in plan.segments if s.label == label)


def test_what_stays_between_asks_by_itself() -> None:
    tree = SHOP | {
        "m": {"0001_m": d("a.0003_stock")},
        "b": {"0001_b": d("m.0001_m"), "0002_b": d("b.0001_b")},
    }
    plan = make(tree, "a", "b")
    assert plan.guarded == ((key("m", "0001_m"), (segment_key(plan, "a"),)),)
    assert segment(plan, "b.0001_squashed_0002_b").guards == ()


def test_what_is_outside_of_the_repository_cannot_ask_so_the_next_one_does() -> None:
    tree = SHOP | {"b": {"0001_b": d("log.0001_x"), "0002_b": d("b.0001_b")}}
    outside = {("@log", "0001_x"): [key("a", "0003_stock")]}
    plan = make(tree, "a", "b", outside=outside)
    assert segment(plan, "b.0001_squashed_0002_b").guards == (segment_key(plan, "a"),)


def test_a_new_migration_that_stays_asks_for_all_of_its_app_and_the_next_one_for_nothing() -> None:
    """It hangs on the first squash alone, and the second one would go unnoticed."""
    new = {"0004_d": d("a.0001_a"), "0005_e": d("a.0004_d")}
    tree = {**CUT, "a": {**CUT["a"], **new}}
    landed = ["a.0001_a", "a.0002_b", "a.0003_c", "z.0001_z"]
    plan = make(tree, "a", landed=landed, cuts=[key("a", name) for name in new])
    squashes = tuple(s.key for s in plan.segments if s.written)
    assert (key("a", "0004_d"), squashes) in plan.guarded
    assert key("a", "0005_e") not in dict(plan.guarded)
    assert make(tree, "a", landed=landed, guard=False).guarded == ()
    assert make(tree, "a", landed=landed, keep_replaced=True).guarded == ()


def test_the_first_new_migration_asks_for_all_of_its_app() -> None:
    tree = {**CUT, "a": {**CUT["a"], "0004_d": d("a.0003_c"), "0005_e": d("a.0004_d")}}
    plan = make(tree, "a", landed=["a.0001_a", "a.0002_b", "a.0003_c", "z.0001_z"])
    first, second, new = plan.segments
    assert new.guards == (first.key, second.key)


def test_no_guard_means_none() -> None:
    plan = make(SHOP, guard=False)
    assert called(plan) == ["a.0001_squashed_0003_stock"]
    assert plan.segments[0].guards == ()


@pytest.mark.parametrize("guard", [True, False])
def test_a_lone_new_migration_stays_and_no_guard_of_its_own_is_written(guard: bool) -> None:
    plan = make(SHOP, landed=["a.0001_initial", "a.0002_price"], guard=guard)
    assert called(plan) == ["a.0001_squashed_0002_price"]
    assert changes(plan) == [("a.0003_stock", "0002_price", "0001_squashed_0002_price")]


# What stays


LONG = {"a": chain("a", *(f"000{number}_x" for number in range(1, 6)))}


def test_what_is_fixed_stays_between_two_squashes() -> None:
    plan = make(LONG, fixed=[key("a", "0003_x")])
    first, fixed, second, guard = plan.segments
    assert (first.name, second.name) == ("0001_squashed_0002_x", "0004_squashed_0005_x")
    assert fixed.members == (key("a", "0003_x"),)
    assert not fixed.written
    assert changes(plan) == [("a.0003_x", "0002_x", "0001_squashed_0002_x")]
    assert ("a", "0003_x") in second.parents
    assert guard.guards == (first.key, second.key)


def test_what_is_fixed_asks_for_the_squash_before_it() -> None:
    plan = make(LONG, fixed=[key("a", "0003_x")])
    assert plan.guarded == ((key("a", "0003_x"), (plan.segments[0].key,)),)
    assert plan.segments[2].guards == ()


@pytest.mark.parametrize(("fixed", "written"), [(1, "0002_squashed_0005_x"), (2, "0003_squashed")])
def test_the_first_migrations_can_stay_as_they_are(fixed: int, written: str) -> None:
    plan = make(LONG, fixed=[key("a", f"000{number}_x") for number in range(1, fixed + 1)])
    assert [s.written for s in plan.segments] == [*([False] * fixed), True, True]
    assert plan.segments[fixed].name.startswith(written)
    assert plan.guarded == ()


def test_a_last_migration_that_stays_and_follows_all_needs_no_guard_on_top() -> None:
    plan = make(LONG, fixed=[key("a", "0005_x")])
    assert called(plan) == ["a.0001_squashed_0004_x"]


def test_a_last_migration_that_stays_and_follows_a_part_alone_gets_a_guard_on_top() -> None:
    """A database may have applied it, and lack what it does not depend on."""
    tree = {"a": {"0001_x": d(), "0002_x": d(), "0003_x": d("a.0002_x")}}
    plan = make(tree, fixed=[key("a", "0003_x")])
    assert called(plan) == ["a.0001_squashed_0002_x", "a.0004_stop_if_lagging"]


def test_nothing_is_shorter_where_every_other_migration_is_fixed() -> None:
    plan = make(LONG, fixed=[key("a", "0002_x"), key("a", "0004_x")])
    assert plan.segments == ()
    assert plan.refused[0].why.startswith("nothing to shorten")


def test_what_stays_is_pointed_at_the_squash() -> None:
    """Not at the guard: whoever has applied what is new has not applied that."""
    tree = SHOP | {"z": {"0001_z": d("a.0002_price"), "0002_z": d("z.0001_z", "a.0003_stock")}}
    plan = make(tree, "a", landed=[*(f"a.{name}" for name in SHOP["a"]), "z.0001_z"])
    assert changes(plan) == [
        ("z.0001_z", "0002_price", "0001_squashed_0003_stock"),
        ("z.0002_z", "0003_stock", "0001_squashed_0003_stock"),
    ]


def test_run_before_of_what_stays_is_pointed_at_the_squash_itself() -> None:
    tree = SHOP | {"z": {"0001_z": d(run_before=["a.0002_price"])}}
    plan = make(tree, "a", landed=["z.0001_z", *(f"a.{name}" for name in SHOP["a"])])
    (change,) = plan.repoints
    assert (change.attribute, change.new) == ("run_before", ("a", "0001_squashed_0003_stock"))
    assert plan.segments[0].parents == ()


def test_run_before_of_members_is_kept_and_never_names_the_segment_itself() -> None:
    tree = {
        "a": {
            "0001_a": d(run_before=["a.0002_b", "b.0002_b", "z.0001_z", "log.0001_x"]),
            "0002_b": d("a.0001_a"),
        },
        "b": chain("b", "0001_b", "0002_b"),
        "z": {"0001_z": d()},
    }
    plan = make(tree, "a", "b")
    assert segment(plan, "a.0001_squashed_0002_b").run_before == (
        ("b", "0001_squashed_0002_b"),
        ("log", "0001_x"),
        ("z", "0001_z"),
    )
    assert segment(plan, "b.0001_squashed_0002_b").parents == ()


def test_trap_8_a_swappable_dependency_stays_one() -> None:
    tree = SHOP | {"b": chain("b", "0001_b", "0002_b")}
    tree["b"]["0001_b"] = d(f"{SETTING}USER_MODEL.__first__", f"{SETTING}OTHER_MODEL.__first__")
    found = segment(make(tree), "b.0001_squashed_0002_b")
    assert found.swappable == ("OTHER_MODEL", "USER_MODEL")
    assert found.parents == ()
    assert found.guards == (key("a", "0001_squashed_0003_stock"),)


def test_the_first_migration_is_still_the_first() -> None:
    tree = SHOP | {"z": {"0001_z": d("a.__first__")}}
    assert changes(make(tree, "a")) == []
    late = {"a": {"0000_z": d("z.0002_z"), **SHOP["a"]}}
    late["z"] = {"0001_z": d("a.0003_stock"), "0002_z": d("z.0001_z")}
    late["y"] = {"0001_y": d("a.__first__")}
    (change,) = [c for c in changes(make(late, "a")) if c[0] == "y.0001_y"]
    assert change[1:] == ("__first__", "0000_squashed_0000_z")


def test_the_latest_migration_is_not_the_guard() -> None:
    tree = SHOP | {"z": {"0001_z": d("a.__latest__")}}
    assert changes(make(tree, "a")) == [("z.0001_z", "__latest__", "0001_squashed_0003_stock")]
    assert changes(make(tree, "a", guard=False)) == []
    landed = [f"a.{name}" for name in SHOP["a"]]
    assert changes(make(tree, "a", landed=landed)) == changes(make(tree, "a"))


def test_of_several_dependencies_on_an_app_the_last_one_is_written() -> None:
    tree = {
        "a": {"0001_a": d("z.0001_z"), "0002_b": d("a.0001_a", "z.0002_z")},
        "z": chain("z", "0001_z", "0002_z"),
    }
    assert make(tree, "a").segments[0].parents == (("z", "0002_z"),)


# Refusals


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (Broken(3, 1, "invalid syntax"), "line 3: invalid syntax"),
        (Header(1, unread=(Unread("dependencies", 4, "computed"),)), "the dependencies of"),
        (Header(1, unread=(Unread("replaces", 4, "computed"),)), "the replaces of"),
        (Header(1, unread=(Unread("run_before", 4, "computed"),)), "the run_before of"),
        (Header(1, is_migration=False), "no Migration class"),
        (Header(1, run_before=(Reference("USER_MODEL", "__first__", 1, True),)), "a setting"),
    ],
)
def test_an_app_that_cannot_be_read_stays(header: Header | Broken, says: str) -> None:
    tree = SHOP | {"z": chain("z", "0001_z", "0002_z")}
    loaded = graph.build(project(tree, **{"0003_stock": header}))
    plan = planner.make(loaded, loaded.files, ["a/migrations", "z/migrations"])
    assert says in why(plan)
    assert called(plan)[0] == "z.0001_squashed_0002_z"


def test_unread_attributes_that_order_nothing_do_not_matter() -> None:
    header = Header(1, unread=(Unread("atomic", 4, "computed"),))
    loaded = graph.build(project(SHOP, **{"0001_initial": header}))
    assert planner.make(loaded, loaded.files, ["a/migrations"]).segments


@pytest.mark.parametrize(
    ("tree", "landed", "says"),
    [
        ({"a": chain("a", "0001_a")}, None, "nothing to shorten: it has 1"),
        ({"a": {}}, None, "nothing to shorten: it has no"),
        ({"a": chain("a", "0001_a", "0002_b")}, ["a.0001_a"], "on its own"),
        ({"a": {"1": d("a.2"), "2": d("a.1")}}, None, "in a circle: a."),
        ({"a": {"1": d(), "2": d("a.1", "a.9")}}, None, "a.2 names a.9 in its dependencies"),
        ({"a": {**chain("a", "1", "2"), "s": d(replaces=["a.s"])}}, None, "replaces itself"),
        (squashed(), ["a.0001_a"], "some have landed and some are new"),
        (
            SHOP,
            ["a.0001_initial", "a.0003_stock"],
            "a.0003_stock has landed, but depends on a.0002",
        ),
        (
            {"a": {**chain("a", "1", "2"), "s": d(replaces=["b.1"])}, "b": chain("b", "1", "2")},
            None,
            "of another app (b)",
        ),
        (
            {"a": {**chain("a", "1", "2"), "s": d(replaces=["a.1"]), "t": d(replaces=["a.1"])}},
            None,
            "a.s and a.t both replace a.1",
        ),
    ],
)
def test_an_app_that_cannot_be_reset_stays_and_says_why(
    tree: Tree, landed: list[str] | None, says: str
) -> None:
    assert says in why(make(tree, "a", landed=landed))


def test_something_new_behind_another_app_is_seen_too() -> None:
    tree = {"a": {"1": d(), "2": d("a.1", "z.2")}, "z": chain("z", "1", "2")}
    assert "a.2 has landed, but depends on z.2" in why(make(tree, "a", landed=["a.1", "a.2"]))


def test_a_folder_that_django_ignores_is_told_of() -> None:
    apps = project(SHOP).apps[0]._replace(is_package=False)
    loaded = graph.build(Project((apps,), {}))
    (refusal,) = planner.make(loaded, (), ["a/migrations"]).refused
    assert refusal.app == "a/migrations"
    assert "__init__.py" in refusal.why


def test_a_refused_app_is_walked_as_one_that_stays() -> None:
    tree = SHOP | {"b": {"1": d("a.0002_price", "b.9"), "2": d("b.1")}}
    plan = make(tree)
    assert "b.9" in why(plan, "b")
    assert ("b.1", "0002_price", "0001_squashed_0003_stock") in changes(plan)


# Between two squashes of an app

LEANING = {
    "a": {
        **chain("a", "0001_a", "0002_b"),
        "0003_c": d("a.0002_b", "b.0001_x"),
        "0004_d": d("a.0003_c"),
    },
    "b": {"0001_x": d("a.0002_b")},
}


@pytest.mark.parametrize("keep", [True, False])
def test_a_squash_leaves_a_mark_for_the_next_one_of_its_app(keep: bool) -> None:
    """Also where the files are kept: Django runs a squash of which nothing is applied."""
    plan = make(LEANING, "a", keep_replaced=keep)
    first, second = [s for s in plan.segments if s.members]
    assert (first.after, first.marks) == (None, second.key)
    assert (second.after, second.marks) == (first.key, None)
    assert plan.marked == ()


@pytest.mark.parametrize("options", [{"guard": False}, {"strategy": "fresh"}])
def test_no_mark_is_left_where_nobody_is_to_be_stopped(options: dict[str, Any]) -> None:
    plan = make(LEANING, "a", **options)
    assert {(s.after, s.marks) for s in plan.segments} == {(None, None)}


def test_the_first_migration_of_an_app_leaves_a_mark_if_it_stays() -> None:
    """Not one that stays further on: that runs on a database with rows as well."""
    tree = {"a": chain("a", "0001_a", "0002_b", "0003_c", "0004_d")}
    plan = make(tree, fixed=[key("a", "0001_a"), key("a", "0002_b")])
    (squash,) = [s for s in plan.segments if s.written and s.members]
    assert squash.after == key("a", "0001_a")
    assert plan.marked == ((key("a", "0001_a"), squash.key),)
    plan = make(
        {"a": chain("a", *(f"000{at}_x" for at in range(1, 6)))}, fixed=[key("a", "0003_x")]
    )
    first, second = [s for s in plan.segments if s.written and s.members]
    assert (first.marks, second.after, plan.marked) == (second.key, first.key, ())


def test_what_has_not_landed_asks_for_no_mark() -> None:
    landed = ["a.0001_a", "a.0002_b", "b.0001_x"]
    plan = make(LEANING, "a", landed=landed)
    assert {(s.after, s.marks) for s in plan.segments} == {(None, None)}
