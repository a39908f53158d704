"""New operations from old ones: what each way keeps, leaves out and changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reset.interpreter import Interpreter, migration

ID = '("id", models.AutoField(auto_created=True, primary_key=True, serialize=False))'
FIRST = f"""[
        migrations.CreateModel("Item", [{ID}, ("name", models.CharField(max_length=9))]),
    ]"""
PRICE = 'migrations.AddField("item", "price", models.IntegerField({}))'
FILL = """

def fill(apps, schema_editor):
    apps.get_model("shop", "Item").objects.create(name="a")


def idle(apps, schema_editor):
    apps.get_model("shop", "Item").objects.update(name="b")


def asks(apps, schema_editor):
    if schema_editor.connection.vendor == "mysql":
        fill(apps, schema_editor)


def using(apps, schema_editor):
    apps.get_model("shop", "Item").objects.using(schema_editor.connection.alias).update(name="c")


def configured(apps, schema_editor):
    from django.conf import settings
    if not settings.USE_TZ:
        fill(apps, schema_editor)


def here(apps, schema_editor):
    print(schema_editor.connection.alias)
"""
REWRITE = """
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.writer import OperationWriter
from remigrate.probe import derived, moving, rewriting

moved = moving.migrate(connection)
assert not moved.failed, moved.failed
maker = rewriting.Rewriting(
    MigrationLoader(None, ignore_no_migrations=True),
    MigrationAutodetector, moved.watch.effects, vendor, [tuple(key) for key in late], several)
keys = [tuple(key) for key in members]
before = [tuple(key) for key in before]

def text(operation):
    lines, _ = OperationWriter(operation, indentation=0).serialize()
    return "".join(line.strip() for line in lines.splitlines())

value = {"first": maker.first_way(keys), "ways": {}}
for way in rewriting.WAYS:
    try:
        found = maker.candidate(way, keys, before)
    except derived.Impossible as error:
        value["ways"][way] = {"impossible": str(error)}
        continue
    value["ways"][way] = {
        "operations": [type(each).__name__ for each in found.operations],
        "texts": [text(each) for each in found.operations],
        "origins": [key[1] for key in found.origins],
        "atomic": found.atomic,
        "elidable": [bool(getattr(each, "elidable", False)) for each in found.operations],
        "left_out": maker.left_out(keys, way),
        "carried": maker.carried(keys, way),
    }
value["after"] = [text(each.operation) for each in maker.old(keys)]
value["elidable"] = [bool(getattr(each.operation, "elidable", 0)) for each in maker.old(keys)]
"""


class Shop:
    """The app's migrations 0001, 0002, …, each with these operations."""

    def __init__(self, django: Interpreter) -> None:
        self._django = django
        self._names: list[str] = []
        self._files: dict[str, str] = {}

    def add(self, *operations: str, above: str = "", more: str = "") -> Shop:
        """One more migration."""
        name = f"{len(self._names) + 1:04}"
        listed = operations[0] if operations[:1] == (FIRST,) else f"[{', '.join(operations)}]"
        self._files[f"_{name}"] = migration(
            *self._names[-1:], operations=listed, above=above, more=more
        )
        self._names.append(name)
        return self

    def rewritten(
        self, start: int = 0, vendor: str = "sqlite", late: str = "", several: bool = False
    ) -> Any:
        """All of the migrations from `start` on, in every way."""
        self._django.migrations(**self._files)
        members = [("shop", name) for name in self._names[start:]]
        before = [("shop", name) for name in self._names[:start]]
        new = [("shop", name) for name in late.split()]
        told = {"before": before, "vendor": vendor, "late": new, "several": several}
        return self._django.run(REWRITE, members=members, **told)


@pytest.fixture
def shop(django: Interpreter) -> Shop:
    return Shop(django)


def run(name: str) -> str:
    return f"migrations.RunPython({name}, migrations.RunPython.noop)"


def test_schema_changes_alone_become_what_the_autodetector_finds(shop: Shop) -> None:
    found = shop.add(FIRST).add(PRICE.format("null=True")).rewritten()
    assert found["first"] == "compact"
    compact = found["ways"]["compact"]
    assert compact["operations"] == ["CreateModel"]
    assert "('price', models.IntegerField(null=True))" in compact["texts"][0]
    assert (compact["origins"], compact["atomic"]) == ([], True)
    assert found["ways"]["faithful"]["operations"] == ["CreateModel"]
    assert found["ways"]["verbatim"]["operations"] == ["CreateModel", "AddField"]
    assert found["ways"]["verbatim"]["origins"] == ["0001", "0002"]


def test_a_segment_in_the_middle_begins_where_the_one_before_it_ended(shop: Shop) -> None:
    shop.add(FIRST).add(PRICE.format("null=True")).add(
        'migrations.AlterField("item", "price", models.IntegerField(default=3))'
    )
    found = shop.rewritten(start=1)
    assert found["ways"]["compact"]["operations"] == ["AddField"]
    assert "default=3" in found["ways"]["compact"]["texts"][0]


def test_a_question_of_django_makes_the_compact_ways_impossible(shop: Shop) -> None:
    found = (
        shop.add(FIRST)
        .add(PRICE.format("default=1"))
        .add('migrations.AlterField("item", "price", models.IntegerField())')
        .rewritten(start=1)
    )
    for way in ("compact", "compact+tail"):
        assert found["ways"][way]["impossible"].startswith("Django has a question: ")
    assert found["ways"]["faithful"]["operations"] == ["AddField"]


def test_what_the_autodetector_does_not_see_cannot_be_derived(shop: Shop) -> None:
    """A table that somebody else made is taken over, with other columns: whatever comes later and
    changes one of these would find none in the project state."""
    unmanaged = f'migrations.CreateModel("Job", [{ID}], options={{"managed": False}})'
    slug = "models.CharField(max_length=9)"
    found = (
        shop.add(FIRST)
        .add(unmanaged)
        .add('migrations.DeleteModel("Job")')
        .add(f'migrations.CreateModel("Job", [{ID}, ("slug", {slug})])')
        .rewritten(start=2)
    )["ways"]
    for way in ("compact", "compact+tail"):
        told = found[way]["impossible"]
        assert told == "Django does not find all that changes in Job"
    assert found["faithful"]["operations"] == ["DeleteModel", "CreateModel"]


def test_operations_that_do_not_fit_a_state_lead_to_none(django: Interpreter) -> None:
    """Projects may have an autodetector of their own."""
    code = """
from django.db.migrations.state import ModelState, ProjectState
from remigrate.probe import derived

state = ProjectState({("shop", "item"): ModelState("shop", "Item", [("id", models.AutoField())])})
try:
    derived.demand_state([migrations.RemoveField("item", "gone")], state, state, "shop")
except derived.Impossible as error:
    value = str(error)
"""
    told = django.run(code)
    assert told == "what Django finds does not fit its own state: KeyError('gone')"


def test_a_model_that_was_renamed_and_keeps_its_table_makes_the_compact_ways_impossible(
    shop: Shop,
) -> None:
    """With other fields, it is not even asked about: Django would make the one before it deletes
    the other."""
    found = (
        shop.add(FIRST)
        .add('migrations.AlterModelTable("Item", "stuff")')
        .add(
            'migrations.RenameModel("Item", "Thing")',
            PRICE.format("default=1").replace("item", "thing"),
        )
        .rewritten(start=2)
    )
    for way in ("compact", "compact+tail"):
        why = "models were renamed, and keep their tables: stuff"
        assert found["ways"][way]["impossible"] == why
    assert found["ways"]["early"]["operations"] == ["RenameModel", "AddField"]


def test_what_changes_models_of_other_apps_cannot_be_derived(
    shop: Shop, django: Interpreter
) -> None:
    move = (
        "class Other(migrations.CreateModel):\n"
        "    def state_forwards(self, app_label, state):\n"
        '        super().state_forwards("blog", state)\n'
        "    def database_forwards(self, *args):\n        pass\n"
    )
    django.migrations("blog", _0001=migration(app="blog"))
    found = shop.add(FIRST).add(f'Other("Post", [{ID}])', above=move).rewritten()
    # The other app's models are taken as they are afterwards: nobody would make this one.
    assert found["ways"]["compact"]["operations"] == ["CreateModel"]
    assert found["ways"]["verbatim"]["operations"] == ["CreateModel", "Other"]


# Hand-written operations


OWN = """\
from django.db.migrations.operations.base import Operation


class Own(Operation):
    def __init__(self, name=""):
        self.name = name

    def state_forwards(self, app_label, state):
        \"\"\"Nothing.\"\"\"

    def database_forwards(self, app_label, schema_editor, *states):
        if self.name:
            schema_editor.execute("INSERT INTO shop_item (name) VALUES ('a')")


class Taught(Own):
    def state_forwards(self, app_label, state):
        state.models[app_label, "item"].options["verbose_name"] = "thing"
"""


@pytest.mark.parametrize(
    ("operation", "matters"),
    [
        (run("fill"), True),
        (run("idle"), False),
        (run("asks"), True),
        (run("using"), False),
        (run("configured"), True),
        (run("here"), False),
        (run("migrations.RunPython.noop"), False),
        ("migrations.RunSQL('SELECT 1')", True),
        ("migrations.RunSQL('')", False),
        ("migrations.RunSQL([])", False),
        ("migrations.RunSQL(migrations.RunSQL.noop)", False),
        ("Own()", False),
        ("Own('x')", True),
    ],
)
def test_what_does_something_is_carried_and_nothing_else(
    shop: Shop, operation: str, matters: bool
) -> None:
    found = shop.add(FIRST).add(operation, above=f"{FILL}\n\n{OWN}").rewritten()
    kind = operation.partition("(")[0].rpartition(".")[2]
    assert found["first"] == ("compact+tail" if matters else "compact")
    for way in ("compact+tail", "faithful"):
        one = found["ways"][way]
        assert (kind in one["operations"]) is matters
        assert len(one["carried"]) == matters
        assert len(one["left_out"]) == (not matters)
    assert found["ways"]["compact"]["operations"] == ["CreateModel"]
    assert len(found["ways"]["compact"]["left_out"]) == 1
    assert found["ways"]["compact"]["carried"] == []
    assert kind in found["ways"]["verbatim"]["operations"]
    assert found["ways"]["verbatim"]["left_out"] == []


@pytest.mark.parametrize("operation", [run("idle"), "Own()"])
def test_what_has_not_landed_may_find_rows_elsewhere(shop: Shop, operation: str) -> None:
    shop.add(FIRST).add(operation, above=f"{FILL}\n\n{OWN}")
    assert shop.rewritten()["first"] == "compact"
    assert shop.rewritten(late="0001")["first"] == "compact"
    found = shop.rewritten(late="0002")
    assert found["first"] == "compact+tail"
    assert len(found["ways"]["compact+tail"]["carried"]) == 1


def test_what_does_nothing_in_one_database_may_do_something_in_another(shop: Shop) -> None:
    shop.add(FIRST).add(run("idle"), above=FILL)
    found = shop.rewritten(several=True)
    assert found["first"] == "compact+tail"
    assert "impossible" not in found["ways"]["compact"], "it asks for rows of its own app alone"


@pytest.mark.parametrize("more", [{"late": "0002"}, {"several": True}])
def test_what_never_does_anything_is_left_out_all_the_same(
    shop: Shop, more: dict[str, Any]
) -> None:
    shop.add(FIRST).add(run("migrations.RunPython.noop"), "migrations.RunSQL('')")
    assert shop.rewritten(**more)["first"] == "compact"


@pytest.mark.parametrize("name", ["", "x"])
def test_a_custom_operation_that_changes_the_state_in_its_own_way_is_derived(
    shop: Shop, name: str
) -> None:
    found = shop.add(FIRST).add(f"Taught({name!r})", above=OWN).rewritten()
    assert found["first"] == "compact"
    assert found["ways"]["compact"]["left_out"] == []
    assert found["ways"]["compact"]["operations"] == ["CreateModel"]
    assert "'verbose_name': 'thing'" in found["ways"]["compact"]["texts"][0]
    assert "Taught" in found["ways"]["faithful"]["operations"]


OTHERS = """

def borrows(apps, schema_editor):
    Item = apps.get_model("shop", "Item")
    for post in apps.get_model("blog", "Post").objects.all():
        Item.objects.create(name=post.name)


def says(apps, schema_editor):
    apps.get_model("shop", "Item").objects.update(name="blog")


def types(apps, schema_editor):
    apps.get_model("contenttypes", "ContentType").objects.filter(app_label="shop").delete()
"""


@pytest.mark.parametrize(
    ("name", "matters"), [("borrows", True), ("says", False), ("types", False)]
)
def test_code_that_asks_for_rows_of_other_apps_is_not_left_out(
    django: Interpreter, shop: Shop, name: str, matters: bool
) -> None:
    """On an empty database there are none. Where the other app has rows and this one is new, there
    are, and Django runs the squash on both."""
    post = f'[migrations.CreateModel("Post", [{ID}])]'
    django.migrations("blog", _0001=migration(operations=post, app="blog"))
    found = shop.add(FIRST).add(run(name), above=OTHERS).rewritten()
    assert found["first"] == ("compact+tail" if matters else "compact")
    assert len(found["ways"]["compact+tail"]["carried"]) == matters
    told = "it asks for rows of other apps: 0002: RunPython(borrows)"
    assert found["ways"]["compact"].get("impossible", "") == (told if matters else "")


def test_code_that_nobody_can_read_matters(shop: Shop) -> None:
    above = "exec('def made(apps, schema_editor): pass')\n"
    found = shop.add(FIRST).add(run("made"), above=above).rewritten()
    assert found["first"] == "compact+tail"


def test_operations_are_named_as_people_find_them(shop: Shop) -> None:
    sql = "SELECT\\n   1 /* " + "x" * 60 + " */"
    found = shop.add(
        FIRST,
    ).add(run("idle"), f"migrations.RunSQL('{sql}')", "migrations.RunSQL(['SELECT 1'])", above=FILL)
    assert found.rewritten()["ways"]["compact"]["left_out"] == [
        "0002: RunPython(idle)",
        f"0002: RunSQL({('SELECT 1 /* ' + 'x' * 60)[:60]}…)",
        "0002: RunSQL(…)",
    ]


def test_the_tail_keeps_the_old_order(shop: Shop) -> None:
    shop.add(FIRST).add(run("fill"), above=FILL).add("migrations.RunSQL('SELECT 1')")
    found = shop.add(run("fill"), above=FILL).rewritten()
    assert found["ways"]["compact+tail"]["operations"] == [
        *("CreateModel", "RunPython", "RunSQL", "RunPython"),
    ]
    assert found["ways"]["faithful"]["origins"] == ["0001", "0002", "0003", "0004"]


def test_faithful_does_not_move_schema_changes_over_what_is_hand_written(shop: Shop) -> None:
    shop.add(FIRST).add(run("fill"), above=FILL).add(PRICE.format("null=True"))
    found = shop.rewritten()["ways"]
    assert found["faithful"]["operations"] == ["CreateModel", "RunPython", "AddField"]
    assert found["compact+tail"]["operations"] == ["CreateModel", "RunPython"]


def test_what_is_called_elidable_is_kept_when_it_matters(shop: Shop) -> None:
    elidable = "migrations.RunPython(fill, elidable=True)"
    found = shop.add(FIRST).add(elidable, above=FILL).rewritten()
    for way in ("compact+tail", "early", "faithful", "verbatim"):
        assert found["ways"][way]["operations"] == ["CreateModel", "RunPython"]
        assert found["ways"][way]["elidable"] == [False, True]


@pytest.mark.parametrize("name", ["stop_if_lagging", "stop_if_not_made_anew", "mark_as_made_anew"])
def test_a_guard_of_an_earlier_reset_is_never_carried(shop: Shop, name: str) -> None:
    guard = f"def {name}(apps, schema_editor):\n    schema_editor.connection\n"
    found = (
        shop.add(FIRST).add(f"migrations.RunPython({name}, elidable=True)", above=guard).rewritten()
    )
    assert found["first"] == "compact"
    for way in ("compact", "compact+tail", "early", "faithful", "verbatim"):
        assert found["ways"][way]["operations"] == ["CreateModel"]
        assert found["ways"][way]["left_out"] == []
        assert found["ways"][way]["carried"] == []


DOMAIN = "migrations.RunSQL({!r})".format
OF_IT = 'migrations.{}("item", "path", Typed())'.format
MADE_TYPES = """
from remigrate.probe import own_types

class Typed(models.TextField):
    def db_type(self, connection):
        return "rel_path[]"

value = own_types.maker(eval(operations), connection)
"""


@pytest.mark.parametrize(
    ("operations", "at"),
    [
        ([DOMAIN("CREATE DOMAIN rel_path AS text"), OF_IT("AddField")], 0),
        ([FIRST[1:-1], DOMAIN('create  type shop."REL_path" AS ()'), OF_IT("AlterField")], 1),
        ([DOMAIN(["SELECT 1", ("CREATE DOMAIN rel_path AS x", [])]), OF_IT("AddField")], 0),
        (
            [
                f"migrations.SeparateDatabaseAndState([{DOMAIN('CREATE TYPE rel_path AS ()')}])",
                f'migrations.CreateModel("Other", [{ID}, ("path", Typed())])',
            ],
            0,
        ),
        ([OF_IT("AddField"), DOMAIN("CREATE DOMAIN rel_path AS text")], None),
        ([DOMAIN("CREATE DOMAIN another AS text"), OF_IT("AddField")], None),
        ([DOMAIN("CREATE EXTENSION IF NOT EXISTS unaccent"), OF_IT("AddField")], None),
        ([DOMAIN("CREATE TABLE rel_path ()"), OF_IT("AddField")], None),
    ],
)
def test_sql_that_makes_the_type_of_a_later_column_is_known(
    django: Interpreter, operations: list[str], at: int | None
) -> None:
    listed = ", ".join(each.strip().rstrip(",") for each in operations)
    assert django.run(MADE_TYPES, operations=f"[{listed}]") == at


# What is unique together for a while


PAIR = (
    f'migrations.CreateModel("Pair", [{ID}, ("a", models.IntegerField()), '
    '("b", models.IntegerField())], {"unique_together": [["a", "b"]]})'
)
ALONE = 'migrations.AlterUniqueTogether("pair", set())'
MADE = ["CreateModel", "AlterUniqueTogether"]


@pytest.mark.parametrize(
    ("later", "made"),
    [
        ([ALONE], MADE),
        (['migrations.AlterUniqueTogether("pair", {("b", "a")})'], MADE),
        (['migrations.AlterUniqueTogether("pair", {("a", "b"), ("b", "a")})'], MADE[:1]),
        (['migrations.RenameModel("Pair", "Two")', ALONE.replace("pair", "two")], MADE),
        (
            [
                'migrations.RenameField("pair", "b", "c")',
                'migrations.AlterUniqueTogether("pair", {("a", "c")})',
            ],
            MADE[:1],
        ),
        ([f"migrations.SeparateDatabaseAndState([{ALONE}], [{ALONE}])"], MADE),
        (['migrations.DeleteModel("Pair")', PAIR, ALONE], MADE[:1]),
    ],
    ids=["gone", "another", "one more", "renamed", "field renamed", "separate", "made anew"],
)
def test_what_is_taken_away_again_is_made_at_once(
    shop: Shop, later: list[str], made: list[str]
) -> None:
    """Django would make it when the migration ends, and not find it before."""
    shop.add(FIRST).add(PAIR).add(run("fill"), above=FILL)
    for each in later:
        shop.add(each)
    found = shop.rewritten(start=1)["ways"]["verbatim"]
    at = found["operations"].index("RunPython")
    assert found["operations"][:at] == made
    assert found["origins"][: at + 1] == ["0002"] * at + ["0003"]
    assert ("unique_together" in found["texts"][0]) is (made == MADE[:1])
    assert made == MADE[:1] or "unique_together={('a', 'b')}" in found["texts"][1]


def test_an_index_together_that_is_renamed_is_made_at_once(shop: Shop, django: Interpreter) -> None:
    if not django.run("value = (4, 1) <= django.VERSION < (5, 1)"):
        pytest.skip("this Django has no such option, or does not rename indexes")
    rename = 'migrations.RenameIndex("pair", new_name="ab", old_fields=("a", "b"))'
    pair = PAIR.replace("unique", "index").replace('[["a", "b"]]', '{("a", "b")}')
    shop.add(FIRST).add(pair).add(run("fill"), above=FILL).add(rename)
    found = shop.rewritten(start=1)["ways"]
    made = ["CreateModel", "AlterIndexTogether", "RunPython", "RenameIndex"]
    for way in ("faithful", "verbatim"):
        assert found[way]["operations"] == made


# Which way to begin with


@pytest.mark.parametrize(
    ("later", "first"),
    [
        (PRICE.format("null=True"), "compact+tail"),
        (PRICE.format("default=1"), "compact+tail"),
        (PRICE.format("default=1") .replace("))", "), preserve_default=False)"), "between"),
        ('migrations.RenameField("item", "name", "title")', "between"),
        ('migrations.RenameModel("Item", "Thing")', "between"),
        ('migrations.RemoveField("item", "name")', "between"),
        ('migrations.DeleteModel("Item")', "between"),
        ('migrations.AddField("item", "to", models.ManyToManyField("shop.Item"))', "compact+tail"),
        (f'migrations.CreateModel("New", [{ID}]), migrations.AddField("new", "a", '
         "models.IntegerField(default=1), preserve_default=False)", "compact+tail"),
        (f'migrations.CreateModel("New", [{ID}, ("a", models.IntegerField())]), '
         'migrations.RemoveField("new", "a")', "compact+tail"),
        (f'migrations.CreateModel("New", [{ID}]), migrations.DeleteModel("New")', "compact+tail"),
    ],
)  # fmt: skip
def test_rows_that_would_not_fit_the_last_state_are_written_where_they_were(
    shop: Shop, later: str, first: str
) -> None:
    found = shop.add(FIRST).add(run("fill"), above=FILL).add(later).rewritten()
    assert found["first"] == first


def test_what_changed_before_the_rows_were_written_does_not_matter(shop: Shop) -> None:
    shop.add(FIRST).add('migrations.RenameField("item", "name", "title")')
    fill = FILL.replace('name="a"', 'title="a"')
    assert shop.add(run("fill"), above=fill).rewritten()["first"] == "compact+tail"


# SeparateDatabaseAndState


SEPARATE = "migrations.SeparateDatabaseAndState({}, {})"
ADD = f"[{PRICE.format('null=True')}]"


def test_of_both_sides_only_the_hand_written_part_follows_in_the_tail(shop: Shop) -> None:
    database = f"[migrations.RunSQL('SELECT 1'), {PRICE.format('null=True')}]"
    found = shop.add(FIRST).add(SEPARATE.format(database, ADD)).rewritten()
    assert found["ways"]["compact+tail"]["operations"] == ["CreateModel", "RunSQL"]
    assert found["ways"]["faithful"]["operations"] == ["CreateModel", "SeparateDatabaseAndState"]


@pytest.mark.parametrize(
    ("database", "state", "first"),
    [
        (ADD, "[]", "early"),
        ("[]", ADD, "early"),
        (ADD, ADD, "compact"),
        ("[migrations.RunSQL('SELECT 1')]", f'[migrations.CreateModel("New", [{ID}])]', "early"),
        (f'[migrations.CreateModel("New", [{ID}])]', f'[migrations.CreateModel("new", [{ID}])]',
         "compact"),
    ],
)  # fmt: skip
def test_where_only_one_side_changes_the_operations_stay_as_they_are(
    shop: Shop, database: str, state: str, first: str
) -> None:
    found = shop.add(FIRST).add(SEPARATE.format(database, state)).rewritten()
    assert found["first"] == first


def test_nested_parts_are_found(shop: Shop) -> None:
    inner = SEPARATE.format("[migrations.RunSQL('SELECT 1')]", "[]")
    found = shop.add(FIRST).add(SEPARATE.format(f"[{inner}, {ADD[1:-1]}]", ADD)).rewritten()
    assert found["ways"]["compact+tail"]["operations"] == ["CreateModel", "RunSQL"]


def test_sql_that_changes_the_state_too_follows_without_that(shop: Shop) -> None:
    sql = (
        "migrations.RunSQL('ALTER TABLE shop_item ADD price integer NULL', 'SELECT 2', "
        f"state_operations={ADD}, hints={{'a': 1}}, elidable=True)"
    )
    found = shop.add(FIRST).add(sql).rewritten()
    tail = found["ways"]["compact+tail"]
    assert tail["operations"] == ["CreateModel", "RunSQL"]
    assert "state_operations" not in tail["texts"][1]
    for kept in ("ALTER TABLE", "SELECT 2", "'a': 1"):
        assert kept in tail["texts"][1]
    assert tail["elidable"][1]
    assert "state_operations" in found["ways"]["faithful"]["texts"][1]


def test_a_custom_operation_that_changes_the_state_is_found_by_the_autodetector(
    shop: Shop,
) -> None:
    above = "\n\nclass AddNull(migrations.AddField):\n    pass\n"
    found = (
        shop.add(FIRST)
        .add('AddNull("item", "price", models.IntegerField(null=True))', above=above)
        .rewritten()
    )
    assert found["first"] == "compact"
    assert found["ways"]["compact+tail"]["operations"] == ["CreateModel"]
    assert found["ways"]["compact"]["left_out"] == []


# What the optimizer forgets


def test_trap_12_a_default_for_existing_rows_does_not_stay(shop: Shop) -> None:
    passing = PRICE.format("default=1").replace("))", "), preserve_default=False)")
    found = shop.add(FIRST).add(passing).rewritten()["ways"]["faithful"]
    assert found["operations"] == ["CreateModel"]
    assert "('price', models.IntegerField())" in found["texts"][0]
    assert found["origins"] == ["0002"]


def test_trap_12_nor_where_the_field_is_altered(shop: Shop) -> None:
    alter = (
        'migrations.AlterField("item", "price", models.BigIntegerField(default=1), '
        "preserve_default=False)"
    )
    found = shop.add(FIRST).add(PRICE.format("null=True"), alter)
    faithful = found.rewritten(start=1)["ways"]["faithful"]
    assert faithful["operations"] == ["AddField"]
    assert "preserve_default=False" in faithful["texts"][0]
    assert "BigIntegerField(default=1)" in faithful["texts"][0]


def test_a_default_that_is_meant_to_stay_stays(shop: Shop) -> None:
    found = shop.add(FIRST).add(PRICE.format("default=1")).rewritten()["ways"]["faithful"]
    assert "('price', models.IntegerField(default=1))" in found["texts"][0]


def test_the_rest_of_a_model_is_kept_when_a_default_goes(shop: Shop) -> None:
    create = (
        f'migrations.CreateModel("Note", [{ID}], {{"ordering": ["id"]}}, '
        'managers=[("all", models.Manager())])'
    )
    add = 'migrations.AddField("note", "a", models.IntegerField(default=1), preserve_default=False)'
    (text,) = shop.add(create).add(add).rewritten()["ways"]["faithful"]["texts"]
    assert "'ordering': ['id']" in text
    assert "('all', " in text
    assert "('a', models.IntegerField())" in text


def test_the_old_operations_are_not_changed(shop: Shop) -> None:
    passing = PRICE.format("default=1").replace("))", "), preserve_default=False)")
    fill = FILL.replace('name="a"', 'name="a", price=1')
    shop.add(FIRST).add(passing).add("migrations.RunPython(fill, elidable=True)", above=fill)
    found = shop.rewritten()
    assert "preserve_default=False" in found["after"][1]
    assert "default=1" in found["after"][1]
    assert found["elidable"] == [False, False, True]


# States that Django's own operations leave behind


def test_an_index_that_a_state_has_twice_is_made_once(shop: Shop, django: Interpreter) -> None:
    if not django.run("value = django.VERSION >= (4, 1)"):
        pytest.skip("this Django does not rename indexes")
    shop.add(FIRST).add('migrations.AddIndex("item", models.Index(fields=["name"], name="a"))').add(
        'migrations.RenameIndex("item", new_name="b", old_name="a")'
    )
    (text,) = shop.rewritten()["ways"]["compact"]["texts"]
    assert text.count("models.Index(") == 1
    assert "name='b'" in text
    code = """
from django.db.migrations.state import ModelState, ProjectState
from remigrate.probe import derived
state = ProjectState()
index = models.Index(fields=["id"], name="a")
options = {"indexes": [index, index.clone()], "unique_together": [["id", "id"]]}
state.add_model(ModelState("shop", "Item", [("id", models.AutoField(primary_key=True))], options))
found = derived.normalised(state).models["shop", "item"].options
value = [len(found["indexes"]), found["unique_together"] == {("id", "id")},
         len(state.models["shop", "item"].options["indexes"])]
"""
    assert django.run(code) == [1, True, 2]


def test_fields_together_in_lists_do_not_trouble_the_autodetector(shop: Shop) -> None:
    """Trap 26."""
    together = (
        f'migrations.CreateModel("Pair", [{ID}, ("a", models.IntegerField()), '
        '("b", models.IntegerField())], {"unique_together": [["a", "b"]]})'
    )
    found = shop.add(together).add(
        'migrations.AddField("pair", "c", models.IntegerField(null=True))'
    )
    assert found.rewritten()["ways"]["compact"]["operations"] == ["CreateModel"]
    assert found.rewritten(start=1)["ways"]["compact"]["operations"] == ["AddField"]


# Transactions


def test_a_way_is_in_one_transaction_when_all_of_its_migrations_were(shop: Shop) -> None:
    shop.add(FIRST).add(PRICE.format("null=True"), more="    atomic = False\n")
    found = shop.add(run("fill"), above=FILL).rewritten()["ways"]
    assert [
        found[way]["atomic"] for way in ("compact", "compact+tail", "faithful", "verbatim")
    ] == [
        *(True, True, False, False),
    ]


def test_the_tail_has_no_transaction_when_what_it_carries_had_none(shop: Shop) -> None:
    shop.add(FIRST).add(run("fill"), above=FILL, more="    atomic = False\n")
    assert shop.rewritten()["ways"]["compact+tail"]["atomic"] is False


def test_transactions_apart_are_for_postgresql_and_rows(shop: Shop) -> None:
    shop.add(FIRST).add(PRICE.format("null=True"))
    assert "only PostgreSQL" in shop.rewritten()["ways"]["apart"]["impossible"]
    assert shop.rewritten(vendor="postgresql")["ways"]["apart"]["impossible"] == (
        "no operation writes rows"
    )


def test_transactions_apart_are_those_of_faithful(shop: Shop, django: Interpreter) -> None:
    found = shop.add(FIRST).add(run("fill"), above=FILL).rewritten(vendor="postgresql")["ways"]
    assert found["apart"]["operations"] == found["faithful"]["operations"]
    assert (found["apart"]["atomic"], found["faithful"]["atomic"]) == (False, True)


# Extensions


def test_extensions_come_first(shop: Shop, django: Interpreter) -> None:
    code = """
from remigrate.probe import kinds
from django.contrib.postgres import operations as postgres
class Own(postgres.CreateExtension):
    def __init__(self):
        super().__init__("x")
value = [kinds.is_extension(each) for each in (
    postgres.CreateExtension("a"), postgres.HStoreExtension(), Own(),
    postgres.AddIndexConcurrently("item", models.Index(fields=["id"], name="a")),
    migrations.RunSQL("CREATE EXTENSION x"))]
"""
    driver = "import importlib.util as u; value = any(map(u.find_spec, ('psycopg2', 'psycopg')))"
    if not django.run(driver):
        pytest.skip("the operations for PostgreSQL need its driver")
    assert django.run(code) == [True, True, True, False, False]
    django.migrations()
    extension = "\n\nfrom django.contrib.postgres.operations import HStoreExtension\n"
    found = shop.add(FIRST).add("HStoreExtension()", above=extension).rewritten()
    assert found["ways"]["compact"]["operations"] == ["HStoreExtension", "CreateModel"]
