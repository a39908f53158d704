"""Code of old migrations lives on in the new file, and does there what it did.

Every test migrates a real database with the old files; lets the project's interpreter write the new
one; deletes the old ones; migrates another database in a new process; and compares the rows.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

PYTHON = os.environ.get("REMIGRATE_PROBE_PYTHON") or sys.executable
_SOURCE = Path(__file__).resolve().parents[2] / "src"

SETTINGS = """\
SECRET_KEY = "none"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "shop"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True
"""
INITIAL = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Item",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=90)),
            ],
        ),
    ]
"""
DRIVER = """\
import importlib, json, sqlite3, sys

task, where, database, modules, options = json.loads(sys.argv[1])
sys.path[:0] = where
from django.conf import settings
import site_settings
config = {name: value for name, value in vars(site_settings).items() if name.isupper()}
one = {"ENGINE": "django.db.backends.sqlite3", "NAME": database}
settings.configure(DATABASES={"default": one}, **config)
import django
django.setup()
from django.core.management import call_command

result = {"text": ""}
if task == "write":
    from django.db import migrations
    from remigrate.probe import carrying

    from django.db.migrations.writer import MigrationWriter

    first = importlib.import_module("shop.migrations.0001_initial")
    first = first.Migration("0001_initial", "shop")
    plain = MigrationWriter(first, include_header=False).as_string()
    result["plain"] = carrying.write(first, {}) == plain

    migration = migrations.Migration("0002_squashed", "shop")
    migration.dependencies = [("shop", "0001_initial")]
    migration.initial = False
    gone = {}
    for name in modules:
        loaded = importlib.import_module(name)
        with open(loaded.__file__, encoding="utf-8", newline="") as file:
            gone[name] = file.read()
        migration.operations += loaded.Migration.operations
    for name, value in options.items():
        setattr(migration, name, [tuple(each) for each in value] if name != "atomic" else value)
    try:
        result["text"] = carrying.write(migration, gone)
    except carrying.Uncarriable as error:
        print("RESULT" + json.dumps({"refused": str(error)}))
        sys.exit()
call_command("migrate", verbosity=0)
if task == "back":
    call_command("migrate", "shop", "0001", verbosity=0)
connection = sqlite3.connect(database)
tables = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'shop_%' ORDER BY 1")
result["rows"] = {
    table: connection.execute('SELECT * FROM "%s"' % table).fetchall() for (table,) in tables
}
print("RESULT" + json.dumps(result))
"""


def migration(operations: str, head: str = "", body: str = "") -> str:
    """An old migration: code at its top, in its class, and its operations."""
    return (
        f"from django.db import migrations, models\n{head}\n\n"
        f"class Migration(migrations.Migration):\n"
        f'    dependencies = [("shop", "{{before}}")]\n{body}\n'
        f"    operations = {operations}\n"
    )


class Carried(NamedTuple):
    """What was written, or why not, and the rows of either history."""

    text: str
    refused: str
    old: dict[str, list[list[object]]]
    new: dict[str, list[list[object]]]

    @property
    def code(self) -> str:
        """What stands between the imports and the class."""
        start = re.search(r"(\n(import|from) .*)*\n", "\n" + self.text)
        assert start is not None
        return self.text[start.end() - 1 : self.text.index("class Migration(")].strip()

    @property
    def names(self) -> list[str]:
        """Of the items that the new history made."""
        return [str(row[1]) for row in self.new["shop_item"]]


class Shop:
    """A project with old migrations."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []
        self.write({"site_settings.py": SETTINGS, "shop/__init__.py": ""})
        self.write({"shop/migrations/__init__.py": "", "shop/migrations/0001_initial.py": INITIAL})

    def write(self, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode())

    def old(self, **sources: str) -> Shop:
        """Migrations that will be gone: `m0002_seed` is 0002_seed.py."""
        before = "0001_initial"
        for name, source in sources.items():
            name = re.sub(r"^m(?=\d)", "", name)
            text = source.replace("{before}", before)
            self.write({f"shop/migrations/{name}.py": text})
            self.modules.append(f"shop.migrations.{name}")
            before = name
        return self

    def run(self, task: str, **options: object) -> dict[str, object]:
        where = [str(self.folder), *([str(_SOURCE)] if task == "write" else [])]
        asked = [task, where, str(self.folder / f"{task}.sqlite3"), self.modules, options]
        done = subprocess.run(
            [PYTHON, "-c", DRIVER, json.dumps(asked)],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        result: dict[str, object] = json.loads(done.stdout.rpartition("RESULT")[2])
        return result

    def carry(self, task: str = "new", options: Mapping[str, object] | None = None) -> Carried:
        """The new file and what it does, with the old ones really gone."""
        old = self.run("write", **(options or {}))
        if "refused" in old:
            return Carried("", str(old["refused"]), {}, {})
        for name in self.modules:
            (self.folder / f"{name.replace('.', '/')}.py").unlink()
        text = str(old["text"])
        self.write({"shop/migrations/0002_squashed.py": text})
        rows = self.run(task)["rows"]
        return Carried(text, "", old["rows"], rows)  # type: ignore[arg-type]

    def same(self, **options: object) -> Carried:
        """The same, having made the same rows, and some."""
        carried = self.carry(options=options)
        assert not carried.refused
        assert carried.new == carried.old
        assert carried.new["shop_item"]
        for name in self.modules:
            assert name not in carried.text
        return carried

    def refused(self) -> str:
        """Why it cannot be carried."""
        refused = self.carry().refused
        assert refused
        return refused


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A project whose app ``shop`` has one model, and a first migration that stays."""
    return Shop(tmp_path)


RUN = "[migrations.RunPython(fill, migrations.RunPython.noop)]"
FILL = """
def fill(apps, schema_editor):
    Item = apps.get_model("shop", "Item")
    Item.objects.create(name="filled")
"""


def test_a_function_is_carried(shop: Shop) -> None:
    carried = shop.old(m0002_seed=migration(RUN, FILL)).same()
    assert carried.code == FILL.strip()
    assert "            code=fill,\n" in carried.text


# --- what an operation holds ----------------------------------------------------------------------

FILLING = """
def fill(apps, schema_editor):
    make(apps, "filled")
"""
MAKE = """
def make(apps, name):
    apps.get_model("shop", "Item").objects.create(name=name)
"""


def runs(code: str) -> str:
    """A list with one RunPython."""
    return f"[migrations.RunPython({code}, migrations.RunPython.noop)]"


def test_a_lambda_is_carried(shop: Shop) -> None:
    old = migration(runs('lambda apps, editor: make(apps, "by lambda")'), MAKE)
    carried = shop.old(m0002_seed=old).same()
    assert 'code=lambda apps, editor: make(apps, "by lambda"),\n' in carried.text


def test_two_lambdas_on_one_line_are_told_apart(shop: Shop) -> None:
    code = 'lambda apps, editor: make(apps, "up"), lambda apps, editor: make(apps, "down")'
    shop.old(m0002_seed=migration(f"[migrations.RunPython({code})]", MAKE))
    carried = shop.carry("back")
    assert carried.names == ["up", "down"]


def test_two_lambdas_of_a_loop_keep_their_place(shop: Shop) -> None:
    code = (
        "[migrations.RunPython(lambda apps, editor, name=name: make(apps, name)) for name in 'ab']"
    )
    carried = shop.old(m0002_seed=migration(code, MAKE)).same()
    assert carried.names == ["a", "b"]
    assert "operations_0002[1]," in carried.text


def test_operations_that_a_loop_makes_keep_their_place(shop: Shop) -> None:
    head = (
        MAKE
        + """
steps = []
for name in ("a", "b"):
    steps.append(migrations.RunPython(lambda apps, editor, name=name: make(apps, name)))
"""
    )
    assert shop.old(m0002_seed=migration("steps", head)).same().names == ["a", "b"]


def test_a_lambda_is_found_by_its_position_where_the_list_is_not_written_out(shop: Shop) -> None:
    head = (
        MAKE
        + """
def steps(code):
    return [migrations.RunPython(code)]
"""
    )
    operations = 'steps(lambda apps, editor: make(apps, "found"))'
    carried = shop.old(m0002_seed=migration(operations, head)).same()
    assert 'code=lambda apps, editor: make(apps, "found"),' in carried.text
    assert "def steps" not in carried.text


def test_a_lambda_with_a_name_is_carried_by_its_name(shop: Shop) -> None:
    head = MAKE + 'fill = lambda apps, editor: make(apps, "named")\n'
    assert "code=fill," in shop.old(m0002_seed=migration(RUN, head)).same().text


def test_a_lambda_as_a_default_of_a_field_is_carried(shop: Shop) -> None:
    operations = """[
        migrations.AddField("item", "code", models.CharField(max_length=9, default=lambda: SEED)),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]"""
    head = FILL + 'SEED = "s1"\n'
    carried = shop.old(m0002_seed=migration(operations, head)).same()
    assert carried.new["shop_item"][0][2] == "s1"


def test_a_function_in_a_class_is_carried(shop: Shop) -> None:
    head = (
        MAKE
        + """
class Seeds:
    name = "in a class"

    @staticmethod
    def fill(apps, editor):
        make(apps, Seeds.name)

    @classmethod
    def more(cls, apps, editor):
        make(apps, cls.name + " method")
"""
    )
    both = "[migrations.RunPython(Seeds.fill), migrations.RunPython(Seeds.more)]"
    assert shop.old(m0002_seed=migration(both, head)).same().names == [
        "in a class",
        "in a class method",
    ]


def test_a_function_in_the_old_migration_class_is_carried(shop: Shop) -> None:
    body = '''
    NAMES = ["one",
             """two
    lines"""]

    def fill(apps, editor, names=NAMES):
        # Here too.
        for name in names:
            make(apps, name)
'''
    carried = shop.old(m0002_seed=migration(RUN, MAKE, body)).same()
    assert "two\n    lines" in carried.names
    assert "\ndef fill(apps, editor, names=NAMES):\n    # Here too.\n" in carried.text


def test_a_static_method_of_the_old_migration_class_is_carried(shop: Shop) -> None:
    body = '    @staticmethod\n    def fill(apps, editor):\n        make(apps, "static")\n'
    operations = "[]\n\n\nMigration.operations = [migrations.RunPython(Migration.fill)]"
    carried = shop.old(m0002_seed=migration(operations, MAKE, body)).same()
    assert "code=fill.__func__," in carried.text


def test_a_partial_is_carried(shop: Shop) -> None:
    head = (
        "from functools import partial"
        + MAKE
        + """
def fill(name, apps, editor, tail=""):
    make(apps, name + tail)
"""
    )
    operations = runs('partial(fill, "part", tail="ial")')
    assert shop.old(m0002_seed=migration(operations, head)).same().names == ["partial"]


def test_a_function_made_by_a_function_is_made_again(shop: Shop) -> None:
    head = (
        MAKE
        + """
def filler(*names):
    def fill(apps, editor):
        for name in names:
            make(apps, name)
    return fill


TAIL = "b"
"""
    )
    carried = shop.old(m0002_seed=migration(runs('filler("a",\n  TAIL)'), head)).same()
    assert carried.names == ["a", "b"]


def test_a_decorated_function_is_carried(shop: Shop) -> None:
    head = (
        "import functools"
        + MAKE
        + """
def twice(function):
    def run(apps, editor):
        function(apps, editor)
        function(apps, editor)
    return run


def once(function):
    @functools.wraps(function)
    def run(*args):
        return function(*args)
    return run


# Both of them.
@once
@twice
def fill(apps, editor):
    make(apps, "decorated")
"""
    )
    carried = shop.old(m0002_seed=migration(RUN, head)).same()
    assert carried.names == ["decorated"] * 2
    assert "# Both of them.\n@once\n@twice\ndef fill" in carried.text


def test_an_object_that_is_called_is_made_again(shop: Shop) -> None:
    head = (
        MAKE
        + """
class Filler:
    def __init__(self, name):
        self.name = name

    def __call__(self, apps, editor):
        make(apps, self.name)

    def run(self, apps, editor):
        make(apps, self.name + " run")


ready = Filler("ready")
"""
    )
    both = (
        '[migrations.RunPython(Filler("called")), migrations.RunPython(Filler("bound").run),'
        " migrations.RunPython(ready), migrations.RunPython(ready.run)]"
    )
    names = shop.old(m0002_seed=migration(both, head)).same().names
    assert names == ["called", "bound run", "ready", "ready run"]


OPERATION = (
    MAKE
    + """
from django.db.migrations.operations.base import Operation


class Fill(Operation):
    reversible = True
    TAIL = "!"

    def __init__(self, name{star}, tail=TAIL):
        self.name, self.tail = name, tail

    def state_forwards(self, app_label, state):
        pass

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        make(to_state.apps, self.name + self.tail)
"""
)


def test_an_operation_of_ones_own_is_carried(shop: Shop) -> None:
    operations = '[Fill("own"), Fill("own", tail="?")]'
    old = migration(operations, OPERATION.replace("{star}", ""))
    carried = shop.old(m0002_seed=old).same()
    assert carried.names == ["own!", "own?"]
    assert "        Fill(\n            name='own',\n" in carried.text


def test_arguments_by_keyword_only_are_not_lost(shop: Shop) -> None:
    old = migration('[Fill("own", tail="?")]', OPERATION.replace("{star}", ", *"))
    assert shop.old(m0002_seed=old).same().names == ["own?"]


def test_an_operation_inside_another_is_carried(shop: Shop) -> None:
    operations = (
        '[migrations.SeparateDatabaseAndState(database_operations=[Fill("deep"),'
        ' migrations.RunPython(lambda apps, editor: make(apps, "deeper"))])]'
    )
    old = migration(operations, OPERATION.replace("{star}", ""))
    assert shop.old(m0002_seed=old).same().names == ["deep!", "deeper"]


def test_a_subclass_of_run_python_with_its_own_arguments_is_carried(shop: Shop) -> None:
    head = (
        MAKE
        + """
class Seed(migrations.RunPython):
    def __init__(self, name):
        super().__init__(lambda apps, editor: make(apps, name))
"""
    )
    assert shop.old(m0002_seed=migration('[Seed("sub")]', head)).same().names == ["sub"]


def test_sql_that_was_built_at_import_is_written_as_it_is(shop: Shop) -> None:
    head = 'VALUES = ", ".join("(\'%s\')" % name for name in ("x", "y"))\n'
    sql = '[migrations.RunSQL("INSERT INTO shop_item (name) VALUES " + VALUES, elidable=True)]'
    carried = shop.old(m0002_seed=migration(sql, head)).same()
    assert carried.names == ["x", "y"]
    assert carried.code == ""
    assert "elidable=True" in carried.text


FIELDS = """
import re
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db.models import manager
from django.utils.deconstruct import deconstructible


class Upper(models.CharField):
    def get_prep_value(self, value):
        return value and value.upper()


@deconstructible
class NotOne:
    def __init__(self, word):
        self.word = word

    def __call__(self, value):
        if value == self.word:
            raise ValidationError(value)


def plain(value):
    if value == "bad":
        raise ValidationError(value)


def not_in(*words):
    def check(value):
        if value in words:
            raise ValidationError(value)
    return check


def folder(instance, filename):
    return "up/" + filename


class Living(models.Manager):
    use_in_migrations = True

    def __init__(self, tail=""):
        super().__init__()
        self.tail = tail

    def named(self, name):
        return self.create(name=name + self.tail)


class Query(models.QuerySet):
    def loud(self):
        return self.filter(name__contains="!")


LoudManager = models.Manager.from_queryset(Query)


def code():
    return "made"


def fill(apps, schema_editor):
    Thing = apps.get_model("shop", "Thing")
    Thing.things.named("thing")
    field = {each.name: each for each in Thing._meta.fields}
    for word in ("word", "bad", "ugly"):
        try:
            field["name"].clean(word, None)
        except ValidationError:
            Thing.objects.create(name="refused " + word, file=folder(None, "x"))
    apps.get_model("shop", "Item").objects.create(name=field["file"].upload_to(None, "y"))
"""


def test_fields_validators_upload_functions_and_managers_are_carried(shop: Shop) -> None:
    operations = """[
        migrations.CreateModel(
            name="Thing",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("name", Upper(max_length=90, validators=[plain, NotOne("word"), not_in("ugly")])),
                ("file", models.FileField(upload_to=folder)),
                ("code", models.CharField(max_length=9, default=code)),
            ],
            managers=[("objects", models.Manager()), ("things", Living(tail="!"))],
        ),
        migrations.RunPython(fill),
    ]"""
    carried = shop.old(m0002_seed=migration(operations, FIELDS)).same()
    rows = [row[1:] for row in carried.new["shop_thing"]]
    assert rows == [
        ["THING!", "", "made"],
        ["REFUSED WORD", "up/x", "made"],
        ["REFUSED BAD", "up/x", "made"],
        ["REFUSED UGLY", "up/x", "made"],
    ]
    assert "class Query" not in carried.text
    assert "import re\n" not in carried.text


def test_members_of_an_enumeration_are_carried(shop: Shop) -> None:
    head = (
        "import enum\n"
        + """
class Colour(enum.Enum):
    RED = "r"
"""
        + FILL
    )
    operations = """[
        migrations.AddField("item", "c", models.CharField(
            max_length=20, default="r", choices=[(Colour.RED, "red")])),
        migrations.RunPython(fill),
    ]"""
    carried = shop.old(m0002_seed=migration(operations, head)).same()
    assert "Colour['RED']" in carried.text


# --- what carried code needs ----------------------------------------------------------------------


def test_imports_come_along_as_they_were_written(shop: Shop) -> None:
    head = """
import json as j, os
import os.path
import xml.dom
import xml.sax.saxutils
import unused
from collections import (  # two of them
    OrderedDict as Ordered,
    defaultdict,
)
from . import _names as names
from ._names import FIRST
from ..words import word as said
try:
    import tomllib_that_nobody_has as toml
except ImportError:
    toml = None


def fill(apps, editor):
    from ._names import SECOND
    Item = apps.get_model("shop", "Item")
    found = Ordered([(FIRST, 1), (SECOND, 2), (names.THIRD, 3), (said(), 4), (repr(toml), 5)])
    found[xml.sax.saxutils.escape("<")] = xml.dom.XML_NAMESPACE
    for name in found:
        Item.objects.create(name=j.dumps([name, os.path.basename("a/b")]))
"""
    names = 'FIRST, SECOND, THIRD = "1st", "2nd", "3rd"\n'
    shop.write({"shop/migrations/_names.py": names, "unused.py": ""})
    shop.write({"shop/words.py": 'def word():\n    return "said"\n'})
    carried = shop.old(m0002_seed=migration(RUN, head)).same()
    assert len(carried.names) == 6
    assert "unused" not in carried.text
    assert "defaultdict" not in carried.text
    for line in ("import json as j", "import os.path", "from ._names import FIRST"):
        assert f"{line}\n" in carried.text
    assert "from . import _names as names\nfrom ..words import word as said\n" in carried.text


def test_helpers_constants_and_what_changes_them_come_along(shop: Shop) -> None:
    head = (
        MAKE
        + '''
"""A string that stands alone."""
LEFT = ["not needed"]
NAMES = {}
#: Where the first comes from.
NAMES["a"] = 1  # set here
NAMES.update(b=2)
MORE = []


def add(name):
    MORE.append(name)


add("more")
for each in range(2):
    NAMES[f"n{each}"] = each
if NAMES:
    LAST = "last"
else:
    LAST = None
BASE = "base"
with open(__file__) as file:
    SIZE = len(file.read()) and 1
DELETED, NAMES["deleted"] = 1, 2
del NAMES["deleted"]
COUNT: int = 0


def count():
    global COUNT
    COUNT += 1
    return str(COUNT)


class Base:
    name = BASE


class Derived(Base):
    BASE = BASE

    def get(self, name=LAST):
        return super().name + self.BASE + name


def fill(apps, editor) -> "NotAName":
    """What it does."""
    for name in [*NAMES, *MORE, Derived().get(), count(), count(), str(SIZE)]:
        make(apps, name)  # one by one
'''
    )
    carried = shop.old(m0002_seed=migration(RUN, head)).same()
    assert carried.names == ["a", "b", "n0", "n1", "more", "basebaselast", "1", "2", "1"]
    assert "LEFT" not in carried.text
    assert '#: Where the first comes from.\nNAMES["a"] = 1  # set here\n' in carried.text
    assert '    """What it does."""\n' in carried.text
    assert "# one by one" in carried.text


def test_what_a_decorator_writes_down_comes_along(shop: Shop) -> None:
    head = (
        MAKE
        + """
STEPS = {}


def step(function):
    STEPS[function.__name__] = function
    return function


@step
def one(apps):
    make(apps, "step one")


def two(apps):
    make(apps, "no step")


def fill(apps, editor):
    for each in STEPS.values():
        each(apps)
"""
    )
    carried = shop.old(m0002_seed=migration(RUN, head)).same()
    assert carried.names == ["step one"]
    assert "def two" not in carried.text


def test_a_call_that_stands_alone_runs_before_what_came_after_it(shop: Shop) -> None:
    head = (
        MAKE
        + """
import os
import sys

sys.path.append(os.path.join(os.path.dirname(__file__), "extra"))
from only_there import NAME


def fill(apps, editor):
    make(apps, NAME)
"""
    )
    shop.write({"shop/migrations/extra/only_there.py": 'NAME = "there"\n'})
    assert shop.old(m0002_seed=migration(RUN, head)).same().names == ["there"]


def test_a_file_beside_the_migration_is_still_found(shop: Shop) -> None:
    head = (
        MAKE
        + """
from pathlib import Path


def fill(apps, editor):
    make(apps, (Path(__file__).parent / "seed.txt").read_text())
"""
    )
    shop.write({"shop/migrations/seed.txt": "from a file"})
    assert shop.old(m0002_seed=migration(RUN, head)).same().names == ["from a file"]


def test_features_from_the_future_come_along(shop: Shop) -> None:
    head = (
        MAKE
        + """
def fill(apps: SomeDay, editor) -> list[int] | None:
    make(apps, "future")
"""
    )
    old = "from __future__ import annotations\n" + migration(RUN, head)
    carried = shop.old(m0002_seed=old).same()
    assert carried.text.startswith("from __future__ import annotations\n\n")


def test_windows_line_ends_and_letters_of_any_language_survive(shop: Shop) -> None:
    head = (
        MAKE
        + """
grün = "größer"; rot = f"né {grün}"  # ß


def fill(apps, editor):
    "é"; make(apps, rot + grün)
"""
    )
    old = migration(RUN, head).replace("\n", "\r\n")
    carried = shop.old(m0002_seed=old, m0003_more=old.replace("né", "nè")).same()
    assert carried.names == ["né größergrößer", "nè größergrößer"]


# --- what code says of its own module -------------------------------------------------------------


def test_a_module_that_stores_its_own_name_stores_the_old_one(shop: Shop) -> None:
    head = (
        MAKE
        + """
migration_name = __name__


class Log:
    where = __name__

    def words(self, name=__name__):
        return [name, self.where, __name__.rpartition(".")[2]]


def fill(apps, editor):
    for each in [migration_name, *Log().words(), (lambda: __name__)()]:
        make(apps, each)
"""
    )
    carried = shop.old(m0002_seed=migration(RUN, head)).carry()
    assert carried.new == carried.old
    old = "shop.migrations.0002_seed"
    assert carried.names == [old, old, old, "0002_seed", old]
    assert f'migration_name = "{old}"\n' in carried.text


def test_the_name_of_a_module_survives_inside_formatted_strings(shop: Shop) -> None:
    head = (
        MAKE
        + """
def fill(apps, editor):
    make(apps, f"it's {__name__!r:>30} {f'{__name__}'}" f'{__name__}')
    make(apps, __name__)
"""
    )
    carried = shop.old(m0002_seed=migration(RUN, head)).carry()
    assert carried.new == carried.old
    assert carried.names[1] == "shop.migrations.0002_seed"
    assert carried.code.startswith('old_name_0002 = "shop.migrations.0002_seed"\n\n\n')


def test_functions_alike_that_say_the_name_of_their_module_are_told_apart(shop: Shop) -> None:
    head = (
        MAKE
        + """
def fill(apps, editor):
    make(apps, __name__)
"""
    )
    old = migration(RUN, head)
    carried = shop.old(m0002_a=old, m0003_b=old).carry()
    assert carried.new == carried.old
    assert carried.names == ["shop.migrations.0002_a", "shop.migrations.0003_b"]


def test_a_name_of_ones_own_called_as_that_of_the_module_is_left_alone(shop: Shop) -> None:
    head = (
        MAKE
        + """
class Step:
    __name__ = "step"
    said = __name__


def fill(apps, editor):
    def inner(__name__):
        return __name__
    for __name__ in ["local"]:
        make(apps, __name__)
    make(apps, Step.said + inner("inner"))
"""
    )
    assert shop.old(m0002_seed=migration(RUN, head)).same().names == ["local", "stepinner"]


def test_where_the_module_itself_is_wanted_it_is_the_new_one(shop: Shop) -> None:
    head = (
        MAKE
        + """
import logging
import pkgutil
import sys
from importlib import import_module

logger = logging.getLogger(__name__)
if __name__ == "__main__":
    logger = None


def fill(apps, editor):
    logger.debug("filling")
    make(apps, sys.modules[__name__].fill.__name__)
    make(apps, import_module(__name__).make.__name__ + str(sys.modules.get(__name__) is None))
    make(apps, pkgutil.get_data(__name__, "seed.txt").decode())
"""
    )
    shop.write({"shop/migrations/seed.txt": "from a file"})
    carried = shop.old(m0002_seed=migration(RUN, head)).same()
    assert carried.names == ["fill", "makeFalse", "from a file"]
    assert "logging.getLogger(__name__)" in carried.text


def test_code_of_another_package_goes_on_asking_there(shop: Shop) -> None:
    head = """
from importlib import import_module


def fill(apps, editor):
    make = import_module(".making", __package__).make
    make(apps, f"{__package__} {__name__}")
"""
    (shop.folder / "shop/seeds").mkdir()
    shop.write({"shop/seeds/__init__.py": "", "shop/seeds/making.py": MAKE})
    shop.write({"shop/seeds/old.py": head + "\n\nclass Migration:\n    operations = []\n"})
    shop.modules.append("shop.seeds.old")
    own = migration(RUN, "from shop.seeds.old import fill\n")
    carried = shop.old(m0002_seed=own).carry()
    assert carried.new == carried.old
    assert carried.names == ["shop.seeds shop.seeds.old"]


# --- names that are taken -------------------------------------------------------------------------


def test_the_same_name_in_two_files_is_told_apart(shop: Shop) -> None:
    second = (
        MAKE.replace("name=name", 'name=name + "2"')
        + """
NAME = "second"
fills = {"fill": 1}


class Keeper:
    fill = NAME
    make = staticmethod(make)


def fill(apps, editor, NAME=NAME):
    def inner(fill):
        make(apps, name=fill)
        return [make(apps, f"{fill} {NAME!r:>{len(NAME)}} {make.__name__[:1]}") for fill in fills]

    inner(fill=Keeper.fill)
    Keeper.make(apps, "kept")
    try:
        raise ValueError("caught")
    except ValueError as NAME:
        make(apps, str(NAME))
"""
    )
    carried = shop.old(
        m0002_seed=migration(RUN, MAKE + FILLING), m0003_more=migration(RUN, second)
    ).same()
    assert len(carried.names) == 5
    assert "def make_0003(apps, name):" in carried.text
    assert "inner(fill=Keeper.fill)" in carried.text
    assert "code=fill_0003," in carried.text


def test_a_name_in_a_formatted_string_is_changed_too(shop: Shop) -> None:
    def source(number: int) -> str:
        return (
            MAKE
            + f'''
NAME = "n{number}"
WIDTH = {number + 3}


def fill(apps, editor):
    make(apps, f"NAME {{NAME}} {{{{NAME}}}} {{NAME:>{{WIDTH}}}}" "NAME" f"""
{{NAME!r}} {{
  [NAME for WIDTH in "a"]}} {{f'{{NAME}}' + 'NAME'}}""")
'''
        )

    carried = shop.old(m0002_a=migration(RUN, source(1)), m0003_b=migration(RUN, source(2))).same()
    assert carried.names[1] == "NAME n2 {NAME}    n2NAME\n'n2' ['n2'] n2NAME"


def test_a_global_statement_follows_its_name(shop: Shop) -> None:
    def source(start: int) -> str:
        return (
            MAKE
            + f"""
count = {start}


def fill(apps, editor):
    global count
    count += 1
    make(apps, str(count))
    editor.count = lambda count: count
"""
        )

    carried = shop.old(m0002_a=migration(RUN, source(1)), m0003_b=migration(RUN, source(5))).same()
    assert carried.names == ["2", "6"]
    assert "global count_0003\n" in carried.text
    assert "editor.count = lambda count: count" in carried.text


def test_names_of_the_new_file_are_not_taken_from_it(shop: Shop) -> None:
    head = """
from django.db import models as migrations_models
from shop.words import models, settings
from shop import words as shop


def initial(apps, editor):
    Item = apps.get_model("shop", "Item")
    Item.objects.create(name=models + settings + shop.models + migrations_models.__name__)


def depends(apps, editor):
    initial(apps, editor)
"""
    operations = (
        "[migrations.RunPython(initial), migrations.RunPython(depends),"
        " migrations.AddField('item', 'x', migrations_models.IntegerField(default=shop.two))]"
    )
    words = 'models = "m"\nsettings = "s"\n\n\ndef two():\n    return 2\n'
    shop.write({"shop/words.py": words})
    carried = shop.old(m0002_seed=migration(operations, head)).same()
    assert carried.names == ["msmdjango.db.models"] * 2
    assert "import shop.words\n" in carried.text
    assert "from django.db import migrations, models\n" in carried.text
    assert "from django.db import models as migrations_models\n" in carried.text


def test_a_name_of_python_that_one_file_takes_is_left_to_the_others(shop: Shop) -> None:
    first = (
        MAKE
        + """
def len(value):
    return 100


def fill(apps, editor):
    make(apps, str(len("a")))
"""
    )
    second = FILL.replace('"filled"', 'str(len("abc"))')
    carried = shop.old(m0002_a=migration(RUN, first), m0003_b=migration(RUN, second)).same()
    assert carried.names == ["100", "3"]


def test_the_same_definition_in_two_files_is_carried_once(shop: Shop) -> None:
    def source(name: str) -> str:
        return (
            MAKE
            + f"""
import json
NAMES = ["a", "b"]
STATE = []


def each(apps, name):
    for one in NAMES:
        make(apps, json.dumps(one + name))


def fill(apps, editor):
    STATE.append("{name}")
    each(apps, "{name}" + str(len(STATE)))
"""
        )

    carried = shop.old(m0002_a=migration(RUN, source("x")), m0003_b=migration(RUN, source("y")))
    result = carried.same()
    for line in ("def make(", "def each(", "NAMES = ", "import json\n"):
        assert result.text.count(line) == 1
    assert "_0003(apps, name)" not in result.text
    assert "STATE_0003 = []" in result.text


def test_imports_of_one_name_from_two_places_are_told_apart(shop: Shop) -> None:
    def source(module: str) -> str:
        return f"from {module} import name" + FILL.replace('"filled"', "name()")

    shop.write(
        {f"shop/{each}.py": f'def name():\n    return "{each}"\n' for each in ("one", "two")}
    )
    carried = shop.old(
        m0002_a=migration(RUN, source("shop.one")), m0003_b=migration(RUN, source("..two"))
    ).same()
    assert carried.names == ["one", "two"]
    assert "from ..two import name as name_0003\n" in carried.text


def test_what_one_old_file_imports_from_another_is_carried(shop: Shop) -> None:
    second = (
        "from shop.migrations.seeds import make as done, NAME"
        + """
def fill(apps, editor):
    done(apps, NAME)
"""
    )
    first = migration("[]", MAKE + 'NAME = "linked"\n')
    carried = shop.old(seeds=first, m0003_b=migration(RUN, second)).same()
    assert carried.names == ["linked"]
    assert "make(apps, NAME)" in carried.text


# --- the migration's own attributes ---------------------------------------------------------------


def test_everything_that_a_migration_says_is_written(shop: Shop) -> None:
    operations = "[migrations.RunPython(fill, elidable=True, atomic=False, hints={'a': HINT})]"
    shop.old(m0002_seed=migration(operations, FILL + 'HINT = "b"\n'))
    carried = shop.same(
        atomic=False,
        run_before=[("auth", "0002_alter_permission_name_max_length")],
        replaces=[("shop", "0002_seed")],
        dependencies=[("shop", "0001_initial"), ("__setting__", "AUTH_USER_MODEL")],
    )
    for line in (
        "from django.conf import settings\n",
        "    replaces = [('shop', '0002_seed')]\n",
        "    atomic = False\n",
        "    run_before = [('auth', '0002_alter_permission_name_max_length')]\n",
        "        migrations.swappable_dependency(settings.AUTH_USER_MODEL),\n",
        "            elidable=True,\n",
        "            hints={'a': 'b'},\n",
    ):
        assert carried.text.count(line) == 1
    assert "initial = True" not in carried.text


def test_what_needs_no_old_code_is_written_as_django_writes_it(shop: Shop) -> None:
    assert shop.run("write")["plain"] is True


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (
            "from shop.words import *\ndef fill(apps, editor):\n    said(apps)\n",
            "0002_seed.py:4 uses said, and where that comes from is not written there:"
            " `from shop.words import *`",
        ),
        (
            "import importlib\n"
            'old = importlib.import_module("shop.migrations.0003_more")\n'
            "def fill(apps, editor):\n    old.more(apps)\n",
            "0002_seed.py:3 imports shop.migrations.0003_more, which will be gone",
        ),
        (
            "from importlib import import_module\ndef fill(apps, editor):\n"
            '    import_module(".0003_more", __package__).more(apps)\n',
            "0002_seed.py:4 imports shop.migrations.0003_more, which will be gone",
        ),
        (
            "def fill(apps, editor):\n    return Migration.name\n",
            "0002_seed.py:3 uses the old class Migration, which will be gone",
        ),
        (
            "globals()['made'] = 1\ndef fill(apps, editor):\n    return made\n",
            "0002_seed.py:4 uses made, and where that comes from is not written there",
        ),
    ],
)
def test_what_cannot_be_known_is_refused_with_its_place(shop: Shop, head: str, reason: str) -> None:
    shop.write({"shop/words.py": "def said(apps):\n    pass\n"})
    more = migration("[]", "def more(apps):\n    pass\n")
    shop.old(m0002_seed=migration(RUN, head), m0003_more=more)
    assert reason in shop.refused()
