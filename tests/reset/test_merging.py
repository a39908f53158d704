"""Merge migrations are those of Django, where either order of the two sides gives the same."""

from __future__ import annotations

import ast
import json
import random
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import pytest

from remigrate import graph as graphs
from remigrate import reader
from remigrate.model import App, Header, Migration, Project
from remigrate.reset.commuting import Branch, commutes
from remigrate.reset.merging import conflict, merge
from remigrate.reset.strategy import Question
from tests.reset import THOROUGH

STAMP = "20240131_1200"


class Case(NamedTuple):
    """One operation on each side, and a part of the reason why they need an order, if they do."""

    left: str
    right: str
    why: str


FIELD = "models.IntegerField(null=True)"
TO = 'models.ForeignKey(to="shop.{}", on_delete=models.CASCADE, null=True)'
CASES = (
    Case(f'AddField("product", "a", {FIELD})', f'AddField("product", "b", {FIELD})', ""),
    Case(
        f'AddField("Product", "a", {FIELD})',
        f'AddField(model_name="product", name="A", field={FIELD})',
        "both change product.a",
    ),
    Case(f'AddField("product", "a", {FIELD})', 'RemoveField("product", "price")', ""),
    Case(
        'AlterField("product", "price", models.TextField())',
        'RemoveField("product", "price")',
        "both change product.price",
    ),
    Case(
        'AlterField("product", "price", models.TextField())', f'AddField("shelf", "a", {FIELD})', ""
    ),
    Case(
        'CreateModel("Box", [("id", models.AutoField(primary_key=True))])',
        f'AddField("product", "a", {FIELD})',
        "",
    ),
    Case(
        'CreateModel("Box", [("id", models.AutoField(primary_key=True))])',
        'CreateModel("box", [("id", models.AutoField(primary_key=True))])',
        "both change box",
    ),
    Case(
        'CreateModel("Box", [("id", models.AutoField(primary_key=True)), '
        f'("of", {TO.format("Product")})])',
        f'AddField("product", "a", {FIELD})',
        "",
    ),
    Case(
        'CreateModel("Box", [("id", models.AutoField(primary_key=True)), '
        f'("of", {TO.format("Product")})])',
        'AlterField("product", "id", models.BigAutoField(primary_key=True))',
        "points to",
    ),
    Case(
        'CreateModel("Box", [("product_ptr", models.OneToOneField("shop.Product", '
        "models.CASCADE, parent_link=True, primary_key=True))], bases=('shop.product',))",
        'RemoveField("product", "price")',
        "points to",
    ),
    Case(f'AddField("shelf", "of", {TO.format("Product")})', 'DeleteModel("Product")', "points to"),
    Case(
        f'AddField("shelf", "of", {TO.format("Product")})',
        'RenameModel("Product", "Thing")',
        "points to",
    ),
    Case('RemoveField("shelf", "best")', 'DeleteModel("Product")', "takes away"),
    Case('DeleteModel("Shelf")', 'DeleteModel("Product")', "takes away"),
    Case(
        'RenameField("product", "price", "cost")', f'AddField("product", "a", {FIELD})', "product"
    ),
    Case('RenameField("product", "price", "cost")', f'AddField("shelf", "a", {FIELD})', ""),
    Case('RenameModel("Product", "Thing")', f'AddField("product", "a", {FIELD})', "product"),
    Case(
        'RenameModel("Product", "Thing")',
        'CreateModel("Thing", [("id", models.AutoField(primary_key=True))])',
        "both change thing",
    ),
    Case('RenameModel("Product", "Thing")', f'AddField("shelf", "a", {FIELD})', "may change what"),
    Case('RenameModel("Product", "Thing")', 'AlterModelOptions("shelf", {})', ""),
    Case('AlterModelTable("product", "x")', f'AddField("shelf", "a", {FIELD})', "may change what"),
    Case('DeleteModel("Product")', 'RenameField("shelf", "best", "better")', "takes away"),
    Case(
        'AlterField("product", "name", models.TextField(unique=True))',
        'AlterField("shelf", "id", models.BigAutoField(primary_key=True))',
        "may change what",
    ),
    Case(
        'AlterModelOptions("product", {"ordering": ["name"]})',
        f'AddField("product", "a", {FIELD})',
        "",
    ),
    Case(
        'AlterModelOptions("product", {"ordering": ["name"]})',
        'AlterModelOptions("product", {"ordering": ["price"]})',
        "product",
    ),
    Case('AlterModelTable("product", "things")', f'AddField("product", "a", {FIELD})', "product"),
    Case(
        'AlterUniqueTogether("product", {("name", "price")})',
        'RemoveField("product", "price")',
        "product",
    ),
    Case(
        'AddIndex("product", models.Index(fields=["-name"], name="one"))',
        f'AddField("product", "a", {FIELD})',
        "",
    ),
    Case(
        'AddIndex("product", models.Index(fields=["-name"], name="one"))',
        'RemoveField("product", "name")',
        "product.name",
    ),
    Case(
        'AddIndex("product", models.Index("price", name="one"))',
        'RemoveField("product", "price")',
        "product",
    ),
    Case(
        'AddIndex("product", models.Index(fields=["name"], name="one"))',
        'AddIndex("product", models.Index(fields=["price"], name="two"))',
        "",
    ),
    Case(
        'AddField("product", "by", models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE))',
        'RemoveField("shelf", "best")',
        "points to",
    ),
    Case(
        "RunPython(migrations.RunPython.noop)",
        "RunPython(migrations.RunPython.noop)",
        "RunPython of left, line 8",
    ),
    Case('RunSQL("SELECT 1")', f'AddField("product", "a", {FIELD})', "RunSQL of left, line 8"),
    Case("SeparateDatabaseAndState([], [])", 'DeleteModel("Product")', "SeparateDatabaseAndState"),
    Case(f'AddField(NAME, "a", {FIELD})', 'DeleteModel("Product")', "computed"),
    Case('AddField("product", "a", made())', f'AddField("shelf", "b", {FIELD})', "may change"),
    Case('AddField("product", "a", MADE)', 'AlterField("shelf", "best", made())', "points to"),
)
MORE = (
    'AlterModelManagers("product", [])',
    f'AddField("shelf", "of2", {TO.format("Product")})',
    'AlterField("shelf", "best", models.IntegerField(null=True))',
    'AddField("product", "m", models.ManyToManyField("shop.Shelf"))',
    'AddField("product", "k", models.IntegerField(default=3, db_index=True))',
    'AlterModelTable("shelf", "sh")',
    'RenameModel("Shelf", "Rack")',
    'AlterOrderWithRespectTo("shelf", "best")',
    'AddConstraint("product", models.UniqueConstraint(fields=["name"], name="u"))',
    'AlterField("product", "price", models.BigIntegerField())',
    'AlterField("product", "name", models.CharField(max_length=30, unique=True))',
)
BASE = f"""[
    migrations.CreateModel("Product", [("id", models.AutoField(primary_key=True)),
        ("name", models.TextField()), ("price", models.IntegerField())]),
    migrations.CreateModel("Shelf", [("id", models.AutoField(primary_key=True)),
        ("best", {TO.format("Product")})]),
]"""


def source(*dependencies: str, operations: str = "[]") -> str:
    """A migration of the app ``shop``; its operations start on line 8."""
    pairs = "".join(f'("shop", "{name}"), ' for name in dependencies)
    return (
        "from django.conf import settings\n"
        "from django.db import migrations, models\n\n\n"
        "class Migration(migrations.Migration):\n"
        f"    dependencies = [{pairs}]\n\n"
        f"    operations = {operations}\n"
    )


def branch(name: str, operation: str) -> Branch:
    text = source("0001_initial", operations=f"[migrations.{operation}]")
    return Branch(name, ((name, ast.parse(text)),))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.left[:40]} | {case.right[:40]}")
def test_operations_that_touch_each_other_need_an_order(case: Case) -> None:
    one, other = branch("left", case.left), branch("right", case.right)
    why = commutes(one, other, "shop")
    assert case.why in why
    assert bool(why) == bool(case.why)
    assert bool(commutes(other, one, "shop")) == bool(case.why)


def test_an_operation_that_only_looks_like_one_of_djangos_needs_an_order() -> None:
    text = source(operations='[AddField("product", "a", models.TextField())]')
    tree = ast.parse("from mine import AddField\n" + text)
    other = branch("right", f'AddField("shelf", "a", {FIELD})')
    assert "AddField of left" in commutes(Branch("left", (("left", tree),)), other, "shop")
    tree = ast.parse("from django.db.migrations import AddField\n" + text)
    assert commutes(Branch("left", (("left", tree),)), other, "shop") == ""


@pytest.mark.parametrize(
    "operations", ["[] + MORE", "made()", '[migrations.DeleteModel("x")]\n    operations += MORE']
)
def test_operations_that_are_computed_need_an_order(operations: str) -> None:
    tree = ast.parse(source(operations=operations))
    other = branch("right", f'AddField("shelf", "a", {FIELD})')
    why = commutes(Branch("left", (("left", tree),)), other, "shop")
    assert "the operations of left are computed" in why


def test_a_setting_that_names_another_app_needs_no_order() -> None:
    to_user = "models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)"
    one = branch("left", f'AddField("product", "by", {to_user})')
    other = branch("right", 'RemoveField("shelf", "best")')
    assert commutes(one, other, "shop", {"AUTH_USER_MODEL": "auth.User"}) == ""
    assert commutes(one, other, "shop", {"AUTH_USER_MODEL": "shop.Shelf"}) != ""
    assert commutes(one, other, "shop", {"AUTH_USER_MODEL": "shop.Product"}) == ""


_BOTH_ORDERS = """
import json, sys
from django.conf import settings
settings.configure(INSTALLED_APPS=[], USE_TZ=True, DATABASES={
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
import django
django.setup()
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState

def run(operations):
    state = ProjectState()
    with connection.schema_editor(atomic=False) as editor:
        for operation in operations:
            before = state.clone()
            operation.state_forwards("shop", state)
            operation.database_forwards("shop", editor, before, state)
    models_ = {k: (sorted((n, str(f.deconstruct()[1:])) for n, f in m.fields.items()),
                   repr(sorted((k, str(sorted(v, key=str) if isinstance(v, list) else v))
                               for k, v in m.options.items())), repr(m.bases))
               for k, m in state.models.items()}
    with connection.cursor() as cursor:
        cursor.execute("select name from sqlite_master where type = 'table'")
        tables = sorted(n for n, in cursor.fetchall() if not n.startswith("sqlite_"))
        schema = {}
        for table in tables:
            cursor.execute(f'pragma table_info("{table}")')
            columns = sorted(row[1:] for row in cursor.fetchall())
            constraints = connection.introspection.get_constraints(cursor, table)
            found = [(k * (k[:3] != "fk_"), str(sorted(v.items(), key=str)))
                     for k, v in constraints.items()]
            schema[table] = [columns, sorted(found)]
        for table in reversed(tables):
            cursor.execute("pragma foreign_keys = off")
            cursor.execute(f'drop table "{table}"')
    return [repr(sorted(models_.items())), repr(schema)]

results = []
for base, left, right in json.load(sys.stdin):
    names = {"migrations": migrations, "models": models}
    names["made"] = lambda: models.TextField(null=True)
    def made(*texts):
        return [o for t in texts for o in eval(t, names)]
    results.append([run(made(base, left, right)), run(made(base, right, left))])
print(json.dumps(results))
"""


def test_where_no_order_is_asked_for_django_makes_the_same_of_both() -> None:
    """Of all pairs of the operations above, whether or not they stand in one case."""
    operations = sorted({o for c in CASES for o in c[:2]} | set(MORE))
    names = ("settings.", "NAME", "MADE")
    operations = [o for o in operations if not any(name in o for name in names)]
    free = [
        (one, other)
        for one, other in combinations(operations, 2)
        if not commutes(branch("left", one), branch("right", other), "shop")
    ]
    assert len(free) > 400
    if not THOROUGH:
        free = random.Random(len(free)).sample(free, 80)
    asked = [(BASE, f"[migrations.{one}]", f"[migrations.{other}]") for one, other in free]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _BOTH_ORDERS],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for pair, (first, second) in zip(free, json.loads(done.stdout), strict=True):
        assert first == second, pair


# The migration


def question(files: dict[str, str], pin: bytes | None = None) -> Question:
    """A project with the one app ``shop``; migrations by name."""
    app = "shop/migrations"
    migrations = []
    for name, text in sorted(files.items()):
        header = reader.read(text.encode())
        assert isinstance(header, Header)
        migrations.append(Migration(app, name, f"{app}/{name}.py", "", header))
    graph = graphs.build(Project((App(app, "shop", ".", tuple(migrations)),), {}))
    pins = {} if pin is None else {app: pin}
    return Question(graph, set(), (app,), lambda m: files[m.name].encode(), pins)


def adds(name: str) -> str:
    return f'[migrations.AddField("product", "{name}", {FIELD})]'


SIDES = {
    "short": {
        "0001_initial": source(operations=BASE),
        "0002_a": source("0001_initial", operations=adds("a")),
        "0002_b": source("0001_initial", operations=adds("b")),
    },
    "chains": {
        "0001_initial": source(operations=BASE),
        "0002_a": source("0001_initial", operations=adds("a")),
        "0003_a": source("0002_a", operations=adds("aa")),
        "0002_b": source("0001_initial", operations=adds("b")),
        "0007_b": source("0002_b", operations=adds("bb")),
        "0008_squashed_0003_c": source("0001_initial", operations=adds("c")),
    },
    "without numbers": {
        "first": source(operations=BASE),
        "a": source("first", operations=adds("a")),
        "b": source("first", operations=adds("b")),
    },
    "long": {
        "0001_initial": source(operations=BASE),
        f"0002_{'a' * 30}": source("0001_initial", operations=adds("a")),
        f"0002_{'b' * 30}": source("0001_initial", operations=adds("b")),
    },
}

_MERGE = """
import sys
from django.conf import settings
settings.configure(INSTALLED_APPS=["shop"], USE_TZ=True, DATABASES={
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
import django
django.setup()
from django.core.management import call_command
call_command("makemigrations", "--merge", "--noinput", "--no-header", verbosity=0)
"""


@pytest.mark.parametrize("files", SIDES.values(), ids=SIDES)
def test_the_merge_is_the_one_that_makemigrations_writes(
    tmp_path: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shop" / "migrations"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").touch()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setenv("PATH", "")  # no formatter
    subprocess.run([sys.executable, "-c", _MERGE], cwd=tmp_path, check=True)
    written = [p for p in folder.glob("*.py") if p.stem not in files and p.stem != "__init__"]
    assert len(written) == 1
    stamp = written[0].stem.partition("_merge_")[2]
    rewrite = merge(question(files), stamp)
    assert rewrite.refused == ()
    (edit,) = rewrite.edits
    assert edit.before is None
    assert edit.path == f"shop/migrations/{written[0].name}"
    assert edit.after is not None
    # Django leaves a line in the list of no operations, which formatters take away.
    django = written[0].read_text().replace("[\n    ]\n", "[]\n").replace("'", '"')
    assert edit.after.decode() == django


def test_a_merge_keeps_the_quotes_and_line_ends_of_its_neighbours() -> None:
    files = {k: v.replace('"', "'").replace("\n", "\r\n") for k, v in SIDES["short"].items()}
    (edit,) = merge(question(files), STAMP).edits
    assert edit.after is not None
    assert b"        ('shop', '0002_a'),\r\n" in edit.after
    assert edit.after.count(b"\r\n") == edit.after.count(b"\n")


def test_a_conflict_that_needs_an_order_is_refused_until_both_were_proved() -> None:
    files = {
        **SIDES["short"],
        "0002_b": source("0001_initial", operations='[migrations.RunSQL("")]'),
    }
    asked = question(files)
    rewrite = merge(asked, STAMP)
    assert rewrite.edits == ()
    assert "RunSQL of 0002_b, line 8" in rewrite.refused[0].why
    found = conflict(asked, "shop/migrations")
    assert found is not None
    assert found.why == rewrite.refused[0].why
    proved = merge(asked, STAMP, {"shop/migrations"})
    assert proved.refused == ()
    assert [edit.path for edit in proved.edits] == ["shop/migrations/0003_merge_0002_a_0002_b.py"]


def test_a_conflict_deep_in_the_branches_is_seen() -> None:
    files = {
        **SIDES["chains"],
        "0003_a": source("0002_a", operations='[migrations.RemoveField("product", "b")]'),
    }
    rewrite = merge(question(files), STAMP)
    assert rewrite.edits == ()
    assert "product.b" in rewrite.refused[0].why


def test_branches_from_two_roots_are_refused_as_django_does() -> None:
    files = {"0001_a": source(operations=adds("a")), "0001_b": source(operations=adds("b"))}
    rewrite = merge(question(files), STAMP)
    assert rewrite.edits == ()
    assert "no common ancestor" in rewrite.refused[0].why


def test_an_app_with_one_leaf_needs_no_merge() -> None:
    files = {"0001_initial": source(), "0002_a": source("0001_initial")}
    rewrite = merge(question(files), STAMP)
    assert (rewrite.edits, rewrite.refused) == ((), ())


def test_the_pin_of_linear_migrations_names_the_merge() -> None:
    edits = merge(question(SIDES["short"], b"0002_a\n"), STAMP).edits
    pin = next(edit for edit in edits if edit.path.endswith("max_migration.txt"))
    assert pin.after == b"0003_merge_0002_a_0002_b\n"


def test_what_cannot_be_read_is_refused_with_the_reason() -> None:
    files = {**SIDES["short"], "0002_b": source().replace("= []", "= made()", 1)}
    rewrite = merge(question(files), STAMP)
    assert "made() is called" in rewrite.refused[0].why


def test_a_merge_that_would_close_a_circle_through_latest_is_refused() -> None:
    shop = SIDES["short"]
    shop = {
        **shop,
        "0002_b": shop["0002_b"].replace(
            '"0001_initial"), ', '"0001_initial"), ("blog", "0001_x"), '
        ),
    }
    blog = source().replace("= []", '= [("shop", "__latest__")]', 1)
    apps = []
    contents = {}
    for label, files in (("shop", shop), ("blog", {"0001_x": blog})):
        found = []
        for name, text in files.items():
            path = f"{label}/migrations/{name}.py"
            contents[path] = text.encode()
            found.append(
                Migration(f"{label}/migrations", name, path, "", reader.read(text.encode()))
            )
        apps.append(App(f"{label}/migrations", label, ".", tuple(found)))
    graph = graphs.build(Project(tuple(apps), {}))
    asked = Question(graph, set(), ("shop/migrations",), lambda m: contents[m.path])
    rewrite = merge(asked, STAMP)
    assert rewrite.edits == ()
    assert "depend on themselves" in rewrite.refused[0].why
