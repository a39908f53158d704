"""A clean answer stands exactly as long as what it rests on does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remigrate import remembered, testimony, witness
from remigrate.testimony import Moved, taken, why_not
from remigrate.witness import Witness, decoded, encoded, quick

FILES = {
    "manage.py": "import sys\n",
    "shop/__init__.py": "",
    "shop/models.py": "price = 1\n",
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_initial.py": "first\n",
    "settings/base.toml": "debug = true\n",
}
FOLDERS = ("", "shop", "shop/migrations", "settings")
ENVIRON = {"DATABASE_URL": "postgres://ada:lovelace@db/shop", "DEBUG": "", "HOME": "/home/ada"}
LATER = 10**10
"""Nanoseconds; for tests that are not about what changes meanwhile."""


class Place(NamedTuple):
    """A project that an answer was about."""

    root: Path

    def path(self, name: str) -> str:
        return str(self.root / name) if name else str(self.root)

    def write(self, name: str, content: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(content)

    def paths(self, names: Iterable[str]) -> list[str]:
        return [self.path(name) for name in names]

    def view(self, seen: Mapping[str, str | None]) -> dict[str, bytes | None]:
        return {
            self.path(name): None if content is None else content.encode()
            for name, content in seen.items()
        }

    def taken(
        self,
        *also: str,
        folders: Iterable[str] = FOLDERS,
        variables: Iterable[str] = ("DATABASE_URL", "DEBUG", "SECRET_KEY"),
        seen: Mapping[str, str | None] | None = None,
        all_variables: bool = False,
    ) -> Witness:
        """The witness of this project now, and on its way through the store."""
        made = taken(
            self.paths([*FILES, *also]),
            self.paths(folders),
            variables,
            ENVIRON,
            started=time.time_ns() + LATER,
            all_variables=all_variables,
            view=self.view(seen or {}),
        )
        again = decoded(encoded(made))
        assert again is not None
        return again

    def reasons(
        self,
        was: Witness,
        environ: Mapping[str, str] = ENVIRON,
        seen: Mapping[str, str | None] | None = None,
    ) -> list[str]:
        return why_not(was, environ, self.view(seen or {}), root=str(self.root))[0]


def project(root: Path) -> Place:
    place = Place(root)
    for name, content in FILES.items():
        place.write(name, content)
    return place


@pytest.fixture
def fresh(tmp_path: Path) -> Place:
    """A project whose files were written this very moment."""
    return project(tmp_path / "project")


@pytest.fixture
def place(fresh: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project that nobody has touched for long enough that ``stat`` is to be trusted."""
    monkeypatch.setattr(testimony, "_COARSE", 0)
    pause()
    return fresh


def pause() -> None:
    """Until the clock of files has moved on."""
    time.sleep(0.02)


def test_while_nothing_changes_it_holds(place: Place) -> None:
    was = place.taken()
    assert quick(was, ENVIRON)
    assert place.reasons(was) == []


# Every kind of change


def same_size_and_time(place: Place) -> None:
    before = os.stat(place.path("shop/models.py"))
    place.write("shop/models.py", "price = 2\n")
    os.utime(place.path("shop/models.py"), ns=(before.st_atime_ns, before.st_mtime_ns))
    after = os.stat(place.path("shop/models.py"))
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)


def replaced(place: Place) -> None:
    place.write("new", "price = 2\n")
    os.replace(place.path("new"), place.path("shop/models.py"))


def folder_instead(place: Place) -> None:
    (place.root / "manage.py").unlink()
    (place.root / "manage.py").mkdir()


def pipe_instead(place: Place) -> None:
    (place.root / "manage.py").unlink()
    os.mkfifo(place.path("manage.py"))


CHANGES: dict[str, tuple[Callable[[Place], object], list[str]]] = {
    "edited": (lambda p: p.write("shop/models.py", "price = 22\n"), ["shop/models.py changed"]),
    "edited, time set back": (same_size_and_time, ["shop/models.py changed"]),
    "replaced": (replaced, ["shop/models.py changed"]),
    "emptied": (lambda p: p.write("manage.py", ""), ["manage.py changed"]),
    "deleted": (lambda p: (p.root / "manage.py").unlink(), ["manage.py is gone"]),
    "a folder instead": (folder_instead, ["manage.py changed"]),
    "a pipe instead": (pipe_instead, ["manage.py changed"]),
    "renamed": (
        lambda p: os.rename(p.path("shop/models.py"), p.path("shop/things.py")),
        ["shop/models.py is gone", "`things.py` appeared in shop/"],
    ),
    "a new module": (lambda p: p.write("shop/x.py", ""), ["`x.py` appeared in shop/"]),
    "a new module at the top": (lambda p: p.write("x.py", ""), ["`x.py` appeared in ./"]),
    "a new app": (lambda p: p.write("blog/x", ""), ["`blog/` appeared in ./"]),
    "a new compiled module": (lambda p: p.write("x.so", ""), ["`x.so` appeared in ./"]),
    "new settings": (lambda p: p.write(".env.local", ""), ["`.env.local` appeared in ./"]),
    "a module becomes a package": (
        lambda p: p.write("shop/models/__init__.py", ""),
        ["`models/` appeared in shop/"],
    ),
    "a folder is gone": (
        lambda p: shutil.rmtree(p.path("shop/migrations")),
        [
            "shop/migrations/0001_initial.py is gone",
            "shop/migrations/__init__.py is gone",
            "`migrations/` is gone from shop/",
            "shop/migrations/ is gone",
        ],
    ),
}


@pytest.mark.parametrize("settled", [True, False], ids=["settled", "fresh"])
@pytest.mark.parametrize(("change", "reasons"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed_and_named(
    fresh: Place,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Place], object],
    reasons: list[str],
    settled: bool,
) -> None:
    if settled:
        monkeypatch.setattr(testimony, "_COARSE", 0)
    pause()
    was = fresh.taken()
    pause()
    change(fresh)
    assert not quick(was, ENVIRON)
    assert fresh.reasons(was) == reasons


def test_only_the_first_reasons_are_told(place: Place) -> None:
    was = place.taken()
    for name in FILES:
        place.write(name, "other\n")
    assert len(place.reasons(was)) == 5
    assert len(why_not(was, {}, limit=1)[0]) == 1


@pytest.mark.parametrize(
    "name",
    ["README.md", "shop/x.pyc", ".coverage", "shop/__pycache__/x.pyc", ".git/x.py", "report.xml"],
)
def test_what_python_does_not_read_does_not_count(place: Place, name: str) -> None:
    was = place.taken()
    pause()
    place.write(name, "x")
    reasons, today = why_not(was, ENVIRON)
    assert reasons == []
    assert quick(today, ENVIRON)


def test_touching_costs_one_look_at_the_content(place: Place) -> None:
    was = place.taken()
    pause()
    for name in FILES:
        os.utime(place.path(name))
    assert not quick(was, ENVIRON)
    pause()
    reasons, today = why_not(was, ENVIRON)
    assert reasons == []
    assert quick(today, ENVIRON)


def test_a_link_that_leads_elsewhere_is_noticed(place: Place) -> None:
    place.write("one/x.py", "1\n")
    place.write("two/x.py", "2\n")
    for link, target in (("x.py", "one/x.py"), ("lib", "one")):
        (place.root / link).symlink_to(target)
    was = place.taken("x.py", "lib/x.py")
    assert quick(was, ENVIRON)
    for link, target in (("x.py", "two/x.py"), ("lib", "two")):
        (place.root / link).unlink()
        (place.root / link).symlink_to(target)
    assert not quick(was, ENVIRON)
    assert place.reasons(was) == ["lib/x.py changed", "x.py changed"]


def test_a_file_that_was_looked_for_in_vain_is_noticed_when_it_comes(place: Place) -> None:
    was = place.taken("local/secrets", folders=())
    assert quick(was, ENVIRON)
    place.write("local/secrets", "")
    assert not quick(was, ENVIRON)
    assert place.reasons(was) == ["local/secrets appeared"]


def test_a_folder_that_was_looked_for_in_vain_is_noticed_when_it_comes(place: Place) -> None:
    was = place.taken(folders=["plugins"])
    assert quick(was, ENVIRON)
    place.write("plugins/README", "")
    assert not quick(was, ENVIRON)
    assert place.reasons(was) == ["plugins/ appeared"]


def test_an_archive_on_pythons_path_counts_as_a_file(place: Place) -> None:
    place.write("lib.zip", "one")
    pause()
    was = place.taken(folders=["lib.zip"])
    assert quick(was, ENVIRON)
    place.write("lib.zip", "two")
    assert not quick(was, ENVIRON)
    assert place.reasons(was) == ["lib.zip changed"]


def test_pipes_devices_and_folders_are_not_read(place: Place) -> None:
    os.mkfifo(place.path("pipe"))
    was = place.taken("pipe", "shop")
    assert quick(was, ENVIRON)
    assert place.reasons(was) == []


def test_a_file_too_large_to_be_read_is_known_by_its_stat(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness, "_MAX_READ", 4)
    was = place.taken()
    assert quick(was, ENVIRON)
    assert place.reasons(was) == []
    os.utime(place.path("manage.py"))
    assert not quick(was, ENVIRON)
    assert place.reasons(was) == ["manage.py changed"]


def test_a_file_too_large_to_be_read_that_has_only_just_changed_is_not_trusted(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness, "_MAX_READ", 4)
    was = fresh.taken()
    fresh.write("manage.py", "something else")
    assert not quick(was, ENVIRON)
    assert "manage.py changed" in fresh.reasons(was)


@pytest.mark.parametrize("name", ["/proc/self/stat", "/dev/urandom", "relative", "", "/a\0b"])
def test_what_says_nothing_about_the_project_is_left_out(place: Place, name: str) -> None:
    was = taken([name], [name], ["A\0B"], ENVIRON, started=time.time_ns() + LATER)
    assert (was.files, was.folders, was.variables) == ([], [], [])


# What changes while it is looked at, or right after


def test_a_change_within_the_same_tick_of_the_clock_is_noticed(fresh: Place) -> None:
    """``stat`` may show the same for both contents (not on kernels whose clock waits for us)."""
    for _ in range(50):
        fresh.write("shop/models.py", "price = 1\n")
        was, before = fresh.taken(), os.stat(fresh.path("shop/models.py"))
        fresh.write("shop/models.py", "price = 2\n")
        assert not quick(was, ENVIRON)
        assert fresh.reasons(was) == ["shop/models.py changed"]
        if before.st_ctime_ns == os.stat(fresh.path("shop/models.py")).st_ctime_ns:
            break


def test_what_has_only_just_changed_is_known_by_its_content(fresh: Place) -> None:
    was = fresh.taken()
    assert {stamp for _, stamp, _ in (*was.files, *was.folders)} == {"doubtful"}
    assert quick(was, ENVIRON)
    os.utime(fresh.path("manage.py"))
    assert quick(was, ENVIRON)


def meanwhile(place: Place, change: Callable[[], object], *, seen: str | None = None) -> str:
    """What is said when something happens between the start and the end of an answer."""
    time.sleep(0.1)
    started = time.time_ns()
    change()
    view = place.view({seen: "seen"} if seen else {})
    files, folders = place.paths(FILES), place.paths(FOLDERS)
    try:
        taken(files, folders, (), ENVIRON, started=started, view=view)
    except Moved as moved:
        return str(moved).removeprefix(f"{place.root}/")
    return ""


def test_an_answer_about_a_state_that_is_gone_is_not_kept(fresh: Place) -> None:
    def edit() -> None:
        fresh.write("manage.py", "x")

    assert meanwhile(fresh, edit) == "manage.py changed meanwhile"
    assert meanwhile(fresh, edit, seen="manage.py") == ""
    assert meanwhile(fresh, lambda: fresh.write("shop/x.py", "")) == "shop/x.py changed meanwhile"
    gone = fresh.root / "shop/migrations/0001_initial.py"
    assert meanwhile(fresh, gone.unlink).endswith("0001_initial.py went away meanwhile")


def test_a_link_that_is_turned_meanwhile_is_a_change(fresh: Place) -> None:
    for name in ("one", "two"):
        fresh.write(name, name)
    (fresh.root / "manage.py").unlink()
    (fresh.root / "manage.py").symlink_to("one")
    (fresh.root / "next").symlink_to("two")

    def turned() -> None:
        os.replace(fresh.path("next"), fresh.path("manage.py"))

    assert meanwhile(fresh, turned) == "manage.py changed meanwhile"


def test_what_python_writes_while_it_looks_is_no_change(fresh: Place) -> None:
    def compiled() -> None:
        for folder in FOLDERS:
            fresh.write(f"{folder or '.'}/__pycache__/x.pyc", "")

    assert meanwhile(fresh, compiled) == ""


# A view


def test_content_seen_through_a_view_counts_instead_of_the_disks(place: Place) -> None:
    seen = {"shop/models.py": "staged = 1\n"}
    was = place.taken(seen=seen)
    assert place.reasons(was, seen=seen) == []
    assert place.reasons(was) == ["shop/models.py changed"]
    assert place.reasons(was, seen={"shop/models.py": "staged = 2\n"}) == ["shop/models.py changed"]
    place.write("shop/models.py", "on disk = 2\n")
    assert place.reasons(was, seen=seen) == []
    place.write("shop/models.py", "staged = 1\n")
    assert place.reasons(was) == []


def test_a_view_is_judged_quickly_only_where_it_is_known_to_be_the_same(place: Place) -> None:
    alone = place.taken(seen={"shop/models.py": "staged = 1\n"}, folders=())
    assert not quick(alone, ENVIRON)
    assert quick(alone, ENVIRON, view_is_same=True)
    was = place.taken(seen={"shop/models.py": "staged = 1\n"})
    assert not quick(was, ENVIRON)
    assert quick(was, ENVIRON, view_is_same=True)
    place.write("shop/models.py", "whatever")
    assert quick(was, ENVIRON, view_is_same=True)
    place.write("shop/x.py", "")
    assert not quick(was, ENVIRON, view_is_same=True)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("shop/new.py", "staged\n", "`new.py` appeared in shop/"),
        ("blog/models.py", "staged\n", "`blog/` appeared in ./"),
        ("shop/models.py", None, "shop/models.py is gone"),
        ("shop/local.py", None, "`local.py` is gone from shop/"),
    ],
)
def test_a_view_adds_and_hides_names(
    place: Place, name: str, content: str | None, reason: str
) -> None:
    place.write("shop/local.py", "")
    was, viewed = place.taken(), place.taken(seen={name: content})
    assert place.reasons(was, seen={name: content}) == [reason]
    assert place.reasons(viewed, seen={name: content}) == []
    assert len(place.reasons(viewed)) == 1
    assert not quick(viewed, ENVIRON)
    assert quick(viewed, ENVIRON, view_is_same=True)


def test_a_staged_file_that_is_written_to_disk_as_it_is_changes_nothing(place: Place) -> None:
    seen = {"shop/new.py": "new\n"}
    was = place.taken("shop/new.py", seen=seen)
    place.write("shop/new.py", "new\n")
    assert place.reasons(was) == []
    (place.root / "shop/new.py").unlink()
    assert place.reasons(was) == ["shop/new.py is gone"]


# Variables


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"DATABASE_URL": "postgres://other"}, "variable DATABASE_URL is set otherwise"),
        ({"DATABASE_URL": None}, "variable DATABASE_URL is not set"),
        ({"DEBUG": None}, "variable DEBUG is not set"),
        ({"DEBUG": "1"}, "variable DEBUG is set otherwise"),
        ({"SECRET_KEY": ""}, "variable SECRET_KEY is set"),
        ({"LANG": "C"}, ""),
    ],
)
def test_a_variable_that_was_read_is_noticed(
    place: Place, change: dict[str, str | None], reason: str
) -> None:
    was = place.taken()
    environ = {name: value for name, value in (ENVIRON | change).items() if value is not None}
    assert quick(was, environ) == (not reason)
    assert place.reasons(was, environ) == ([reason] if reason else [])


def test_where_any_variable_may_have_been_read_all_but_noise_count(place: Place) -> None:
    was = place.taken(variables=["PWD"], all_variables=True)
    noise = {"SHLVL": "2", "TERM_PROGRAM": "x", "GIT_INDEX_FILE": "x", "PRE_COMMIT": "1"}
    assert quick(was, ENVIRON | noise)
    assert place.reasons(was, ENVIRON | {"LANG": "C"}) == ["variable LANG is set"]
    assert place.reasons(was, ENVIRON | {"PWD": "/"}) == ["variable PWD is set"]
    assert not quick(was, ENVIRON | {"LANG": "C"})
    without = {name: value for name, value in ENVIRON.items() if name != "HOME"}
    assert place.reasons(was, without) == ["variable HOME is not set"]


def test_no_secret_is_kept_readable_nor_as_the_same_digest_twice(place: Place) -> None:
    place.write("settings/.env", "SECRET_KEY=correct-horse\n")
    first, second = (encoded(place.taken("settings/.env")) for _ in range(2))
    for secret in (b"lovelace", b"correct-horse"):
        assert secret not in first
    ours = [dict(w.variables)["DATABASE_URL"] for w in map(decoded, (first, second)) if w]
    assert len(set(ours)) == 2


# Damage


@pytest.mark.parametrize("at", [0, 5, 12, 60, -60, -1])
def test_a_damaged_witness_is_none(place: Place, at: int) -> None:
    content = bytearray(encoded(place.taken()))
    assert decoded(bytes(content)) is not None
    content[at] ^= 1
    assert decoded(bytes(content)) is None
    assert decoded(bytes(content[:at])) is None


def test_names_that_are_no_text_come_back(place: Place) -> None:
    name = os.fsdecode(b"\xff\n.py")
    place.write(name, "x")
    was = place.taken(name)
    assert quick(was, ENVIRON)
    os.unlink(place.path(name))
    assert place.reasons(was) == [f"{name} is gone"]


# The interpreter


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of an environment of its own."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    return tmp_path / "venv/bin/python"


def wheel(folder: Path, version: str, content: str) -> Path:
    folder.mkdir()
    path = folder / f"thing-{version}-py3-none-any.whl"
    info = f"thing-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thing.py", content)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: thing\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def pip(python: Path, *words: str | Path) -> None:
    own = (sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--no-input")
    subprocess.run(
        [*own, "--python", str(python), *map(str, words)], check=True, capture_output=True
    )


def of(python: Path) -> Witness:
    found = remembered.environment_of(str(python))
    return taken(
        found.files,
        found.folders,
        found.variables,
        {},
        started=time.time_ns() + LATER,
        links=found.links,
    )


def holds(was: Witness) -> bool:
    """Both ways of asking agree."""
    reasons, _ = why_not(was, {})
    assert quick(was, {}) == (not reasons), reasons
    return not reasons


def test_what_pip_does_is_noticed(python: Path, tmp_path: Path) -> None:
    install = ("install", "--no-index", "--no-deps", "--force-reinstall")
    for words in (
        (*install, wheel(tmp_path / "a", "1.0", "x = 1\n")),
        (*install, wheel(tmp_path / "b", "1.0", "x = 2\n")),
        (*install, wheel(tmp_path / "c", "1.1", "x = 2\n")),
        ("uninstall", "-y", "thing"),
    ):
        was = of(python)
        assert holds(was)
        pip(python, *words)
        assert not holds(was), words


def test_another_environment_or_python_in_the_same_place_is_noticed(
    python: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "other", with_pip=False, symlinks=True)
    (tmp_path / ".venv").symlink_to("venv")
    was = of(tmp_path / ".venv/bin/python")
    assert holds(was)
    (tmp_path / ".venv").unlink()
    (tmp_path / ".venv").symlink_to("other")
    assert not holds(was)
    was = of(python)
    real = python.resolve()
    shutil.copy(real, tmp_path / "same-content")
    python.unlink()
    python.symlink_to(tmp_path / "same-content")
    assert not holds(was)


def test_a_path_file_or_a_changed_configuration_is_noticed(python: Path) -> None:
    [site] = (python.parents[1] / "lib").glob("python*/site-packages")
    was = of(python)
    (site / "extra.pth").write_text("/somewhere\n")
    assert not holds(was)
    was = of(python)
    (site / "extra.pth").write_text("/elsewhere\n")
    assert not holds(was)
    was = of(python)
    (site / "thing.egg-link").write_text("/somewhere\n")
    assert not holds(was)
    was = of(python)
    config = python.parents[1] / "pyvenv.cfg"
    config.write_text(config.read_text() + "include-system-site-packages = true\n")
    assert not holds(was)
    with_base = remembered.environment_of(str(python)).folders
    without = remembered.environment_of(os.path.realpath(python)).folders
    assert set(with_base) == {str(site), *without}
    assert without


def test_packages_on_pythons_path_count_wherever_they_are(python: Path, tmp_path: Path) -> None:
    extra = tmp_path / "user/site-packages"
    extra.mkdir(parents=True)
    found = remembered.environment_of(str(python), [str(extra), str(tmp_path), ""])
    assert str(extra) in found.folders
    assert str(tmp_path) not in found.folders


# Whatever happens

NAMES = ("a.py", "b.py", "c.toml", "README", "pkg/d.py", "pkg/e.pyc", "pkg/.env")
CONTENTS = ("", "x = 1\n", "x = 2\n")
EDITS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES), st.sampled_from(CONTENTS)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES), st.just("")),
    st.tuples(st.just("touch"), st.sampled_from(NAMES), st.just("")),
    st.tuples(st.just("rename"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
)
COUNT = {"a.py", "b.py", "c.toml", "pkg/d.py", "pkg/.env"}
READ = {"a.py", "README", "pkg/d.py", "gone.py"}
"""README was opened, so that its content counts, and its name does not."""


def edit(root: Path, what: str, name: str, other: str) -> None:
    path = root / name
    if what == "write":
        path.write_text(other)
    elif path.exists() and what == "delete":
        path.unlink()
    elif path.exists() and what == "touch":
        os.utime(path)
    elif path.exists():
        os.replace(path, root / other)


def state(root: Path) -> object:
    """All that may make a difference."""
    there = {name: (root / name).read_text() for name in NAMES if (root / name).exists()}
    return {name: there.get(name) for name in READ}, there.keys() & COUNT


@settings(max_examples=150, deadline=None)
@given(
    start=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(CONTENTS)),
    edits=st.lists(EDITS, max_size=6),
    settled=st.booleans(),
)
def test_it_holds_exactly_as_long_as_nothing_that_matters_differs(
    start: dict[str, str], edits: list[tuple[str, str, str]], settled: bool
) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        root = Path(os.path.realpath(name))
        (root / "pkg").mkdir()
        for path, content in start.items():
            (root / path).write_text(content)
        if settled:
            patch.setattr(testimony, "_COARSE", 0)
            pause()
        before = state(root)
        files = [str(root / path) for path in READ]
        folders = [str(root), str(root / "pkg")]
        was = taken(files, folders, (), {}, started=time.time_ns() + LATER)
        if settled:
            pause()
        for step in edits:
            edit(root, *step)
            same = state(root) == before
            assert (why_not(was, {})[0] == []) == same
            assert same or not quick(was, {})
        for path in NAMES:
            edit(root, "write" if path in start else "delete", path, start.get(path, ""))
        reasons, today = why_not(was, {})
        assert reasons == []
        pause()
        assert quick(today, {})
