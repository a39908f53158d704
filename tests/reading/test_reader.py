"""A migration file is read without running it; what cannot be read is said, with a reason."""

from __future__ import annotations

import time

import pytest

from remigrate import reader, surroundings
from remigrate.model import MAX_BYTES, Broken, Header, Operation, Reference, Unread

IMPORTS = """\
from django.conf import settings
from django.db import migrations, models
"""
A1, B2 = ("a", "0001_initial"), ("b", "0002_more")
WHOLE = """\
class Migration(migrations.Migration):
    dependencies = [("a", "0001_initial"), ("b", "0002_more")]
"""


def header(source: str | bytes) -> Header:
    """The header of a file that Python accepts."""
    found = reader.read(source.encode() if isinstance(source, str) else source)
    assert isinstance(found, Header), found
    return found


def pairs(references: tuple[Reference, ...]) -> list[tuple[str, str]]:
    return [(reference.label, reference.name) for reference in references]


def body(text: str, before: str = "") -> str:
    """A file whose ``Migration`` has this body."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    return f"{before}{IMPORTS}\nclass Migration(migrations.Migration):\n{lines}"


READ = {
    "a list": body('dependencies = [("a", "0001_initial"), ("b", "0002_more")]'),
    "a tuple": body('dependencies = (("a", "0001_initial"), ("b", "0002_more"))'),
    "lists for pairs": body('dependencies = [["a", "0001_initial"], ["b", "0002_more"]]'),
    "concatenation": body('dependencies = [("a", "0001_initial")] + [("b", "0002_more")]'),
    "tuples, concatenated": body('dependencies = (("a", "0001_initial"),) + (("b", "0002_more"),)'),
    "a spread": body(
        "dependencies = [('a', '0001_initial'), *MORE]", before='MORE = [("b", "0002_more")]\n'
    ),
    "a module constant": body(
        "dependencies = DEPS", before='DEPS = [("a", "0001_initial"), ("b", "0002_more")]\n'
    ),
    "constants in pairs": body(
        "dependencies = [(A, '0001_initial'), ('b', N)]", before='A = "a"\nN = "0002_more"\n'
    ),
    "a constant of a class": body(
        "dependencies = [(Names.A, '0001_initial'), ('b', '0002_more')]",
        before='class Names:\n    A = "a"\n',
    ),
    "an annotation": body(
        'dependencies: list[tuple[str, str]] = [("a", "0001_initial"), ("b", "0002_more")]'
    ),
    "+=": body('dependencies = [("a", "0001_initial")]\ndependencies += [("b", "0002_more")]'),
    "append": body(
        'dependencies = [("a", "0001_initial")]\ndependencies.append(("b", "0002_more"))'
    ),
    "extend": body(
        'dependencies = [("a", "0001_initial")]\ndependencies.extend([("b", "0002_more")])'
    ),
    "insert": body(
        'dependencies = [("a", "0001_initial")]\ndependencies.insert(1, ("b", "0002_more"))'
    ),
    "after operations": body(
        'operations = [migrations.RunSQL("select 1")]\n'
        'dependencies = [("a", "0001_initial"), ("b", "0002_more")]'
    ),
    "appended after the class": body('dependencies = [("a", "0001_initial")]')
    + 'Migration.dependencies.append(("b", "0002_more"))\n',
    "extended after the class": body('dependencies = [("a", "0001_initial")]')
    + 'Migration.dependencies += [("b", "0002_more")]\n',
    "assigned after the class": body("pass")
    + 'Migration.dependencies = [("a", "0001_initial"), ("b", "0002_more")]\n',
    "put together after the class": body('dependencies = [("a", "0001_initial")]')
    + 'Migration.dependencies = Migration.dependencies + [("b", "0002_more")]\n',
    "a second class wins": body('dependencies = [("c", "0009_old")]') + WHOLE,
    "another class beside it": f"{IMPORTS}class Other:\n    dependencies = [1]\n{WHOLE}",
    "a class in the class": body(
        'dependencies = [("a", "0001_initial"), ("b", "0002_more")]\n'
        "class Meta:\n    dependencies = []"
    ),
    "a base in the same file": body(
        'dependencies = [("a", "0001_initial"), ("b", "0002_more")]'
    ).replace("class Migration(", "class Base(")
    + "class Migration(Base):\n    pass\n",
    "a base's and its own": body('dependencies = [("a", "0001_initial")]').replace(
        "class Migration(", "class Base("
    )
    + 'class Migration(Base):\n    dependencies = Base.dependencies + [("b", "0002_more")]\n',
    "a mixin": f"{IMPORTS}class Mixin:\n"
    '    dependencies = [("a", "0001_initial"), ("b", "0002_more")]\n'
    "class Migration(Mixin, migrations.Migration):\n    pass\n",
    "under another name": WHOLE.replace("class Migration(", "class Squash(").join(
        [IMPORTS, "Migration = Squash\n"]
    ),
    "a base from elsewhere": f"from project.base import Safe\n{WHOLE}".replace(
        "(migrations.Migration)", "(Safe)"
    ),
    "the class imported": f"from django.db.migrations import Migration\n{WHOLE}".replace(
        "(migrations.Migration)", "(Migration)"
    ),
    "the class from its own module": "from django.db.migrations.migration import Migration as B\n"
    + WHOLE.replace("(migrations.Migration)", "(B)"),
    "an alias": f"from django.db import migrations as m\n{WHOLE}".replace("(migrations.", "(m."),
    "a whole import": f"import django.db.migrations\n{WHOLE}".replace(
        "(migrations.", "(django.db.migrations."
    ),
    "a whole import under an alias": f"import django.db.migrations as m\n{WHOLE}".replace(
        "(migrations.", "(m."
    ),
    "an f-string": body(
        "dependencies = [('a', f'0001_{S}'), ('b', f'0002_more')]", before='N = 1\nS = "initial"\n'
    ),
    "text put together": body('dependencies = [("a", "0001_" "initial"), ("b", "0002" + "_more")]'),
    "Python 2's text": body('dependencies = [(b"a", b"0001_initial"), (u"b", u"0002_more")]'),
    "list() and tuple()": body(
        "dependencies = list(D) + list(tuple([('b', '0002_more')]))",
        before='D = (("a", "0001_initial"),)\n',
    ),
    "a condition elsewhere": f"{IMPORTS}if settings.DEBUG:\n    FLAG = 1\n{WHOLE}",
    "functions beside it": body(
        'dependencies = [("a", "0001_initial"), ("b", "0002_more")]\n'
        "def apply(self, state):\n    return self.dependencies"
    ),
    "a byte-order mark": "\ufeff"
    + body('dependencies = [("a", "0001_initial"), ("b", "0002_more")]'),
    "Windows line ends": body('dependencies = [("a", "0001_initial"), ("b", "0002_more")]').replace(
        "\n", "\r\n"
    ),
    "a list that two names share": body("dependencies = D", before='D = [("a", "0001_initial")]\n')
    + 'D.append(("b", "0002_more"))\n',
    "a tuple that two names share": body(
        'dependencies = T + (("a", "0001_initial"), ("b", "0002_more"))',
        before="T = ()\nU = T\nU += (('c', '1'),)\n",
    ),
    "a copy that goes its own way": body(
        "dependencies = D",
        before='D = [("a", "0001_initial"), ("b", "0002_more")]\n'
        'E = list(D)\nE.append(("c", "1"))\n',
    ),
    "a list of the same name outside": 'dependencies = [("c", "1")]\n'
    + body('dependencies.append(("c", "2"))').replace("class Migration", "class Other")
    + WHOLE,
    "appended after the class to Django's own list": body("pass")
    + 'Migration.dependencies.append(("a", "0001_initial"))\n'
    + 'Migration.dependencies.extend([("b", "0002_more")])\n',
    "sorted in place": body('dependencies = [("a", "0001_initial"), ("b", "0002_more")]')
    + "Migration.dependencies.sort()\n",
}


@pytest.mark.parametrize("source", READ.values(), ids=READ)
def test_dependencies_are_read_from(source: str) -> None:
    found = header(source)
    assert pairs(found.dependencies) == [A1, B2]
    assert found.unread == ()


SWAPPABLE = Reference("AUTH_USER_MODEL", "__first__", 5, swappable=True)


@pytest.mark.parametrize(
    ("entry", "reference"),
    [
        ("migrations.swappable_dependency(settings.AUTH_USER_MODEL)", SWAPPABLE),
        ('migrations.swappable_dependency("users.User")', Reference("users", "__first__", 5)),
        ("swappable_dependency(settings.AUTH_USER_MODEL)", SWAPPABLE),
        (
            'migrations.swappable_dependency(getattr(settings, "SHOP_MODEL", "shop.Shop"))',
            SWAPPABLE._replace(label="SHOP_MODEL"),
        ),
        (
            'migrations.swappable_dependency(getattr(settings, "AUTH_USER_MODEL"))',
            SWAPPABLE,
        ),
        ('("auth", "__first__")', Reference("auth", "__first__", 5)),
        ('("auth", "__latest__")', Reference("auth", "__latest__", 5)),
    ],
)
def test_a_dependency_may_be(entry: str, reference: Reference) -> None:
    found = header(body(f"dependencies = [{entry}]"))
    assert found.dependencies == (reference,)
    assert found.unread == ()


def test_django_conf_may_be_imported_whole() -> None:
    entry = "migrations.swappable_dependency(conf.settings.AUTH_USER_MODEL)"
    source = body(f"dependencies = [{entry}]").replace(
        "from django.conf import settings", "import django.conf as conf"
    )
    assert header(source).dependencies == (SWAPPABLE,)


def test_everything_that_a_header_holds_is_read_with_its_line() -> None:
    source = body(
        "initial = True\natomic = False\n"
        'dependencies = [\n    ("a", "0001_initial"),\n    ("b", "0002_more"),\n]\n'
        'run_before = [("c", "0003_then")]\n'
        'replaces = [("shop", "0001_one"),\n            ("shop", "0002_two")]'
    )
    assert header(source) == Header(
        line=4,
        dependencies=(Reference(*A1, line=8), Reference(*B2, line=9)),
        run_before=(Reference("c", "0003_then", 11),),
        replaces=(Reference("shop", "0001_one", 12), Reference("shop", "0002_two", 13)),
        initial=True,
        atomic=False,
    )


def test_what_is_not_set_has_djangos_defaults() -> None:
    assert header(body("pass")) == Header(line=4, initial=None, atomic=True)


@pytest.mark.parametrize("value", ["settings.X", "bool(1)", "not settings.DEBUG"])
def test_flags_that_are_computed_are_unknown(value: str) -> None:
    found = header(body(f"dependencies = []\ninitial = {value}\natomic = {value}"))
    assert (found.initial, found.atomic, found.unread) == (None, None, ())


@pytest.mark.parametrize(
    "source",
    [
        "",
        "x = 1\n",
        "import this_is_not_run\n",
        "def f():\n    class Migration: pass\n",
        "# only words",
    ],
)
def test_a_module_without_a_migration_class_is_none(source: str) -> None:
    found = header(source)
    assert not found.is_migration
    assert found.unread == ()


BASE = body('dependencies = [("a", "0001_initial")]')
UNREAD: dict[str, tuple[str, tuple[int, str]]] = {
    "a comprehension": (
        body('dependencies = [(a, "0001_initial") for a in ("x", "y")]'),
        (5, "it is computed when Django runs"),
    ),
    "a condition": (
        body('if settings.DEBUG:\n    dependencies = [("a", "0001_initial")]'),
        (6, "it depends on a condition"),
    ),
    "a conditional expression": (
        body('dependencies = [("a", "1")] if settings.DEBUG else []'),
        (5, "it is computed when Django runs"),
    ),
    "a condition that adds": (
        body('dependencies = []\nif settings.DEBUG:\n    dependencies.append(("a", "1"))'),
        (7, "it depends on a condition"),
    ),
    "a condition that adds to a shared list": (
        body("dependencies = D", before='D = []\nif 1 > 0:\n    D.append(("a", "1"))\n'),
        (3, "it depends on a condition"),
    ),
    "a condition that adds after the class": (
        BASE + 'if settings.DEBUG:\n    Migration.dependencies.append(("b", "1"))\n',
        (7, "it depends on a condition"),
    ),
    "a condition that assigns after the class": (
        BASE + 'try:\n    Migration.dependencies = [("b", "1")]\nexcept Exception: pass\n',
        (7, "it depends on a condition"),
    ),
    "a condition that changes an alias afterwards": (
        body("dependencies = D", before='D = [("a", "1")]\n')
        + 'if 1 > 0:\n    D += [("b", "1")]\n',
        (8, "it depends on a condition"),
    ),
    "a loop": (
        body('dependencies = []\nfor a in ("x", "y"):\n    dependencies += [(a, "1")]'),
        (7, "it depends on a condition"),
    ),
    "a function's answer": (
        body("dependencies = [*more(), ('a', '1')]"),
        (5, "more() is called"),
    ),
    "a function of the file": (
        f"def more():\n    return []\n{body('dependencies = more()')}",
        (7, "more() is called"),
    ),
    "a setting for a label": (
        body('dependencies = [(settings.SHOP_APP, "0001_initial")]'),
        (5, "it is computed when Django runs"),
    ),
    "a name of another module": (
        body("dependencies = DEPS", before="from project import DEPS\n"),
        (1, "DEPS is imported from project"),
    ),
    "a relative import": (
        body("dependencies = [*DEPS]", before="from .base import DEPS\n"),
        (1, "DEPS is imported from .base"),
    ),
    "settings of another module": (
        body("dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]").replace(
            "django.conf", "project.conf"
        ),
        (1, "settings is imported from project.conf"),
    ),
    "a name that is nowhere": (body("dependencies = DEPS"), (1, "DEPS is not bound in the file")),
    "a percent sign": (
        body('dependencies = [("a", "000%d_initial" % 1)]'),
        (5, "it is computed when Django runs"),
    ),
    "an f-string with a format": (
        body('dependencies = [("a", f"{N:04}_initial")]', before="N = 1\n"),
        (6, "it is computed when Django runs"),
    ),
    "something unpacked": (
        body("dependencies = A", before="A, B = [], []\n"),
        (1, "it is unpacked from something"),
    ),
    "a decorator": (
        BASE.replace("class Migr", "@safe\nclass Migr"),
        (5, "the class has a decorator"),
    ),
    "a metaclass": (
        BASE.replace("(migrations.Migration)", "(migrations.Migration, metaclass=M)"),
        (4, "the class has a metaclass"),
    ),
    "a base of another file": (
        "from project.base import Base\nclass Migration(Base):\n    operations = []\n",
        (2, "a base class in another file has it"),
    ),
    "another migration's class": (
        "from shop.other import Migration\n",
        (1, "Migration is imported from shop.other"),
    ),
    "all of another migration": (
        "from shop.old_migrations.first import *\n",
        (1, "it may come from shop.old_migrations.first, of which all is taken"),
    ),
    "a constant before a star": (
        body("dependencies = D", before="D = []\nfrom project.names import *\n"),
        (2, "it may come from project.names, of which all is taken"),
    ),
    "a class made by a call": (
        f'{IMPORTS}Migration = type("Migration", (migrations.Migration,), {{}})\n',
        (3, "type() is called"),
    ),
    "a class under a condition": (
        f"{IMPORTS}if settings.DEBUG:\n    class Migration(migrations.Migration):\n        pass\n",
        (4, "Migration stands under a condition"),
    ),
    "__init__": (
        body("def __init__(self, *a):\n    self.dependencies = []\ndependencies = []"),
        (6, "it is set by __init__ when Django runs"),
    ),
    "__init__ that adds": (
        body(
            'dependencies = []\ndef __init__(self, *a):\n    self.dependencies.append(("a", "1"))'
        ),
        (7, "it is set by __init__ when Django runs"),
    ),
    "__init__ of a base": (
        body("def __init__(self, *a):\n    self.dependencies = []").replace("class Migr", "class B")
        + "class Migration(Bation):\n    dependencies = []\n",
        (6, "it is set by __init__ when Django runs"),
    ),
    "a property": (
        body("@property\ndef dependencies(self):\n    return []"),
        (6, "dependencies() is called"),
    ),
    "a lambda": (body("dependencies = (lambda: [])()"), (5, "something() is called")),
    "an entry replaced": (
        BASE + 'Migration.dependencies[0] = ("b", "1")\n',
        (6, "entries are changed by code"),
    ),
    "an entry removed": (
        BASE + "Migration.dependencies.pop()\n",
        (6, "entries are changed by code"),
    ),
    "an entry deleted": (
        BASE + "del Migration.dependencies[0]\n",
        (6, "entries are changed by code"),
    ),
    "deleted": (BASE + "del Migration.dependencies\n", (6, "it is deleted by code")),
    "setattr": (
        BASE + 'setattr(Migration, "dependencies", [])\n',
        (6, "setattr() may change it"),
    ),
    "handed to a function": (BASE + "register(Migration)\n", (6, "register() may change it")),
    "a function that changes it": (
        BASE + 'def more():\n    Migration.dependencies.append(("b", "1"))\nmore()\n',
        (7, "more() may change it"),
    ),
    "another name for it": (
        body("dependencies = D", before="D = []\nE = [D]\nE[0].append(('a', '1'))\n"),
        (3, "append() may change it"),
    ),
    "perhaps another name for it": (
        body("dependencies = D", before="D = []\nE = D or 1\nE.append(('a', '1'))\n"),
        (2, "it is computed when Django runs"),
    ),
    "another name in a loop": (
        body("dependencies = D", before="D = []\nfor E in (D,):\n    E.append(('a', '1'))\n"),
        (2, "it depends on a condition"),
    ),
    "a global statement": (
        body("dependencies = D", before="D = []\ndef f():\n    global D\n    D = [1]\n"),
        (1, "it is bound by an expression or a function"),
    ),
    "a walrus": (
        body('dependencies = []\nassert (dependencies := [("a", "1")])'),
        (4, "it is bound by an expression or a function"),
    ),
    "exec": (body('dependencies = []\nexec("dependencies = [1]")'), (6, "exec() may change it")),
    "locals()": (
        body('locals()["dependencies"] = [("a", "1")]'),
        (5, "it may be changed through locals()"),
    ),
    "three names": (
        body('dependencies = [("a", "b", "c")]'),
        (5, "it is not an (app, name) pair"),
    ),
    "a name alone": (body('dependencies = ["ab"]'), (5, "it is not an (app, name) pair")),
    "a number": (body('dependencies = [("a", 1)]'), (5, "it is not an (app, name) pair")),
    "None": (body("dependencies = None"), (4, "it is not a list")),
    "a sum of a thousand parts": (
        body(f"dependencies = {' + '.join(['D'] * 1500)}"),
        (1, "it is nested too deeply"),
    ),
}


@pytest.mark.parametrize(("source", "where"), UNREAD.values(), ids=UNREAD)
def test_what_is_not_certain_is_said_with_its_reason(source: str, where: tuple[int, str]) -> None:
    unread = {one.what: one for one in header(source).unread}
    assert unread["dependencies"] == Unread("dependencies", *where)


def test_certain_entries_stand_beside_the_one_that_is_not() -> None:
    found = header(
        body('dependencies = [("a", "0001_initial"), (name(), "x"), ("b", "0002_more")]')
    )
    assert pairs(found.dependencies) == [A1, B2]
    assert [one.why for one in found.unread] == ["name() is called"]


@pytest.mark.parametrize("attribute", ["run_before", "replaces"])
def test_the_other_lists_are_as_strict(attribute: str) -> None:
    found = header(body(f"dependencies = []\n{attribute} = [x for x in ()]"))
    assert found.unread == (Unread(attribute, 6, "it is computed when Django runs"),)


MARKERS = """\
from django.db import migrations
class Migration(migrations.Migration):
    dependencies = [
<<<<<<< HEAD
        ("shop", "0002_a"),
=======
        ("shop", "0002_b"),
>>>>>>> feature
    ]
"""
BROKEN: dict[str, tuple[bytes, Broken]] = {
    "conflict markers": (MARKERS.encode(), Broken(4, 1, "conflict markers were left in it")),
    "only the last marker": (
        b"x = 1\n>>>>>>> feature\n",
        Broken(2, 1, "conflict markers were left in it"),
    ),
    "a marker after a byte-order mark": (
        b"\xef\xbb\xbf<<<<<<< HEAD\nx = 1\n",
        Broken(1, 1, "conflict markers were left in it"),
    ),
    "Latin-1 that calls itself nothing": (
        "x = 1\ny = 'né'\n".encode("latin-1"),
        Broken(2, 7, "its bytes cannot be decoded"),
    ),
    "an encoding that nobody knows": (
        b"# coding: klingon\nx = 1\n",
        Broken(1, 0, "its bytes cannot be decoded"),
    ),
    "UTF-16": ("x = 1\n".encode("utf-16"), Broken(1, 0, "it holds a null byte")),
    "a null byte": (b"x = 1\ny = '\0'\n", Broken(2, 0, "it holds a null byte")),
    "deep nesting": (b"x = " + b"-" * 50_000 + b"1\n", Broken(1, 0, "it is nested too deeply")),
}


@pytest.mark.parametrize(("data", "broken"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_python_refuses_is_broken(data: bytes, broken: Broken) -> None:
    assert reader.read(data) == broken


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (b"x = 1\nclass Migration(\n", 2, "was never closed"),
        (b"x = (1,\n", 1, "was never closed"),
        (b"def f():\nx = 1\n", 2, "expected an indented block"),
        (b"x = '\\N{no such name}'\n", 1, "unicodeescape"),
        (b"print 'Python 2'\n", 1, "Missing parentheses"),
        (b"x = " + b"(" * 300 + b")" * 300, 1, "too many nested parentheses"),
        (b"x = " + b"9" * 5000, 1, "Exceeds the limit"),
    ],
)
def test_a_syntax_error_has_pythons_own_words(data: bytes, line: int, says: str) -> None:
    found = reader.read(data)
    assert isinstance(found, Broken)
    assert says in found.why
    assert found.line == line
    assert found.column >= 0


def test_a_conflict_marker_inside_text_is_only_text() -> None:
    source = body('dependencies = []\ntext = """\n<<<<<<< HEAD\n"""')
    assert header(source).unread == ()


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "cp1251", "utf-8-sig"])
def test_an_encoding_that_the_file_declares_is_used(encoding: str) -> None:
    name = "имя" if encoding == "cp1251" else "né"
    source = f"# -*- coding: {encoding} -*-\n" + body(f'dependencies = [("a", "{name}")]')
    assert pairs(header(source.encode(encoding)).dependencies) == [("a", name)]


def test_two_megabytes_of_data_are_read() -> None:
    rows = "".join(f"    ({at}, 'row number {at}'),\n" for at in range(1000))
    text = '"""' + "x" * 79 + '"""'
    much = "\n".join(["TEXT = [", *([f"    {text},"] * 22_000), "]"])
    source = f"ROWS = [\n{rows}]\n{much}\n" + body('dependencies = [("a", "0001_initial")]')
    assert 1_900_000 < len(source) < MAX_BYTES
    before = time.monotonic()
    assert pairs(header(source).dependencies) == [A1]
    assert time.monotonic() - before < 20


@pytest.mark.parametrize("row", ["# nothing\n", "a\n", "x = (\n", "<<<<<<< HEAD\n"])
def test_a_file_that_is_too_large_is_unread_at_once(row: str) -> None:
    source = body('dependencies = [("a", "0001_initial")]')
    data = (source + row * (MAX_BYTES // len(row))).encode()
    assert len(data) > MAX_BYTES
    why = "it is larger than 2 MiB"
    before = time.monotonic()
    assert reader.read(data) == Header(1, atomic=None, unread=(Unread("dependencies", 1, why),))
    assert reader.parse(data) == Broken(1, 0, why)
    assert surroundings.read_config(data) is None
    assert time.monotonic() - before < 1


def test_operations_are_listed_as_they_stand() -> None:
    tree = reader.parse(
        body(
            "dependencies = []\n"
            "operations = [\n"
            "    migrations.RunPython(forwards, backwards, elidable=True),\n"
            "    migrations.RunPython(code=module.fill),\n"
            "    AddField('a'),\n"
            "    *MORE,\n"
            "] + [migrations.RunSQL('')]\n"
            "operations += (custom(),)"
        ).encode()
    )
    assert not isinstance(tree, Broken)
    assert reader.operations(tree) == (
        Operation("RunPython", 7, elidable=True, code="forwards"),
        Operation("RunPython", 8, code="fill"),
        Operation("AddField", 9),
        Operation("", 10),
        Operation("RunSQL", 11),
        Operation("custom", 12),
    )


def test_a_sum_of_a_thousand_operations_is_listed() -> None:
    tree = reader.parse(body(f"operations = {' + '.join(['[a()]'] * 900)}").encode())
    assert not isinstance(tree, Broken)
    assert len(reader.operations(tree)) == 900


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('AUTH_USER_MODEL = "users.User"', {"AUTH_USER_MODEL": "users.User"}),
        ("AUTH_USER_MODEL = 'users.User'  # ours", {"AUTH_USER_MODEL": "users.User"}),
        ('AUTH_USER_MODEL: str = "users.User"', {"AUTH_USER_MODEL": "users.User"}),
        ('AUTH_USER_MODEL = "users.User"\r\nX = 1\r\n', {"AUTH_USER_MODEL": "users.User"}),
        ('    AUTH_USER_MODEL = "users.User"', {"AUTH_USER_MODEL": "users.User"}),
        ('A_MODEL = "a.A"\nB_MODEL_X = "b.B"', {"A_MODEL": "a.A", "B_MODEL_X": "b.B"}),
        ('A_MODEL = "a.A"\nA_MODEL = "a.A"', {"A_MODEL": "a.A"}),
        ('A_MODEL = "a.A"\nA_MODEL = "b.B"', {"A_MODEL": None}),
        ('A_MODEL = "a.A"\nA_MODEL = "b.B"\nA_MODEL = "a.A"', {"A_MODEL": None}),
        ('A_MODEL = env("A_MODEL", "a.A")', {"A_MODEL": None}),
        ('A_MODEL = "a.A" if DEBUG else "b.B"', {"A_MODEL": None}),
        ('A_MODEL = "a.A".lower()', {"A_MODEL": None}),
        ('A_MODEL = "not a model"', {"A_MODEL": None}),
        ('A_MODEL = (\n    "a.A"\n)', {"A_MODEL": None}),
        ('# A_MODEL = "a.A"', {}),
        ('if A_MODEL == "a.A": pass', {}),
        ('A_MODEL == "a.A"', {}),
        ('print(A_MODEL="a.A")', {}),
        ("MIDDLEWARE = []", {}),
        ("", {}),
    ],
)
def test_settings_that_name_a_model(text: str, found: dict[str, str | None]) -> None:
    assert surroundings.read_settings(text.encode()) == found


def test_settings_in_any_bytes_are_read() -> None:
    data = b'\xff\xfe\0\nA_MODEL = "a.A"\n'
    assert surroundings.read_settings(data) == {"A_MODEL": "a.A"}


@pytest.mark.parametrize("part", [b"MODEL", b"A", b" ", b"A_MODEL ", b"A_MODEL:", b'A_MODEL="a.'])
def test_a_settings_line_without_end_does_not_hold_anything_up(part: bytes) -> None:
    before = time.monotonic()
    surroundings.read_settings(part * (MAX_BYTES // len(part)))
    assert time.monotonic() - before < 5


def test_a_broken_apps_file_gives_no_label() -> None:
    assert surroundings.read_config(b"class (") is None
