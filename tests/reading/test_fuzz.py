"""Mutated real migrations: the reader never fails, and never says what running them would deny.

The judge is Django's own ``Migration`` class, in an interpreter of its own (`fuzzed`).
"""

from __future__ import annotations

import base64
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
import pytest

from remigrate import reader, surroundings
from remigrate.model import Broken, Header, Reference
from tests.reading.test_reader import READ, UNREAD

USER = "auth"
WORDS = (
    b"dependencies run_before replaces Migration migrations settings AUTH_USER_MODEL append extend"
    b" swappable_dependency initial operations class def if for in import from not None True del"
    b" global pass with as try except: finally: else: lambda return yield * ** += = := == . , : ;"
    b" ( ) [ ] { } @ - + 0 1 2 'auth' \"0001_initial\" b'x' f'{x}' [] () \n    \n \\ # \t"
    b" remove insert pop clear sort setattr getattr exec locals() globals() vars() __init__ self"
).split(b" ")
_PREAMBLE = b"""\
from django.db import migrations
D = [("p", "q")]
E = D
L = "auth"
T = (("t", "t"),)
class Base(migrations.Migration):
    dependencies = D
class Migration(Base):
    run_before = E
def f(*a): Migration.dependencies.append(("f", "f"))
Other = Migration
"""
LINES = (
    b"    dependencies = [('auth', '0001_initial')]",
    b"    dependencies += [('sites', '0001_initial')]",
    b"    dependencies.append(('sites', '0001_initial'))",
    b"    run_before = dependencies",
    b"    replaces = [*dependencies, ('auth', '0002_x')]",
    b"    replaces = list(run_before)",
    b"    del dependencies",
    b"    dependencies = tuple(dependencies) + (('a', 'b'),)",
    b"    dependencies: list = []",
    b"    dependencies, run_before = run_before, dependencies",
    b"    dependencies = run_before = [('a', 'b')]",
    b"    def __init__(self, *a):",
    b"        super().__init__(*a); self.dependencies = [('a', 'b')]",
    b"    if True:",
    b"    for x in 'ab':",
    b"    while dependencies:",
    b"        dependencies = dependencies + [('a', 'b')]",
    b"        dependencies.pop()",
    b"    dependencies[0] = ('a', 'b')",
    b"    dependencies[:] = [('a', 'b')]",
    b"    dependencies.remove(('auth', '0001_initial'))",
    b"    dependencies.reverse()",
    b"class Migration(Migration):",
    b"class Base(migrations.Migration):",
    b"class Migration(Base):",
    b"    pass",
    b"Migration.dependencies = [('a', 'b')]",
    b"Migration.dependencies.append(('a', 'b'))",
    b"Migration.run_before = Migration.dependencies",
    b"Migration.run_before.append(('a', 'b'))",
    b"Base.dependencies = [('a', 'b')]",
    b"Base.dependencies.append(('a', 'b'))",
    b"D = Migration.dependencies",
    b"D = [('a', 'b')]",
    b"    dependencies = D",
    b"    dependencies = D + [(L, '0001_initial')]",
    b"D.append(('a', 'b'))",
    b"D += [('c', 'd')]",
    b"L = 'auth'",
    b"L += 'x'",
    b"if D: D.append(('a', 'b'))",
    b"del D[:]",
    b"(D := [('a', 'b')])",
    b"def f(): Migration.dependencies.append(('a', 'b'))",
    b"f()",
    b"f(Migration)",
    b"setattr(Migration, 'dependencies', [('a', 'b')])",
    b"globals()['D'] = [('x', 'y')]",
    b"exec('D = [(1, 2)]')",
    b"Other = Migration",
    b"Other.dependencies = [('a', 'b')]",
    b"Other.dependencies.append(('a', 'b'))",
    b"from django.contrib.sites.models import *",
    b"Migration = Other",
    b"with open('/dev/null') as D: pass",
    b"    run_before = D",
    b"    D = [*D, ('m', 'n')]",
    b"    run_before = T",
    b"T += D",
    b"D = list(T)",
    b"D = T",
    b"D.extend(T)",
    b"D.insert(0, ('i', 'i'))",
    b"E = D",
    b"E.append(('e', 'e'))",
    b"E = E + T",
    b"D[0] = ('z', 'z')",
    b"D.clear()",
    b"D *= 2",
    b"D, E = E, D",
    b"for D in [[('a', 'b')]]: pass",
    b"try: D.append(('t', 't'))\nfinally: pass",
    b"class Migration(Other): dependencies = Base.dependencies",
    b"class Base(Base): run_before = [('r', 'r')]",
    b"Base.run_before = D",
    b"Migration.__init__ = lambda self, *a: None",
    b"del Base.dependencies, D",
    b"[D.append(('c', 'c')) for _ in 'ab']",
    b"X = D.append(('x', 'x'))",
    b"X = f(D.pop())",
    b"assert D.append(('x', 'x')) is None",
    b"if D and D.append(1): pass",
    b"L = f(L)",
    b"def g(x=D.append(('y', 'y'))): pass",
    b"lambda: D.pop()",
    b"D = D or E",
    b"D and D.pop()",
    b"E.append(D.pop())",
    b"type(Migration).x = 1",
    b"Migration.mro()[0].dependencies = [('k', 'k')]",
    b"Migration.__dict__['dependencies'].append(('a', 'b'))",
    b"vars(Migration)['dependencies'].append(('a', 'b'))",
    b"import sys; sys.modules",
    b"match D:\n    case [D, *E]: pass",
    b"    from math import *",
    b"    from math import pi as dependencies",
    b"    import math as dependencies",
    b"    def dependencies(self): pass",
    b"    class dependencies: pass",
    b"    dependencies = property(lambda self: [('p', 'p')])",
    b"    @property\n    def dependencies(self): return D",
    b"    def __new__(cls, *a): cls.dependencies = D; return super().__new__(cls)",
    b"    def __getattribute__(self, name): return D if name != '__class__' else Other",
    b"    __slots__ = ()",
    b"    async def replaces(self): pass",
    b"    replaces = run_before = [('q', 'q')]; replaces += D",
    b"    replaces = D[:]",
    b"    replaces = sorted(D)",
    b"    replaces = D * 2",
    b"    replaces = [d for d in D]",
    b"    replaces = {('a', 'b')}",
    b"    replaces = [('a', 'b')] if D else []",
    b"    replaces = {'x': 1} and [('a', 'b')]",
    b"    replaces = [x := ('a', 'b')]",
)


def sources() -> list[bytes]:
    """The migrations that Django brings, and those that the other tests read."""
    folder = Path(django.__file__).parent / "contrib"
    found = [path.read_bytes() for path in sorted(folder.glob("*/migrations/0*.py"))]
    made = [*READ.values(), *(source for source, _ in UNREAD.values())]
    return found + [source.encode() for source in made if len(source) < 2000]


def mutated(source: bytes, chance: random.Random) -> bytes:
    """`source` with a few random changes to bytes, words or lines."""
    if chance.random() < 0.7:
        source = _PREAMBLE + source
    for _ in range(chance.randint(1, 4)):
        ways = (_lines, _statement, _statement, _statement, _statement, _words, _bytes)
        source = chance.choice(ways)(source, chance)
    return source


def _bytes(source: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(source) + 1)
    new = bytes([chance.randrange(256)]) if chance.random() < 0.5 else chance.choice(WORDS)
    return source[:at] + new + source[at + chance.randint(0, 2) :]


def _words(source: bytes, chance: random.Random) -> bytes:
    words = source.split(b" ")
    at = chance.randrange(len(words))
    words[at] = chance.choice((chance.choice(WORDS), chance.choice(words), b""))
    return b" ".join(words)


def _lines(source: bytes, chance: random.Random) -> bytes:
    lines = source.split(b"\n")
    at = chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, chance.choice(lines))
        case 2:
            lines.insert(at, lines.pop())
        case _:
            lines.insert(at, chance.choice(LINES))
    return b"\n".join(lines)


def _statement(source: bytes, chance: random.Random) -> bytes:
    """One more line where it may belong: in a class, between the statements of the file, below."""
    line = chance.choice(LINES)
    if line.startswith(b" "):
        seams = [m.start() for m in re.finditer(rb"\n    (?=\w+ = )", source)]
    else:
        seams = [m.start() for m in re.finditer(rb"\n(?=[a-zA-Z@])", source)]
    at = chance.choice([*seams, len(source), len(source)])
    return source[:at] + b"\n" + line + source[at:]


def ran(batch: list[bytes]) -> list[list[list[list[str]]] | None]:
    """What each file says when it is run."""
    script = Path(__file__).with_name("fuzzed.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script],
        input=json.dumps([base64.b64encode(source).decode() for source in batch]).encode(),
        capture_output=True,
        timeout=60,
        cwd=tempfile.gettempdir(),
    )
    assert done.returncode == 0, done.stderr.decode()
    answers: list[list[list[list[str]]] | None] = json.loads(done.stdout)
    return answers


def _pairs(references: tuple[Reference, ...]) -> Iterator[list[str]]:
    for one in references:
        yield [USER if one.swappable else one.label, one.name]


def agrees(header: Header | Broken, lists: list[list[list[str]]]) -> bool:
    """Whether the header says what running the file said, or that it does not know."""
    if isinstance(header, Broken) or not header.is_migration:
        return False
    doubts = {unread.what for unread in header.unread}
    if header == Header(header.line, atomic=None, unread=header.unread) and header.unread:
        return True  # nothing at all was read, and that was said
    for name, said in zip(("dependencies", "run_before", "replaces"), lists, strict=True):
        if name not in doubts and sorted(_pairs(getattr(header, name))) != sorted(said):
            return False
    return True


@pytest.mark.parametrize("seed", range(6))
def test_the_reader_never_contradicts_python(seed: int) -> None:
    chance = random.Random(seed)
    originals = sources()
    batch = [mutated(chance.choice(originals), chance) for _ in range(1500)]
    headers = [reader.read(source) for source in batch]
    wrong = []
    judged = 0
    for source, header, lists in zip(batch, headers, ran(batch), strict=True):
        judged += lists is not None
        if lists is not None and not agrees(header, lists):
            wrong.append((source.decode("utf-8", "replace"), header, lists))
    assert judged > 150, "too few of the files can be run for this to say anything"
    assert not wrong, "\n\n".join(f"{s}\n{h}\n{x}" for s, h, x in wrong[:3]) + f"\n{len(wrong)}"


@pytest.mark.parametrize("kind", ["read_config", "read_settings", "operations"])
def test_no_bytes_make_the_other_readers_fail(kind: str) -> None:
    chance = random.Random(kind)
    originals = sources()
    for _ in range(1500):
        source = mutated(chance.choice(originals), chance)
        if kind == "operations":
            tree = reader.parse(source)
            if not isinstance(tree, Broken):
                reader.operations(tree)
        else:
            getattr(surroundings, kind)(source)


def test_django_itself_says_what_the_unmutated_files_say() -> None:
    files = sources()
    answers = ran(files)
    assert sum(lists is not None for lists in answers) > 60
    for source, lists in zip(files, answers, strict=True):
        assert lists is None or agrees(reader.read(source), lists), source.decode()
