"""Rows planted on real engines, through the Django of REMIGRATE_PROBE_PYTHON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from remigrate import servers

PYTHON = os.environ.get("REMIGRATE_PROBE_PYTHON") or sys.executable
_SOURCE = Path(__file__).resolve().parents[2] / "src"
PRELUDE = """
import json, sys
try:
    import pymysql
    pymysql.version_info = (2, 2, 8, "final", 0)
    pymysql.install_as_MySQLdb()
except ImportError:
    pass
request = json.loads(sys.stdin.read())

sys.path.insert(0, request["source"])
sys.dont_write_bytecode = True
from remigrate.probe import planting, scratch
import django
from django.conf import settings
settings.configure(
    DATABASES={"default": request["config"]},
    INSTALLED_APPS=["django.contrib.contenttypes"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
)
django.setup()
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState
from django.db.models import F, Q

NEW = django.VERSION >= (5, 1)

def check(condition, name):
    return models.CheckConstraint(**{"condition" if NEW else "check": condition, "name": name})

def key(to, **more):
    return models.ForeignKey(to, models.CASCADE, **{"related_name": "+", **more})

def built(*models_, then=()):
    '''The state of some migrations; its tables are in an empty database.'''
    scratch.create(request["config"])
    scratch.use("default", request["config"])
    before = ProjectState()
    operations = []
    for name, fields, *more in models_:
        fields = {**fields}
        if not any(getattr(field, "primary_key", False) for field in fields.values()):
            if not (more and more[0].get("proxy")) and "base" not in (more[0] if more else {}):
                fields = {"id": models.AutoField(primary_key=True), **fields}
        options = dict(more[0]) if more else {}
        bases = options.pop("base", (models.Model,))
        operations.append(migrations.CreateModel(name, list(fields.items()), options, bases))
    for number, operation in enumerate([*operations, *then]):
        after = before.clone()
        operation.state_forwards("zoo", after)
        with connection.schema_editor() as editor:
            operation.database_forwards("zoo", editor, before, after)
        before = after
    return before

def run(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [list(map(str, row)) for row in cursor.fetchall()] if cursor.description else None

def rows(table, columns="*"):
    return run("SELECT %s FROM %s ORDER BY 1" % (columns, table))

def answer(value):
    connection.close()
    scratch.drop(request["config"])
    sys.stdout.write(json.dumps(value, default=str))
"""

ZOO = """
class Odd(models.Field):
    '''A project's own field that takes nothing but its own pairs.'''
    def db_type(self, connection):
        return "varchar(9)"
    def to_python(self, value):
        return value if isinstance(value, frozenset) else frozenset([str(value)])
    def get_prep_value(self, value):
        if value is not None and not isinstance(value, frozenset):
            raise TypeError("not a frozenset")
        return value and ",".join(value)[-9:]

class Shout(models.CharField):
    def get_internal_type(self):
        return "CharField"
    def get_prep_value(self, value):
        return value.upper()

plain = {
    "short": models.CharField(max_length=1), "name": models.CharField(max_length=20, unique=True),
    "text": models.TextField(blank=True), "slug": models.SlugField(max_length=5),
    "mail": models.EmailField(max_length=30), "url": models.URLField(),
    "upload": models.FileField(upload_to="x"), "path": models.FilePathField(path="/srv"),
    "small": models.SmallIntegerField(), "big": models.BigIntegerField(),
    "count": models.PositiveIntegerField(), "few": models.PositiveSmallIntegerField(unique=True),
    "many": models.PositiveBigIntegerField(), "yes": models.BooleanField(),
    "maybe": models.BooleanField(null=True), "ratio": models.FloatField(),
    "price": models.DecimalField(max_digits=6, decimal_places=2),
    "part": models.DecimalField(max_digits=2, decimal_places=2),
    "whole": models.DecimalField(max_digits=3, decimal_places=0, unique=True),
    "day": models.DateField(), "moment": models.DateTimeField(auto_now_add=True),
    "hour": models.TimeField(), "long": models.DurationField(), "uid": models.UUIDField(),
    "data": models.JSONField(), "raw": models.BinaryField(max_length=16),
    "ip": models.GenericIPAddressField(), "ip6": models.GenericIPAddressField(protocol="ipv6"),
    "colour": models.CharField(max_length=1, choices=[("", "-"), ("r", "Red"), ("b", "Blue")]),
    "level": models.IntegerField(choices=[("Low", [(1, "one")]), ("High", [(9, "nine")])]),
    "odd": Odd(), "shout": Shout(max_length=8),
}
zoo = [
    ("Plain", plain),
    ("Nulls", {
        name: models.CharField(max_length=3, null=True) for name in ("a", "b", "c", "d", "e")
    }),
    ("OwnKey", {"code": models.CharField(max_length=4, primary_key=True)}),
    ("UuidKey", {"id": models.UUIDField(primary_key=True)}),
    ("Author", {"name": models.CharField(max_length=9), "isbn": models.IntegerField(unique=True)}),
    ("Book", {
        "author": key("zoo.Author"), "by": key("zoo.Author", to_field="isbn", null=True),
        "code": key("zoo.OwnKey"), "uid": key("zoo.UuidKey"),
        "editors": models.ManyToManyField("zoo.Author", related_name="+"),
        "like": models.ManyToManyField("self"),
    }, {"unique_together": {("author", "code")}}),
    ("Page", {"author": models.OneToOneField("zoo.Author", models.CASCADE),
              "cover": models.OneToOneField("zoo.UuidKey", models.CASCADE, primary_key=True)}),
    ("Child", {
        "author_ptr": models.OneToOneField(
            "zoo.Author", models.CASCADE, parent_link=True, primary_key=True, auto_created=True),
        "extra": models.IntegerField(),
    }, {"base": ("zoo.Author",)}),
    ("Proxy", {}, {"proxy": True, "base": ("zoo.Author",)}),
    ("OfProxy", {"author": key("zoo.Proxy"), "child": key("zoo.Child")}),
    ("Unmanaged", {"name": models.TextField()}, {"managed": False}),
    ("Tree", {"parent": key("self", null=True), "name": models.CharField(max_length=9)}),
    ("Ring", {"next": key("self"), "name": models.CharField(max_length=9)}),
    ("Hen", {"name": models.CharField(max_length=9)}),
    ("Egg", {"hen": key("zoo.Hen")}),
    ("Loose", {"far": key("zoo.Unmanaged", db_constraint=False)}),
    ("Ruled", {
        "low": models.IntegerField(), "high": models.IntegerField(),
        "kind": models.CharField(max_length=5), "a": key("zoo.Author", null=True),
        "b": key("zoo.OwnKey", null=True), "rate": models.DecimalField(max_digits=4,
        decimal_places=2), "start": models.DateField(), "end": models.DateField(null=True),
    }, {"constraints": [
        check(Q(low__lt=F("high")) & Q(low__gte=-5, low__lte=5), "c_low"),
        check(Q(kind__in=["x", "yy"]), "c_kind"),
        check(Q(a__isnull=True, b__isnull=False) | Q(a__isnull=False, b__isnull=True), "c_one"),
        check(Q(rate__range=(0, 1)), "c_rate"),
        check(Q(end__isnull=False, end__gt=F("start")), "c_end"),
        check(~Q(kind="zz"), "c_not"),
    ]}),
    ("Unique", {
        "yes": models.BooleanField(), "group": models.CharField(max_length=1, choices=[
        ("a", "a"), ("b", "b")]), "author": key("zoo.Author"),
    }, {"constraints": [
        models.UniqueConstraint(fields=["yes", "group"], name="u_pair"),
        models.UniqueConstraint(fields=["author"], condition=Q(yes=True), name="u_yes"),
    ]}),
]
then = [migrations.AddField("Hen", "egg", key("zoo.Egg", null=True))]
if django.VERSION >= (5, 0) and connection.vendor != "mysql":
    zoo.append(("Modern", {
        "n": models.IntegerField(db_default=7), "twice": models.GeneratedField(
        expression=F("n") * 2, output_field=models.IntegerField(), db_persist=True),
    }))
if django.VERSION >= (5, 2):
    zoo.append(("Composite", {
        "pk": models.CompositePrimaryKey("author_id", "n"), "author": key("zoo.Author"),
        "n": models.IntegerField(),
    }))
if connection.vendor == "postgresql":
    from django.contrib.postgres import fields as pg
    from django.contrib.postgres.constraints import ExclusionConstraint
    from django.contrib.postgres.operations import HStoreExtension
    from django.contrib.postgres.search import SearchVectorField
    then.append(HStoreExtension())
    then.append(migrations.CreateModel("Pg", [
        ("id", models.BigAutoField(primary_key=True)),
        ("words", pg.ArrayField(models.CharField(max_length=3))),
        ("grid", pg.ArrayField(pg.ArrayField(models.IntegerField(), size=2), size=1)),
        ("pairs", pg.HStoreField()), ("search", SearchVectorField()),
        ("ints", pg.IntegerRangeField()), ("bigs", pg.BigIntegerRangeField()),
        ("nums", pg.DecimalRangeField()), ("days", pg.DateRangeField()),
        ("during", pg.DateTimeRangeField()),
    ], {"constraints": [ExclusionConstraint(
        name="x_during", expressions=[("during", pg.RangeOperators.OVERLAPS)])]}))
state = built(*zoo, then=then)
"""

RINGS = """
state = built(
    ("A", {"name": models.CharField(max_length=9)}),
    ("B", {"a": key("zoo.A")}),
    ("C", {"b": key("zoo.B")}),
    ("D", {"c": key("zoo.C")}),
    then=[migrations.AddField("A", "c", key("zoo.C", default=1))],
)
"""


def run(config: servers.Config, body: str) -> Any:
    """What `body` answers, in a project with an empty scratch database."""
    request = {"source": str(_SOURCE), "config": config}
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-W", "error::RuntimeWarning", "-c", PRELUDE + body],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def sqlite(tmp_path: Path) -> servers.Config:
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "remigrate_planting")}


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database(request: pytest.FixtureRequest) -> servers.Config:
    found: servers.Config = request.getfixturevalue(request.param)
    return found if request.param == "sqlite" else servers.beside(found, "planting")


# Every table


def test_every_table_of_the_zoo_gets_two_different_rows(database: servers.Config) -> None:
    said = run(
        database,
        ZOO
        + """
done = planting.plant(connection, state.apps)
connection.check_constraints()
tables = {model._meta.db_table: model for model in state.apps.get_models(include_auto_created=True)
          if model._meta.managed and not model._meta.proxy}
answer({
    "left": done["left"], "planted": done["planted"], "tables": sorted(tables),
    "counts": {name: int(run("SELECT COUNT(*) FROM %s" % name)[0][0]) for name in tables},
    "different": {name: len({tuple(row) for row in rows(name)}) for name in tables},
})
""",
    )
    assert said["left"] == {}
    assert said["planted"] == dict.fromkeys(said["tables"], 2)
    assert said["counts"] == said["planted"]
    assert said["different"] == said["planted"]
    assert len(said["tables"]) >= 18


def test_foreign_keys_in_a_circle_that_may_be_null_are_filled_afterwards(
    database: servers.Config,
) -> None:
    said = run(
        database,
        ZOO
        + """
planting.plant(connection, state.apps)
answer(run("SELECT COUNT(*) FROM zoo_hen h JOIN zoo_egg e ON h.egg_id = e.id"))
""",
    )
    assert said == [["1"]]


def test_tables_that_need_each_other_are_planted_where_the_vendor_waits_for_the_end(
    database: servers.Config,
) -> None:
    said = run(
        database,
        RINGS
        + """
done = planting.plant(connection, state.apps)
connection.check_constraints()
answer([connection.vendor, done])
""",
    )
    vendor, done = said
    names = ["zoo_a", "zoo_b", "zoo_c"]
    if vendor != "mysql":
        assert done == {"planted": dict.fromkeys([*names, "zoo_d"], 2), "left": {}}
        return
    assert done["planted"] == {}
    assert all("foreign keys in a circle" in done["left"][name] for name in names)
    assert done["left"]["zoo_d"] == "c: no row of zoo_c to point to"


# Rows


def test_the_same_seed_gives_the_same_rows(sqlite: servers.Config) -> None:
    body = """
planting.plant(connection, state.apps, seed=%d)
answer({name: rows(name) for name in connection.introspection.table_names()
        if name.startswith("zoo_")})
"""
    first, again, other = [run(sqlite, ZOO + body % seed) for seed in (1, 1, 2)]
    assert first["zoo_plain"][0][2] != first["zoo_plain"][1][2]
    assert first == again
    assert first["zoo_plain"] != other["zoo_plain"]


def test_some_nulls_are_planted_but_no_column_is_null_everywhere(sqlite: servers.Config) -> None:
    said = run(
        sqlite,
        ZOO + "planting.plant(connection, state.apps)\nanswer(rows('zoo_nulls', 'a, b, c, d, e'))",
    )
    cells = [cell for row in said for cell in row]
    assert 0 < cells.count("None") <= 5
    first, second = said
    assert not any(cell == second[place] == "None" for place, cell in enumerate(first))


def test_rows_that_are_there_stay_and_serve_as_parents(database: servers.Config) -> None:
    said = run(
        database,
        """
state = built(
    ("Kind", {"name": models.CharField(max_length=5, unique=True)}, {"managed": True}),
    ("Thing", {"kind": models.OneToOneField("zoo.Kind", models.CASCADE)}),
    ("Outside", {"n": models.IntegerField()}),
    ("Of", {"outside": key("zoo.Outside")}),
    then=[migrations.AlterModelOptions("Outside", {"managed": False})],
)
Kind, Thing = state.apps.get_model("zoo.Kind"), state.apps.get_model("zoo.Thing")
for number in (1, 2, 3):
    Kind.objects.create(id=number, name="k%d" % number)
Thing.objects.create(id=1, kind_id=4 - 1)
state.apps.get_model("zoo.Outside").objects.create(id=1, n=1)
done = planting.plant(connection, state.apps)
connection.check_constraints()
later = Kind.objects.create(name="later").pk
kinds, of = rows("zoo_kind", "id, name")[:3], rows("zoo_of", "outside_id")
answer([done, kinds, rows("zoo_thing")[0], later, of])
""",
    )
    done, kinds, thing, later, of = said
    assert done["planted"] == {"zoo_kind": 2, "zoo_thing": 2, "zoo_of": 2}
    assert done["left"] == {"zoo_outside": "no managed model of this state has this table"}
    assert kinds == [["1", "k1"], ["2", "k2"], ["3", "k3"]]
    assert thing == ["1", "3"]
    assert later == 6
    assert of == [["1"], ["1"]]


def test_a_table_with_room_for_one_row_gets_one(database: servers.Config) -> None:
    said = run(
        database,
        """
state = built(
    ("Single", {"yes": models.BooleanField(unique=True)}),
    then=[migrations.RunSQL("INSERT INTO zoo_single (id, yes) VALUES (1, %s)" % (
        "true" if connection.vendor == "postgresql" else "1"))],
)
answer(planting.plant(connection, state.apps))
""",
    )
    assert said == {"planted": {"zoo_single": 1}, "left": {}}


def test_no_receiver_hears_of_the_rows(sqlite: servers.Config) -> None:
    said = run(
        sqlite,
        ZOO
        + """
from django.db.models import signals
heard = []
for name in ("pre_init", "post_init", "pre_save", "post_save", "m2m_changed"):
    getattr(signals, name).connect(lambda **more: heard.append(1), weak=False)
state.apps.get_model("zoo.Hen")()
before = len(heard)
planting.plant(connection, state.apps)
answer([before, len(heard)])
""",
    )
    assert said == [2, 2]


# What is left


def test_a_rule_that_no_state_knows_leaves_only_its_tables(database: servers.Config) -> None:
    said = run(
        database,
        """
ADD = "ALTER TABLE zoo_bad ADD " + ("COLUMN more integer CHECK (%s)" if
      connection.vendor == "sqlite" else "CONSTRAINT never CHECK (%s)")
state = built(
    ("Bad", {"name": models.CharField(max_length=20)}),
    ("OfBad", {"bad": key("zoo.Bad")}),
    ("Good", {"bad": key("zoo.Bad", null=True)}),
    ("Gone", {"name": models.CharField(max_length=20)}),
    then=[migrations.RunSQL(ADD % "name = 'never'"), migrations.RunSQL("DROP TABLE zoo_gone")],
)
answer(planting.plant(connection, state.apps))
""",
    )
    assert said["planted"] == {"zoo_good": 2}
    assert sorted(said["left"]) == ["zoo_bad", "zoo_gone", "zoo_ofbad"]
    assert "constraint" in said["left"]["zoo_bad"].lower()
    assert "\n" not in said["left"]["zoo_bad"]
    assert said["left"]["zoo_ofbad"] == "bad: no row of zoo_bad to point to"
    assert said["left"]["zoo_gone"] == "the database has no such table"


def test_a_foreign_key_that_no_state_knows_does_not_undo_the_rest(
    database: servers.Config,
) -> None:
    said = run(
        database,
        """
state = built(
    ("Good", {"name": models.CharField(max_length=20)}),
    ("Bad", {"good": key("zoo.Good")}),
    then=[migrations.SeparateDatabaseAndState(
        state_operations=[migrations.AlterField("Bad", "good", models.IntegerField()),
                          migrations.RenameField("Bad", "good", "good_id")])],
)
done = planting.plant(connection, state.apps)
answer([done, rows("zoo_good", "COUNT(*)")])
""",
    )
    done, count = said
    assert done["planted"] == {"zoo_good": 2}
    assert "foreign key" in done["left"]["zoo_bad"].lower()
    assert count == [["2"]]


def test_a_field_that_refuses_every_value_is_named(sqlite: servers.Config) -> None:
    said = run(
        sqlite,
        """
class Sealed(models.Field):
    def db_type(self, connection):
        return "text"
    def get_prep_value(self, value):
        raise ValueError("no key to seal this with")
state = built(("Vault", {"secret": Sealed()}), ("Maybe", {"secret": Sealed(null=True)}))
answer(planting.plant(connection, state.apps))
""",
    )
    assert said["planted"] == {}
    assert said["left"]["zoo_vault"] == (
        "secret (__main__.Sealed): ValueError: no key to seal this with"
    )


def test_a_column_of_no_known_type_is_named(sqlite: servers.Config) -> None:
    said = run(
        sqlite,
        """
class Shape(models.Field):
    def db_type(self, connection):
        return "point"
state = built(("Map", {"shape": Shape()}), ("Sketch", {"shape": Shape(null=True)}))
answer(planting.plant(connection, state.apps))
""",
    )
    assert said["planted"] == {"zoo_sketch": 2}
    assert said["left"] == {"zoo_map": "shape (__main__.Shape): no value is known for such a field"}


# Cost


def test_a_table_costs_four_queries(sqlite: servers.Config) -> None:
    said = run(
        sqlite,
        """
from django.test.utils import CaptureQueriesContext
state = built(*[("M%d" % n, {"n": models.IntegerField()}) for n in range(50)])
with CaptureQueriesContext(connection) as queries:
    done = planting.plant(connection, state.apps)
answer([len(done["planted"]), len(queries)])
""",
    )
    assert said[0] == 50
    # A savepoint, the rows, SQLite's look at the foreign keys, and the savepoint's end.
    assert said[1] <= 50 * 4 + 5
