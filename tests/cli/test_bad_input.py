"""What a user may point Remigrate at by mistake, and what odd repositories hold."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from remigrate.model import MAX_BYTES
from tests.cli.project import Project, Ran, refused, remigrate, text


def told(ran: Ran) -> dict[str, Any]:
    """The report, which must be there, and the only thing that was said."""
    assert ran.err == ""
    report: dict[str, Any] = json.loads(ran.out)
    return report


def found(ran: Ran) -> list[tuple[str, str]]:
    return [(finding["code"], finding["path"]) for finding in told(ran)["findings"]]


# Not what was meant


@pytest.mark.parametrize("command", ["check", "graph"])
def test_a_folder_outside_of_any_repository(tmp_path: Path, command: str) -> None:
    refused(
        remigrate(command, cwd=tmp_path), 3, f"{tmp_path} is not in a git repository", "git init"
    )


@pytest.mark.parametrize("command", ["check", "graph"])
def test_a_path_that_is_no_folder(shop: Project, command: str) -> None:
    refused(shop.remigrate(command, "nowhere"), 3, "nowhere does not exist", "Name a folder")
    refused(shop.remigrate(command, "manage.py"), 3, "manage.py is a file", "Name a folder")


@pytest.mark.parametrize("command", ["check", "graph"])
def test_a_revision_that_nobody_knows(shop: Project, command: str) -> None:
    ran = shop.remigrate(command, "--head", "nope")
    refused(ran, 3, "unknown revision: nope", "git branch --all")
    refused(shop.remigrate(command, "--head", ""), 2, "'' is not a revision", "branch")
    refused(
        shop.remigrate(command, "--head", "main\nmain"),
        2,
        "'main\\nmain' is not a revision",
        "branch",
    )
    blob = shop.git("rev-parse", "HEAD:manage.py").strip()
    refused(shop.remigrate(command, "--head", blob), 3, f"unknown revision: {blob}", "git log")


def test_a_base_that_nobody_knows(shop: Project) -> None:
    refused(shop.check("--base", "--all"), 2, "--base: expected one argument", "--help")
    refused(shop.check("--base=--all"), 3, "unknown revision: --all", "git branch --all")
    refused(shop.check("--base", "origin/main"), 3, "unknown revision: origin/main", "main is one.")


def test_a_base_that_a_shallow_clone_does_not_have(collided: Project) -> None:
    clone = collided.path.parent / "clone"
    collided.git("clone", "--quiet", "--depth=1", f"file://{collided.path}", clone)
    refused(
        remigrate("check", "--base", "main", cwd=clone),
        3,
        "unknown revision: main",
        "git fetch --depth=1 origin main",
    )
    Project(clone).git("fetch", "--quiet", "--depth=1", "origin", "main:main")
    refused(
        remigrate("check", "--base", "main", cwd=clone),
        3,
        "this shallow clone does not reach back",
        "git fetch --unshallow",
    )


def test_a_base_with_another_history(shop: Project) -> None:
    shop.git("checkout", "--quiet", "--orphan", "other")
    shop.commit("Another beginning")
    refused(shop.check("--base", "main"), 3, "have no common history", "--base")


def test_a_repository_before_its_first_commit(tmp_path: Path) -> None:
    project = Project(tmp_path / "new")
    project.path.mkdir()
    project.git("init", "--quiet", "--initial-branch=main")
    project.app("shop")
    assert project.check().code == 0
    project.git("add", "--all")
    assert project.check("--index").code == 0
    refused(project.check("--head", "HEAD"), 3, "unknown revision: HEAD", "git log")


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github", "markdown"])
def test_no_migrations_at_all_is_said_and_is_no_error(tmp_path: Path, form: str) -> None:
    project = Project(tmp_path / "empty")
    project.path.mkdir()
    project.git("init", "--quiet")
    for _ in range(2):
        ran = project.check("--format", form)
        assert ran.code == 0
        first, second = ran.err.splitlines()
        assert first == "warning: no migrations found in ."
        assert "PATH" in second
        assert "migration-modules" in second
    if form in ("json", "sarif"):
        json.loads(ran.out)
    assert project.graph().err == ran.err


def test_git_is_missing(shop: Project, tmp_path: Path) -> None:
    ran = shop.check(env={"PATH": str(tmp_path)})
    refused(ran, 3, "git is not installed, or not on PATH", "Install git")


def test_a_damaged_repository(shop: Project) -> None:
    blob = shop.git("rev-parse", "HEAD:shop/migrations/0002_price.py").strip()
    (shop.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    refused(
        shop.check("--head", "main", "--no-cache"), 3, f"the object {blob} is missing", "git fsck"
    )
    (shop.path / ".git/index").write_bytes(b"not an index")
    ran = shop.check()
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: git ls-files failed: ")
    assert "Traceback" not in ran.err


# The cache


@pytest.fixture
def cache(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def files(cache: dict[str, str]) -> list[Path]:
    return [path for path in Path(cache["XDG_CACHE_HOME"]).rglob("*") if path.is_file()]


def test_a_damaged_cache_is_ignored_said_once_and_made_anew(
    shop: Project, cache: dict[str, str]
) -> None:
    sound = shop.check(env=cache)
    assert sound.err == ""
    [result] = [path for path in files(cache) if path.parent.name == "verdicts"]
    good = result.read_bytes()
    for damage in (b"", b"no result at all", good[:-1], good.replace(b"No conf", b"No luck")):
        result.write_bytes(damage)
        ran = shop.check(env=cache)
        assert ran[:2] == sound[:2]
        assert ran.err.startswith("warning: a damaged file in the cache was ignored")
        assert ran.err.count("\n") == 1
        assert shop.check(env=cache) == sound, "said once"
        assert result.read_bytes() == good, "made anew"


def test_a_damaged_store_is_said_once_in_a_run_and_never_again(
    shop: Project, cache: dict[str, str]
) -> None:
    sound = shop.check(env=cache)
    [store] = [path for path in files(cache) if path.name == "seen.sqlite3"]
    for damage in (b"", b"no store at all", store.read_bytes()[:100] + b"\xff" * 9000):
        store.write_bytes(damage)
        ran = shop.check("--verbose", env=cache)
        assert ran[:2] == sound[:2]
        assert ran.err.count("warning: ") == (1 if damage else 0)
        assert not damage or f"warning: the cache {store} was damaged and is made anew" in ran.err
        assert "warning" not in shop.check("--verbose", env=cache).err


def test_values_that_somebody_changed_are_not_believed(
    shop: Project, cache: dict[str, str]
) -> None:
    sound = shop.check(env=cache)
    [store] = [path for path in files(cache) if path.name == "seen.sqlite3"]
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE seen SET value = CAST(replace(value, '0001_', '0009_') AS BLOB)")
    connection.close()
    ran = shop.check("--fail-on", "warning", env=cache)
    assert ran[:2] == sound[:2]
    assert "was damaged and is made anew (a checksum is wrong)" in ran.err


def test_everything_in_the_cache_is_damaged_at_once(shop: Project, cache: dict[str, str]) -> None:
    sound = shop.check(env=cache)
    for path in files(cache):
        path.write_bytes(b"\xff" * 100)
    ran = shop.check(env=cache)
    assert ran[:2] == sound[:2]
    assert "warning" in ran.err
    assert shop.check(env=cache) == sound, "said once"


def test_a_place_for_the_cache_that_is_none(shop: Project, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = shop.check(env={"XDG_CACHE_HOME": str(tmp_path / "file")})
    assert ran.code == 0
    assert ran.err.startswith("warning: the cache ")
    assert ran.err.count("\n") == 1
    folder = tmp_path / "folder/remigrate/seen.sqlite3"
    folder.mkdir(parents=True)
    ran = shop.check(env={"XDG_CACHE_HOME": str(tmp_path / "folder")})
    assert ran.code == 0
    assert ran.err.startswith("warning: the cache ")
    assert ran.err.count("\n") == 1
    assert shop.check(env={"XDG_CACHE_HOME": "", "HOME": ""}).code == 0


# Odd sizes


def test_ten_thousand_migrations_in_one_folder(shop: Project) -> None:
    last = "0002_price"
    for number in range(3, 10_001):
        name = f"{number:05}_step"
        shop.migration(name, last)
        last = name
    shop.git("add", "--all")
    ran = shop.check("--format", "json", "--no-cache")
    assert ran.code == 0
    [app] = told(ran)["apps"]
    assert (app["migrations"], app["leaves"]) == (10_000, ["10000_step"])


def test_a_file_of_almost_two_megabytes_is_read(shop: Project) -> None:
    rows = "".join(f"    ({number}, 'name {number:060}'),\n" for number in range(24_500))
    shop.write(
        "shop/migrations/0003_data.py",
        f"{text('0002_price')}\n\nROWS = [\n{rows}]\n",
    )
    size = (shop.path / "shop/migrations/0003_data.py").stat().st_size
    assert 1_950_000 < size < MAX_BYTES
    ran = shop.check("--format", "json")
    assert (ran.code, found(ran)) == (0, [])
    assert told(ran)["apps"][0]["leaves"] == ["0003_data"]


@pytest.mark.parametrize("row", ["    (0, 'a row of data'),\n", "(\n"], ids=["data", "broken"])
def test_a_file_of_five_megabytes_is_not_read_and_that_is_said(shop: Project, row: str) -> None:
    path = "shop/migrations/0003_data.py"
    shop.write(path, f"{text('0002_price')}\nROWS = [\n{row * (5_000_000 // len(row))}]\n")
    why = "it is larger than 2 MiB"
    before = time.monotonic()
    shown = shop.check()
    assert time.monotonic() - before < 10
    assert (shown.code, shown.err) == (0, "")
    assert "Not read" in shown.out
    assert f"  {path}:1  dependencies: {why}\n" in shown.out
    shop.migration("0004_next", "0003_data")
    shop.commit()
    for words in ([], ["--index"], ["--head", "main"], ["--base", "HEAD~1"]):
        ran = shop.check("--format", "json", *words)
        assert (ran.code, found(ran)) == (0, []), words
        unread = [{"path": path, "line": 1, "what": "dependencies", "why": why}]
        assert told(ran)["unread"] == unread, words


def test_a_landed_file_that_becomes_too_large_is_no_finding(shop: Project) -> None:
    path = shop.path / "shop/migrations/0002_price.py"
    path.write_text(path.read_text() + "(\n" * 2_000_000)
    for words in ([], ["--base", "main"]):
        ran = shop.check("--format", "json", *words)
        assert (ran.code, found(ran)) == (0, []), words
        assert [row["why"] for row in told(ran)["unread"]] == ["it is larger than 2 MiB"], words


# Odd files


def test_a_link_to_itself_and_links_in_a_circle(shop: Project) -> None:
    folder = shop.path / "shop/migrations"
    (folder / "0003_self.py").symlink_to("0003_self.py")
    (folder / "0004_one.py").symlink_to("0005_other.py")
    (folder / "0005_other.py").symlink_to("0004_one.py")
    (shop.path / "shop/again").symlink_to(".")
    (folder / "migrations").symlink_to("../migrations")
    broken = [("RM106", f"shop/migrations/{n}.py") for n in ("0003_self", "0004_one", "0005_other")]
    assert found(shop.check("--format", "json", "--select", "RM106")) == broken
    shop.commit()
    for words in ([], ["--index"], ["--head", "main"]):
        ran = shop.check("--format", "json", "--select", "RM106", *words)
        assert (ran.code, found(ran)) == (1, broken)


def test_a_module_that_is_a_folder(shop: Project) -> None:
    shop.write("shop/migrations/0003_folder.py/README", "surprise")
    expected = [("RM106", "shop/migrations/0003_folder.py")]
    shop.commit()
    for words in ([], ["--index"], ["--head", "main"]):
        ran = shop.check("--format", "json", "--select", "RM106", *words)
        assert (ran.code, found(ran)) == (1, expected)


ODD_NAMES = [
    "0003 with space",
    "0004_'quote\"",
    "0005_new\nline",
    "0006_\udcff",
    "0007_ü",
    "0008_$(x)",
]


def odd(shop: Project) -> list[str]:
    """Migrations with odd names, one after the other. Returns their paths in JSON's spelling."""
    last = "0002_price"
    paths = []
    for name in ODD_NAMES:
        path = os.fsencode(shop.path / "shop/migrations") + b"/" + os.fsencode(name) + b".py"
        written = text().replace("[]", f"[('shop', {name_in_python(last)})]", 1)
        Path(os.fsdecode(path)).write_text(written)
        paths.append(f"shop/migrations/{name}.py")
        last = name
    return paths


def name_in_python(name: str) -> str:
    return ascii(name)


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github", "markdown"])
def test_odd_file_names_reach_every_format(shop: Project, form: str) -> None:
    odd(shop)
    shop.conflict()
    ran = shop.check("--format", form)
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.encode("utf-8"), "no byte of a name leaves as it is"
    assert "\x1b" not in ran.out
    if form in ("json", "sarif"):
        json.loads(ran.out)


def test_odd_file_names_are_read_everywhere_alike(shop: Project) -> None:
    odd(shop)
    shop.commit()
    base = shop.git("rev-parse", "HEAD~1").strip()
    for words in ([], ["--index"], ["--head", "main"], ["--base", base], ["--base", "main"]):
        ran = shop.check("--format", "json", *words)
        assert (ran.code, found(ran)) == (0, []), words
        assert told(ran)["apps"][0]["migrations"] == 8
    assert json.loads(shop.graph("--format", "json").out)["nodes"][-1]["name"] == "0008_$(x)"


def test_odd_file_names_are_strays_like_any_other(shop: Project) -> None:
    odd(shop)
    ran = shop.check("--index", "--format", "json", "--select", "RM3")
    assert {code for code, _ in found(ran)} == {"RM302"}
    hints = {finding["hint"] for finding in told(ran)["findings"]}
    assert "`git add 'shop/migrations/0003 with space.py'`" in hints
    assert len(hints) == len(ODD_NAMES)
    (shop.path / ".gitignore").write_text("000[3-9]*\n")
    ran = shop.check("--index", "--format", "json", "--select", "RM3")
    assert {code for code, _ in found(ran)} == {"RM303"}
    assert len(found(ran)) == len(ODD_NAMES)


def test_an_odd_folder(tmp_path: Path) -> None:
    project = Project.start(Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd \xff\n'folder")))
    project.conflict()
    assert project.check("--format", "json").code == 1
    ran = remigrate("check", project.path, cwd=tmp_path)
    assert (ran.code, ran.err) == (1, "")
    ran = remigrate("check", project.path / "nowhere", cwd=tmp_path)
    assert ran.code == 3
    assert ran.err.startswith(f"error: {tmp_path}/odd \\udcff\\n'folder/nowhere does not exist\n")


def test_a_pipe_where_a_module_should_be_does_not_hold_anything_up(shop: Project) -> None:
    os.mkfifo(shop.path / "shop/migrations/0003_pipe.py")
    assert shop.check().code in (0, 1)
    shop.migration("0004_real", "0002_price")
    shop.commit()
    (shop.path / "shop/migrations/0004_real.py").unlink()
    os.mkfifo(shop.path / "shop/migrations/0004_real.py")
    ran = shop.check("--format", "json", "--select", "RM106")
    assert found(ran) == [("RM106", "shop/migrations/0004_real.py")]
