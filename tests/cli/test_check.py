"""`remigrate check`: where it reads, what it prints, and the exit code."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from remigrate import __version__, options
from tests.cli.project import Project, refused, remigrate, run

FINE = "✓ No conflicts, nothing missing (2 migrations in 1 app, drift not checked)\n"


@pytest.fixture(scope="module")
def schema(root: Path) -> Any:
    return json.loads((root / "src/remigrate/schemas/check-v1.json").read_text())


def codes(out: str) -> list[str]:
    return [finding["code"] for finding in json.loads(out)["findings"]]


# Where it reads


def test_a_sound_project_is_told_so_twice_in_the_same_words(shop: Project) -> None:
    assert shop.check() == (0, FINE, "")
    assert shop.check() == (0, FINE, "")


def test_the_work_tree_is_read_with_what_git_does_not_have_yet(shop: Project) -> None:
    shop.conflict()
    ran = shop.check()
    assert (ran.code, ran.err) == (1, "")
    assert "error RM101 multiple-leaves" in ran.out
    assert shop.check("--head", "main").code == 0
    assert shop.check("--index", "--select", "RM1").code == 0


def test_path_may_be_a_folder_and_the_paths_are_still_those_of_the_repository(
    shop: Project,
) -> None:
    shop.app("stock")
    shop.conflict()
    outside = remigrate("check", shop.path / "stock", cwd=shop.path.parent)
    assert outside == (0, FINE.replace("2 migrations", "1 migration"), "")
    inside = remigrate("check", cwd=shop.path / "shop")
    assert inside.code == 1
    assert inside.out.startswith("shop/migrations/0003_stock.py:5  error RM101")


def test_base_and_head_of_a_bare_repository_are_read_from_its_objects(collided: Project) -> None:
    bare = collided.path.parent / "bare.git"
    collided.git("clone", "--quiet", "--bare", ".", bare)
    assert remigrate("check", bare, cwd=bare.parent).code == 0
    ran = remigrate("check", bare, "--base", "main", "--head", "discount", cwd=bare.parent)
    assert ran.code == 1
    assert "0003_discount (new here), 0003_stock (in base)" in ran.out
    refused(remigrate("check", "bare.git", "--index", cwd=bare.parent), 2, "has no index", "--head")


def test_the_work_tree_is_merged_into_base(collided: Project) -> None:
    assert collided.check().code == 0
    assert collided.check("--base", "main").code == 1
    assert collided.check("--base", "discount").code == 0


def test_a_linked_worktree_is_read_for_itself(collided: Project) -> None:
    linked = collided.path.parent / "linked"
    collided.git("worktree", "add", "--quiet", linked, "main")
    (linked / "shop/migrations/0004_gone.py").write_text("class Migration:\n    pass\n")
    ran = remigrate("check", "linked", cwd=linked.parent)
    assert ran.code == 1
    assert "0003_stock, 0004_gone" in ran.out
    assert collided.check().code == 0


def test_the_index_is_what_the_next_commit_will_hold(shop: Project) -> None:
    shop.conflict()
    shop.git("add", "--all")
    (shop.path / "shop/migrations/0003_stock.py").unlink()
    assert codes(shop.check("--index", "--format", "json").out) == ["RM101", "RM104", "RM304"]
    assert shop.check().code == 0


def test_the_commits_that_were_read_are_in_the_report(collided: Project) -> None:
    ran = collided.check("--base", "main", "--head", "discount", "--format", "json")
    report = json.loads(ran.out)
    assert report["base"] == collided.git("rev-parse", "main").strip()
    assert report["head"] == collided.git("rev-parse", "discount").strip()
    assert json.loads(collided.check("--format", "json").out)["head"] is None


def test_migrations_elsewhere_are_found_through_the_configuration(shop: Project) -> None:
    shop.git("mv", "shop/migrations", "changes")
    shop.configure('migration-modules = {shop = "changes"}')
    ran = shop.check("--format", "json")
    assert [(app["label"], app["path"]) for app in json.loads(ran.out)["apps"]] == [
        ("shop", "changes")
    ]


# What it prints


def test_json_is_what_the_schema_says(shop: Project, schema: Any) -> None:
    jsonschema.validate(json.loads(shop.check("--format", "json").out), schema)
    shop.conflict()
    ran = shop.check("--format", "json")
    report = json.loads(ran.out)
    jsonschema.validate(report, schema)
    assert (ran.code, ran.err) == (1, "")
    assert report["tool"] == {"name": "remigrate", "version": __version__}
    assert report["summary"]["errors"] == 1
    assert codes(ran.out) == ["RM101", "RM104"]


def test_sarif_is_what_the_standard_says(shop: Project, root: Path) -> None:
    shop.conflict()
    ran = shop.check("--format", "sarif")
    document = json.loads(ran.out)
    standard = json.loads((root / "tests/report/sarif-2.1.0.json").read_text())
    jsonschema.Draft4Validator(standard).validate(document)
    [found] = document["runs"]
    assert [result["ruleId"] for result in found["results"]] == ["RM101", "RM104"]
    assert (ran.code, ran.err) == (1, "")


def test_github_gets_annotations(shop: Project) -> None:
    shop.conflict()
    ran = shop.check("--format", "github")
    assert (ran.code, ran.err) == (1, "")
    first, second = ran.out.splitlines()[:2]
    assert first.startswith("::error file=shop/migrations/0003_stock.py,line=5,")
    assert second.startswith("::warning file=shop/migrations/0003_stock.py,line=4,")


def test_markdown_has_a_table_and_a_picture(shop: Project) -> None:
    shop.conflict()
    ran = shop.check("--format", "markdown")
    assert (ran.code, ran.err) == (1, "")
    assert "| ❌ error<br>`RM101`<br>multiple-leaves |" in ran.out
    assert "```mermaid\nflowchart LR\n" in ran.out


@pytest.mark.parametrize("form", options.FORMATS)
def test_a_file_gets_what_the_terminal_would(shop: Project, form: str) -> None:
    shop.conflict()
    printed = shop.check("--format", form)
    written = shop.check("--format", form, "--output", "report")
    assert written == (1, "", "")
    assert (shop.path / "report").read_text() == printed.out


def test_a_file_gets_no_colours_by_itself(shop: Project) -> None:
    shop.check("--output", "report", env={"FORCE_COLOR": "1"})
    assert (shop.path / "report").read_text() == FINE
    shop.check("--output", "report", "--color", "always")
    assert (shop.path / "report").read_text().startswith("\033[32m✓")


def test_a_file_is_written_whole_or_stays_as_it_was(shop: Project) -> None:
    place = shop.write("report", "the last one")
    # Coverage and the cache would be the first to find no room for their own files.
    limit = "unset COVERAGE_PROCESS_CONFIG COVERAGE_PROCESS_START; ulimit -f 1; trap '' XFSZ; "
    limit += "exec remigrate check --no-cache --format sarif --output report"
    ran = run("sh", "-c", limit, cwd=shop.path)
    refused(ran, 2, "report cannot be written: File too large", "a folder")
    assert place.read_text() == "the last one"
    shop.git("add", "report")
    assert shop.git("status", "--short") == "A  report\n", "nothing else is left behind"


def test_a_file_in_no_folder_is_refused(shop: Project) -> None:
    refused(
        shop.check("--output", "nowhere/report"), 2, "nowhere/report cannot be written", "a folder"
    )
    refused(shop.check("--output", "shop"), 2, "shop cannot be written", "a folder")
    early = shop.check("--head", "nobody", "--output", "setup.cfg/report")
    refused(early, 2, "setup.cfg/report cannot be written: No such", "a folder")


def test_a_link_or_a_device_is_written_through_and_not_replaced(shop: Project) -> None:
    (shop.path / "link").symlink_to("report")
    assert shop.check("--output", "link").code == 0
    assert (shop.path / "link").is_symlink()
    assert (shop.path / "report").read_text() == FINE
    pipe = shop.path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert shop.check("--output", "pipe") == (0, "", "")
        assert os.read(reader, 1000).decode() == FINE
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


# Which rules


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--select", "RM101"], ["RM101"]),
        (["--select", "RM1"], ["RM101", "RM104"]),
        (["--select", "duplicate-number"], ["RM104"]),
        (["--select", "duplicate-number, RM101"], ["RM101", "RM104"]),
        (["--select", "RM2"], []),
        (["--ignore", "RM101"], ["RM104"]),
        (["--ignore", "multiple-leaves,RM104"], []),
        (["--select", "RM1", "--ignore", "RM104"], ["RM101"]),
        (["--select", "RM101", "--ignore", "RM1"], []),
    ],
)
def test_rules_are_chosen_by_code_beginning_or_name(
    shop: Project, words: list[str], found: list[str]
) -> None:
    shop.conflict()
    ran = shop.check("--format", "json", *words)
    assert codes(ran.out) == found
    assert ran.code == (1 if "RM101" in found else 0)


def test_files_that_git_does_not_have_are_looked_for_when_asked(shop: Project) -> None:
    shop.migration("0003_stock", "0002_price")
    assert shop.check().code == 0
    assert codes(shop.check("--select", "untracked", "--format", "json").out) == ["RM302"]
    assert codes(shop.check("--index", "--format", "json").out) == ["RM302"]
    assert shop.check("--index", "--ignore", "RM3").code == 0


def test_what_cannot_be_looked_for_in_a_commit_is_said(shop: Project) -> None:
    said = "RM302: not checked, as a commit was read, and these are about files on disk.\n"
    words = ("--head", "main", "--select", "RM302")
    for form in ("text", "json", "sarif"):
        for _ in range(2):
            ran = shop.check(*words, "--format", form)
            assert (ran.code, ran.err) == (0, said), "also when it is asked again"
    ran = shop.check(*words, "--format", "github")
    assert said.strip() in ran.out
    assert ran.err == ""
    assert shop.check(*words, "--quiet") == (0, FINE.replace(", drift not checked", ""), "")


# The exit code


@pytest.mark.parametrize(
    ("limit", "of_errors", "of_warnings"), [("error", 1, 0), ("warning", 1, 1), ("never", 0, 0)]
)
def test_fail_on_says_what_is_bad_enough(
    shop: Project, limit: str, of_errors: int, of_warnings: int
) -> None:
    shop.conflict()
    assert shop.check("--fail-on", limit).code == of_errors
    assert shop.check("--fail-on", limit, "--ignore", "RM101").code == of_warnings


def test_drift_that_was_not_checked_is_said_and_drift_that_was_not_wanted_is_not(
    shop: Project,
) -> None:
    refused(shop.check("--drift"), 4, "manage.py names no settings module", "--settings")
    assert shop.check("--no-drift").out == FINE.replace(", drift not checked", "")
    assert shop.check("--select", "RM1").out == FINE.replace(", drift not checked", "")
    told = "drift was not checked:"
    assert told in shop.check("--verbose").err
    assert told in shop.check("--format", "markdown").out.lower()


# What it says beside the result


def test_verbose_says_what_was_read_and_how_long_it_took(collided: Project) -> None:
    cache = {"XDG_CACHE_HOME": str(collided.path.parent / "cache")}
    for read, remembered in ((3, 0), (0, 3)):
        ran = collided.check("--verbose", "--base", "main", "--select", "RM2", env=cache)
        assert ran.out.startswith("✓")
        first, second, third = ran.err.splitlines()
        assert first == "configuration: none"
        assert second.startswith(f"read: work tree of {collided.path}, merged into main (")
        assert third.startswith(f"files: {read} read, {remembered} remembered, in 0.")
    collided.configure('fail-on = "never"')
    ran = collided.check("--verbose", "--head", "main", env=cache)
    assert ran.err.startswith(f"configuration: {collided.path}/pyproject.toml\nread: commit main")
    assert "read: index of" in collided.check("--verbose", "--index", env=cache).err


def test_quiet_leaves_findings_alone(shop: Project) -> None:
    shop.conflict()
    assert shop.check("--quiet") == shop.check()


def test_without_a_cache_nothing_is_remembered(shop: Project) -> None:
    cache = shop.path.parent / "cache"
    env = {"XDG_CACHE_HOME": str(cache)}
    assert shop.check("--no-cache", env=env) == (0, FINE, "")
    assert not cache.exists()
    assert shop.check(env=env) == (0, FINE, "")
    assert cache.exists()
