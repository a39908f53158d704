"""Whatever the history looks like, a plan leads to one that Django loads and databases can follow.

Hypothesis draws small projects: several apps with edges between them both ways, diamonds, squashes
with and without the files that they replace, ``run_before``, ``__first__``, and a base that has
some of it. The plan is then applied to the tree, and the result is asked of `remigrate.graph` and
of Django's own loader.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db.migrations.graph import MigrationGraph
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from remigrate import circles, graph, history
from remigrate.labels import EXTERNAL
from remigrate.model import Key
from remigrate.reset import plan as planner
from remigrate.reset.old import Old, edges
from remigrate.reset.plan import Plan
from remigrate.reset.segments import django_order
from tests import judge
from tests.judge import Declared, Ref, Tree
from tests.reset import THOROUGH
from tests.reset.test_plan import SETTINGS, after, key, project

LABELS = ("a", "b", "c")


thoroughly = settings(
    max_examples=600 if THOROUGH else 80,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much],
)


class World(NamedTuple):
    head: Tree
    base: Tree
    plain: Tree
    """Head without squashes, and with all that was ever replaced."""
    targets: tuple[str, ...]
    fixed: frozenset[Ref]
    """What must stay as it is."""

    @property
    def landed(self) -> set[Key]:
        return {key(label, name) for label, names in self.base.items() for name in names}

    @property
    def rows(self) -> set[Key]:
        return history.recorded(project(self.base))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Ref], Tree]:
    """Migrations in an order in which they can run; any may depend on any before it."""
    order: list[Ref] = []
    tree: dict[str, dict[str, Declared]] = {label: {} for label in LABELS}
    for _ in range(draw(st.integers(5, 16))):
        label = draw(st.sampled_from(LABELS))
        name = f"{len(tree[label]) + 1:04}_{draw(st.sampled_from('xyz'))}"
        mine = [ref for ref in order if ref[0] == label]
        before = mine[-1:]
        if mine and draw(st.integers(0, 5)) == 0:
            before = draw(st.lists(st.sampled_from(mine), max_size=2, unique=True))
        others = [ref for ref in order if ref[0] != label]
        if others:
            before += draw(st.lists(st.sampled_from(others), max_size=2, unique=True))
        more = [("x", "0001_initial"), ("settings.USER_MODEL", "__first__")]
        more += [(other, "__first__") for other in LABELS if other != label and tree[other]]
        if draw(st.integers(0, 3)) == 0:
            before.append(draw(st.sampled_from(more)))
        tree[label][name] = Declared(tuple(before))
        order.append((label, name))
        if draw(st.integers(0, 7)) == 0 and len(order) > 1:
            first = draw(st.sampled_from(order[:-1]))
            found = tree[first[0]][first[1]]
            tree[first[0]][first[1]] = found._replace(run_before=((label, name),))
    return order, tree


@st.composite
def worlds(draw: st.DrawFn) -> World:
    order, plain = draw(histories())
    head = {label: dict(names) for label, names in plain.items()}
    ancestors = _ancestors(plain)
    landed: set[Ref] = set()
    some = draw(st.booleans())
    for ref in order:
        if ancestors[ref] <= landed and (not some or draw(st.integers(0, 4))):
            landed.add(ref)
    base: Tree = {
        label: {name: found for name, found in names.items() if (label, name) in landed}
        for label, names in plain.items()
    }
    for label in LABELS:
        names = list(plain[label])
        if len(names) > 1 and draw(st.booleans()):
            start = draw(st.integers(0, len(names) - 2))
            inner = names[start : draw(st.integers(start + 2, len(names)))]
            squash = _squash(plain[label], label, inner)
            name = f"{inner[0][:4]}_squashed_{inner[-1]}"
            head[label][name] = squash
            in_base = draw(st.booleans()) and {(label, one) for one in inner} <= landed
            if in_base:
                base[label][name] = squash
            if draw(st.booleans()):
                for one in inner:
                    del head[label][one]
                    if in_base:
                        del base[label][one]
    targets = draw(st.just(LABELS) | st.lists(st.sampled_from(LABELS), min_size=1, unique=True))
    fixed = [
        (label, name)
        for label in LABELS
        for name, found in head[label].items()
        if any(inner == label for inner, _ in found.dependencies)
    ]
    stays = draw(st.just([]) | st.lists(st.sampled_from(fixed), unique=True)) if fixed else []
    return World(head, base, plain, tuple(targets), frozenset(stays))


def _squash(names: dict[str, Declared], label: str, inner: list[str]) -> Declared:
    own = {(label, name) for name in inner}
    before = {ref for name in inner for ref in names[name].dependencies} - own
    run_before = {ref for name in inner for ref in names[name].run_before} - own
    return Declared(tuple(sorted(before)), tuple(sorted(run_before)), tuple(sorted(own)))


def _ancestors(tree: Tree) -> dict[Ref, set[Ref]]:
    """Of every migration of the plain history."""
    loaded = graph.build(project(tree))
    assume(not circles.cycles(loaded) and not loaded.dangling)
    return {_ref(node): {_ref(one) for one in loaded.ancestors(node)} for node in loaded.nodes}


def _ref(node: Key) -> Ref:
    return (node[0].removeprefix(EXTERNAL).partition("/")[0], node[1])


def sound(tree: Tree) -> graph.Graph:
    loaded = graph.build(project(tree))
    assume(not circles.cycles(loaded))
    assume(not loaded.dangling)
    return loaded


@thoroughly
@given(histories())
def test_the_walk_is_in_the_order_of_djangos_own_plan(drawn: tuple[list[Ref], Tree]) -> None:
    loaded = sound(drawn[1])
    django = MigrationGraph()
    for node in loaded.nodes:
        django.add_node(_ref(node), None)
    for node, parents in loaded.parents.items():
        for parent in parents:
            django.add_dependency(None, _ref(node), _ref(parent))
    plan: dict[Ref, None] = {}
    for leaf in django.leaf_nodes():
        plan.update(dict.fromkeys(django.forwards_plan(leaf)))
    ours = django_order(edges(Old(loaded, ()), {}), lambda node: (*_ref(node), ""))
    assert [_ref(node) for node in ours] == list(plan)


OPTIONS = st.fixed_dictionaries({"guard": st.booleans(), "keep_replaced": st.booleans()})
Options = dict[str, bool]


def planned(world: World, options: Options) -> tuple[graph.Graph, Plan]:
    old = sound(world.head)
    # A reset is for a project that loads, for a database at base too.
    django = judge.judge(world.head, {_ref(row) for row in world.rows}, SETTINGS)
    assume(not django.error and not django.inconsistent)
    targets = [f"{label}/migrations" for label in world.targets]
    plan = planner.make(
        old,
        world.landed,
        targets,
        nested=False,
        guard=options["guard"],
        keep_replaced=options["keep_replaced"],
        fixed={key(*ref) for ref in world.fixed},
    )
    written = [s for s in plan.segments if s.written and s.members]
    event(f"written: {min(len(written), 4)}")
    for refusal in plan.refused:
        event(f"refused: {refusal.why.split()[0]}")
    return old, plan


@thoroughly
@given(worlds(), OPTIONS)
def test_the_new_history_loads_and_each_app_has_one_leaf(world: World, options: Options) -> None:
    _, plan = planned(world, options)
    tree = after(world.head, plan)
    new = graph.build(project(tree))
    assert circles.cycles(new) == []
    assert new.dangling == ()
    assert new.cyclic_squashes == ()
    for app in reset(world, plan):
        assert len(new.leaves(app)) == 1
        assert len(new.roots(app)) == 1
    django = judge.judge(tree, {_ref(row) for row in world.rows}, SETTINGS)
    assert django.error == ""
    assert not django.inconsistent
    assert all(len(django.leaves[_ref((app, ""))[0]]) for app in reset(world, plan))


def reset(world: World, plan: Plan) -> list[str]:
    refused = {refusal.app for refusal in plan.refused}
    return [
        f"{label}/migrations" for label in world.targets if f"{label}/migrations" not in refused
    ]


@thoroughly
@given(worlds(), OPTIONS)
def test_every_landed_migration_is_replaced_once_or_stays(world: World, options: Options) -> None:
    old, plan = planned(world, options)
    files = old.files.keys() - set(plan.deleted)
    replaced = [(s.app, name) for s in plan.segments for _, name in s.replaces]
    assert len(replaced) == len(set(replaced))
    for app in reset(world, plan):
        lone = {k for s in plan.segments if not s.written for k in s.members}
        fixed = {key(*ref) for ref in world.fixed} & old.nodes.keys()
        assert {one for one in fixed if one[0] == app} <= lone
        stay = lone | {k for one in lone for k in Old(old, world.landed).originals(one)}
        for row in world.rows:
            if row[0] == app:
                assert (row in replaced) != (row in stay)
        members = [k for s in plan.segments if s.app == app for k in s.members]
        assert sorted(members) == sorted(k for k in old.nodes if k[0] == app)
    assert not {s.key for s in plan.segments if s.written} & (files | set(replaced) | world.rows)
    names = [s.key for s in plan.segments]
    assert len(names) == len(set(names))


@thoroughly
@given(worlds(), OPTIONS)
def test_what_ran_before_still_runs_before(world: World, options: Options) -> None:
    old, plan = planned(world, options)
    new = graph.build(project(after(world.head, plan)))
    home = {node: node for node in old.nodes}
    home |= {member: segment.key for segment in plan.segments for member in segment.members}
    for node in old.nodes:
        above = new.ancestors(home[node])
        assert {home[one] for one in old.ancestors(node)} <= above | {home[node]}
    place = {segment.key: at for at, segment in enumerate(plan.segments)}
    for segment in plan.segments:
        assert all(place.get(one, -1) < place[segment.key] for one in new.ancestors(segment.key))
    for segment in plan.segments:
        seen: set[Key] = set()
        for member in segment.members:
            assert not old.ancestors(member) & (set(segment.members) - seen)
            seen.add(member)


@thoroughly
@given(worlds(), OPTIONS)
def test_a_database_at_base_or_at_head_follows(world: World, options: Options) -> None:
    _, plan = planned(world, options)
    tree = after(world.head, plan)
    new = graph.build(project(tree), world.rows)
    assert list(history.inconsistencies(new, world.rows)) == []
    for segment in plan.segments:
        assert segment.key in new.nodes
        if segment.members:
            done = {(segment.app, name) for _, name in segment.replaces} <= world.rows
            assert not segment.written or done == segment.landed
    if not options["guard"]:
        developer = world.rows | history.recorded(project(world.head))
        new = graph.build(project(tree), developer)
        assert list(history.inconsistencies(new, developer)) == []
        for segment in plan.segments:
            assert {(segment.app, name) for _, name in segment.replaces} <= developer


@thoroughly
@given(worlds(), st.data())
def test_a_lagging_database_is_stopped_before_it_misses_anything(
    world: World, data: st.DataObject
) -> None:
    old, plan = planned(world, {"guard": True, "keep_replaced": False})
    applied = data.draw(lagging(world))
    written = {s.key: s for s in plan.segments if s.written}
    inserted = dict(plan.guarded)
    replaced = {k: {(s.app, name) for _, name in s.replaces} for k, s in written.items()}
    behind = {k for k in written if written[k].landed and _half(replaced[k], applied)}
    event(f"behind: {len(behind)}")
    begun = {app for app, _ in applied}
    marking = dict(plan.marked) | {k: s.marks for k, s in written.items() if s.marks}
    marks: set[Key] = set()
    stay = {k for s in plan.segments if s.written for k in s.members}
    for squash in old.squashes.keys() & old.nodes.keys() - stay:
        # Trap 1 of a squash that was there before is not this reset's.
        assume(not _half(set(Old(old, ()).plain(squash)), applied))
    new = graph.build(project(after(world.head, plan)), applied)
    before = edges(Old(new, ()), {})
    originals = Old(old, world.landed)
    for node in django_order(before, lambda k: (*_ref(k), "")):
        done = replaced.get(node, set())
        if node in applied or done and done <= applied:
            continue
        segment = written.get(node)
        asked = segment.guards if segment is not None else inserted.get(node, ())
        if any(not replaced[one] <= applied for one in asked):
            assert behind
            return
        if segment is not None and segment.after and node not in marks:
            event("between two squashes")
            assert segment.app in begun
            return
        if segment is not None:
            # What is written for a database without rows runs on no other.
            assert not segment.members or not segment.landed or segment.app not in begun
            members = set(segment.members)
            needed = {k for member in members for k in old.ancestors(member)} - members
            assert {k for one in needed - applied for k in originals.plain(one)} <= applied
        marks |= {marking[node]} if node in marking else set()
        applied |= {node} | done | set(segment.members if segment else ())
        applied |= set(new.squashes.get(node, ()))
    assert not behind


@st.composite
def lagging(draw: st.DrawFn, world: World) -> set[Key]:
    """Rows of a database that has stopped somewhere on the way to base."""
    ancestors = _ancestors(world.plain)
    applied: set[Key] = set()
    for label in LABELS:
        for ref in sorted(_rows(world, label)):
            if ref in ancestors and draw(st.booleans()):
                applied |= {key(*one) for one in (ref, *ancestors[ref])} & world.rows
    for label, names in world.base.items():
        for name, found in names.items():
            if found.replaces and {key(*ref) for ref in found.replaces} <= applied:
                applied.add(key(label, name))
    return applied


def _rows(world: World, label: str) -> list[Ref]:
    return [_ref(row) for row in world.rows if row[0] == f"{label}/migrations"]


def _half(replaced: set[Key], applied: set[Key]) -> bool:
    return 0 < len(replaced & applied) < len(replaced)


@thoroughly
@given(worlds())
def test_a_fresh_history_loads_and_keeps_every_order(world: World) -> None:
    old = sound(world.head)
    targets = [f"{label}/migrations" for label in world.targets]
    plan = planner.make(old, world.landed, targets, strategy="fresh")
    tree = after(world.head, plan)
    new = graph.build(project(tree))
    assert circles.cycles(new) == []
    assert new.dangling == ()
    assert judge.judge(tree, None, SETTINGS).error == ""
    home = {node: node for node in old.nodes}
    home |= {member: segment.key for segment in plan.segments for member in segment.members}
    for node in old.nodes:
        above = new.ancestors(home[node])
        assert {home[one] for one in old.ancestors(node)} <= above | {home[node]}
    for app in reset(world, plan):
        (first, *_) = [s.name for s in plan.segments if s.app == app]
        assert first == "0001_initial"
        assert new.leaves(app)
        assert not any(new.squashes.get(k) for k in new.nodes if k[0] == app)
