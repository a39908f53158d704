"""The cache is never trusted, and never in the way: whatever happens to it, the answer is right."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from remigrate import check, home, load
from remigrate.cache import DiskCache, default_path
from remigrate.memory import NoCache
from remigrate.model import Header, Project
from tests.reading.conftest import Make
from tests.reading.repositories import Repository, app, migration, opened, tree

VALUES: dict[str, object] = {
    "header:a": [True, 1, [["shop", "0001_initial", 3, False]], "né\udcff"],
    "label:b": None,
    "settings:c": {"AUTH_USER_MODEL": "users.User"},
}


class Store:
    """A cache, and what it warned of."""

    def __init__(self, path: Path) -> None:
        self.warnings: list[str] = []
        self.cache = DiskCache(str(path), self.warnings.append)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "down" / "seen.sqlite3"


def filled(path: Path) -> None:
    store = Store(path)
    store.cache.put(VALUES)
    assert store.warnings == []


def test_what_was_put_comes_back(path: Path) -> None:
    filled(path)
    store = Store(path)
    assert store.cache.get([*VALUES, "header:unknown"]) == VALUES
    assert store.warnings == []


def test_an_empty_cache_knows_nothing(path: Path) -> None:
    store = Store(path)
    assert store.cache.get(["header:a"]) == {}
    store.cache.put({})
    assert not path.exists()
    assert NoCache().get(["header:a"]) == {}


def test_ten_thousand_values_come_back(path: Path) -> None:
    many: dict[str, object] = {f"header:{at}": [at] for at in range(10_000)}
    store = Store(path)
    store.cache.put(many)
    assert store.cache.get(sorted(many)) == many


def test_the_folder_is_its_owners_alone(path: Path) -> None:
    filled(path)
    assert path.parent.stat().st_mode & 0o077 == 0


def damaged_header(path: Path) -> None:
    path.write_bytes(b"SQLite format 4" + path.read_bytes()[15:])


def overwritten(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:8192] = os.urandom(4096)
    path.write_bytes(data)


def another_program(path: Path) -> None:
    path.write_text("this is not SQLite\n" * 500)


def _changed(statement: str, *values: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with sqlite3.connect(path) as store:
            store.create_function("crc", 2, lambda k, v: zlib.crc32(v, zlib.crc32(k.encode())))
            store.execute(statement, values)
        store.close()

    return change


NOT_JSON = b"[1, 2"
DAMAGE = {
    "header": damaged_header,
    "a page": overwritten,
    "not SQLite": another_program,
    "a wrong checksum": _changed("UPDATE seen SET checksum = checksum + 1"),
    "another key's value": _changed(
        "UPDATE seen SET (value, checksum) = (SELECT value, checksum FROM seen WHERE key LIKE ?)",
        "%header:a",
    ),
    "another value": _changed("UPDATE seen SET value = ?", b"[false]"),
    "text": _changed("UPDATE seen SET value = ?", "text"),
    "a number": _changed("UPDATE seen SET value = 7, checksum = 7"),
    "no JSON": _changed("UPDATE seen SET value = ?1, checksum = crc(key, ?1)", NOT_JSON),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_cache_is_said_once_and_made_anew(
    path: Path, damage: Callable[[Path], None]
) -> None:
    filled(path)
    damage(path)
    store = Store(path)
    for _ in range(3):
        assert store.cache.get(list(VALUES)) == {}
    store.cache.put(VALUES)
    [warning] = store.warnings
    assert "was damaged and is made anew" in warning
    assert str(path) in warning
    after = Store(path)
    assert after.cache.get(list(VALUES)) == VALUES
    assert after.warnings == []


def test_no_damage_gives_a_wrong_answer(path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    chance = random.Random(1)
    cut = [whole[:at] for at in range(0, len(whole), 401)]
    scratched = []
    for _ in range(30):
        at = chance.randrange(len(whole))
        scratched.append(whole[:at] + chance.randbytes(chance.randint(1, 64)) + whole[at + 64 :])
    for data in cut + scratched:
        path.write_bytes(data)
        for _ in range(2):
            store = Store(path)
            known = store.cache.get(list(VALUES))
            assert known == {key: VALUES[key] for key in known}
            store.cache.put(VALUES)
            assert len(store.warnings) <= 1


def test_zero_bytes_are_an_empty_cache(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()
    store = Store(path)
    assert store.cache.get(list(VALUES)) == {}
    store.cache.put(VALUES)
    assert store.cache.get(list(VALUES)) == VALUES
    assert store.warnings == []


def test_what_another_edition_wrote_is_not_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as other:
        other.setattr(home, "edition", lambda: "0.0.0/another/")
        filled(path)
    store = Store(path)
    assert store.cache.get(list(VALUES)) == {}
    store.cache.put({"label:b": "mine"})
    assert store.cache.get(list(VALUES)) == {"label:b": "mine"}
    assert store.warnings == []


def test_a_table_of_another_shape_is_left_alone(path: Path) -> None:
    path.parent.mkdir(parents=True)
    _changed("CREATE TABLE seen (key TEXT, other TEXT)")(path)
    store = Store(path)
    for _ in range(2):
        assert store.cache.get(list(VALUES)) == {}
        store.cache.put(VALUES)
    assert len(store.warnings) == 1


def test_a_cache_that_somebody_has_locked_is_waited_for_once(path: Path) -> None:
    filled(path)
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    store = Store(path)
    before = time.monotonic()
    for _ in range(3):
        assert store.cache.get(list(VALUES)) == {}
        store.cache.put(VALUES)
    assert time.monotonic() - before < 3.5
    assert len(store.warnings) == 1
    assert "locked" in store.warnings[0]
    other.rollback()
    other.close()
    assert Store(path).cache.get(list(VALUES)) == VALUES


def test_a_read_only_cache_is_read(as_nobody: Path) -> None:
    path = as_nobody / "cache" / "seen.sqlite3"
    filled(path)
    path.chmod(0o400)
    path.parent.chmod(0o500)
    store = Store(path)
    assert store.cache.get(list(VALUES)) == VALUES
    for _ in range(2):
        store.cache.put({"label:new": "x"})
    assert len(store.warnings) == 1
    assert store.cache.get(["label:new"]) == {}


def test_a_folder_that_cannot_be_made_is_said_once(as_nobody: Path) -> None:
    as_nobody.chmod(0o500)
    store = Store(as_nobody / "cache" / "seen.sqlite3")
    for _ in range(2):
        assert store.cache.get(list(VALUES)) == {}
        store.cache.put(VALUES)
    assert len(store.warnings) == 1


def test_a_damaged_cache_that_cannot_be_removed_is_said_once(as_nobody: Path) -> None:
    path = as_nobody / "seen.sqlite3"
    path.write_text("this is not SQLite\n" * 500)
    as_nobody.chmod(0o500)
    store = Store(path)
    for _ in range(2):
        assert store.cache.get(list(VALUES)) == {}
        store.cache.put(VALUES)
    assert len(store.warnings) == 1
    assert "was not used" in store.warnings[0]


@pytest.mark.parametrize("taken", ["file", "folder"])
def test_something_else_in_its_place_is_left_alone(path: Path, taken: str) -> None:
    if taken == "file":
        path.parent.parent.write_text("a file where a folder should be")
    else:
        path.mkdir(parents=True)
    store = Store(path)
    for _ in range(2):
        assert store.cache.get(list(VALUES)) == {}
        store.cache.put(VALUES)
    assert len(store.warnings) == 1


def test_a_cache_that_grew_too_large_is_started_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(path)
    monkeypatch.setattr("remigrate.cache._MAX_FILE", 1000)
    store = Store(path)
    store.cache.put({"label:new": "x"})
    assert store.cache.get([*VALUES, "label:new"]) == {"label:new": "x"}
    assert store.warnings == []


WRITER = """\
import sys
from remigrate.cache import DiskCache

path, who = sys.argv[1:]
cache = DiskCache(path, lambda text: print(text))
for turn in range(40):
    keys = [f"header:{who}:{turn}:{at}" for at in range(20)]
    cache.put({key: [key] for key in keys} | {"header:shared": ["shared"]})
    known = cache.get([*keys, "header:shared"])
    assert known == {key: [key] for key in keys} | {"header:shared": ["shared"]}, known
"""


def test_processes_that_write_at_once_lose_nothing(path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), who],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for who in "abc"
    ]
    said = [writer.communicate(timeout=60)[0].decode() for writer in writers]
    assert said == ["", "", ""]
    keys = [f"header:{who}:{turn}:{at}" for who in "abc" for turn in range(40) for at in range(20)]
    assert Store(path).cache.get(keys) == {key: [key] for key in keys}


# What it is for


def project(repository: Repository, path: Path) -> Project:
    store = Store(path)
    found = load.load(tree(repository), store.cache)
    assert store.warnings == []
    return found


FILES = {
    **app("shop", "0001_initial", "0002_more"),
    "shop/apps.py": "from django.apps import AppConfig\n\n\n"
    "class Shop(AppConfig):\n    name = 'x.store'\n",
    "shop/migrations/0003_bad.py": "class (\n",
    "shop/migrations/0004_odd.py": migration(body="    run_before = run()\n").replace(
        "dependencies = []",
        "dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]",
    ),
    "project/settings.py": "AUTH_USER_MODEL = 'shop.User'\n",
    "manage.py": "",
}


def test_a_warm_cache_gives_the_same_project_as_a_cold_one(make: Make, path: Path) -> None:
    repository = make(FILES)
    cold = project(repository, path)
    assert cold == load.load(tree(repository), NoCache())
    assert project(repository, path) == cold
    assert [app.label for app in cold.apps] == ["store"]


def test_a_warm_cache_is_used(make: Make, path: Path) -> None:
    """Something else is put under the key of a file, and it is what is seen."""
    repository = make(app("shop", "0001_initial"))
    project(repository, path)
    blob = repository.word("rev-parse", "HEAD:shop/migrations/0001_initial.py")
    store = Store(path)
    fields = list(store.cache.get([f"header:{blob}"]).values())
    assert fields
    store.cache.put({f"header:{blob}": [True, 77, *fields[0][2:]]})  # type: ignore[index]
    [migration] = project(repository, path).apps[0].migrations
    assert isinstance(migration.header, Header)
    assert migration.header.line == 77


def test_what_base_and_head_share_is_read_once(make: Make) -> None:
    repository = make(app("shop", "0001_initial", "0002_more"))
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.write({"shop/migrations/0003_mine.py": migration("0002_more")})
    repository.git("add", ".")
    read: list[str] = []

    class Noting(NoCache):
        def put(self, values: dict[str, object]) -> None:
            read.extend(values)

    question = check.Question(base="HEAD", from_index=True)
    answer = check.look(opened(repository), question, Noting())
    assert answer.facts.landed
    assert len(answer.facts.landed.files) == 2
    assert len(answer.facts.graph.files) == 3
    blobs = repository.word(
        "rev-parse",
        *(f":shop/migrations/{name}.py" for name in ("0001_initial", "0002_more", "0003_mine")),
    ).split()
    assert sorted(key for key in read if "header" in key) == sorted(f"header:{b}" for b in blobs)


def test_a_file_that_git_was_told_not_to_look_at_does_not_spoil_the_cache(
    make: Make, path: Path
) -> None:
    """With ``--assume-unchanged``, the index names a content that is not the one on disk."""
    repository = make(app("shop", "0001_initial", "0002_more"))
    name = "shop/migrations/0002_more.py"
    repository.git("update-index", "--assume-unchanged", name)
    repository.write({name: migration("0001_other")})
    on_disk = project(repository, path)
    assert on_disk == load.load(tree(repository), NoCache())
    assert "0001_other" in str(on_disk)
    store = Store(path)
    committed = load.load(tree(repository, "HEAD"), store.cache)
    assert committed == load.load(tree(repository, "HEAD"), NoCache())
    assert "0001_other" not in str(committed)


# Where it is


def test_the_cache_is_where_the_system_says() -> None:
    assert default_path({"XDG_CACHE_HOME": "/x"}) == "/x/remigrate/seen.sqlite3"
    assert default_path({"HOME": "/h"}) == "/h/.cache/remigrate/seen.sqlite3"
    assert default_path({"HOME": "/h", "XDG_CACHE_HOME": ""}) == default_path({"HOME": "/h"})


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_without_a_home_there_is_no_cache(environ: dict[str, str]) -> None:
    assert default_path(environ) is None


def test_a_relative_cache_folder_is_not_used() -> None:
    assert default_path({"XDG_CACHE_HOME": "here", "HOME": "/h"}) == default_path({"HOME": "/h"})


def test_the_edition_stays_while_the_program_does() -> None:
    assert home.edition() == home.edition()
