"""The action without its container: real repositories, real fetches, made-up events."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from remigrate import comparison, git
from tests.action.conftest import SAFE, Shop, Step, commit, run_git, settings_seen
from tests.rules.verbs import app, migration

NOTHING = "0" * 40


def test_a_pull_request_that_collides(shop: Shop, step: Step, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    shop.checkout(workspace, shop.merge)
    before = sorted(path for path in workspace.rglob("*") if ".git/remigrate" not in str(path))
    outcome = step(workspace, "pull_request", shop.pull_request())
    assert outcome.code == 1
    line = "::error file=shop/migrations/0002_discount.py,line=6"
    assert any(row.startswith(line) for row in outcome.log.splitlines())
    assert outcome.outputs["errors"] == "1"
    assert json.loads(outcome.outputs["conflicts"]) == ["shop"]
    assert outcome.outputs["decision"] == "findings"
    assert "mermaid" in outcome.summary
    assert (outcome.report["base"], outcome.report["head"]) == (shop.base, shop.merge)
    assert json.loads((workspace / outcome.outputs["sarif"]).read_text())["runs"]
    after = sorted(path for path in workspace.rglob("*") if ".git/remigrate" not in str(path))
    assert before == after, "the checkout is as it was"


def test_the_pull_requests_own_head_checked_out(shop: Shop, step: Step, tmp_path: Path) -> None:
    shop.checkout(tmp_path / "w", shop.head)
    outcome = step(tmp_path / "w", "pull_request", shop.pull_request())
    assert json.loads(outcome.outputs["conflicts"]) == ["shop"]
    assert outcome.report["head"] == shop.merge


def test_a_whole_clone_needs_no_test_merge(shop: Shop, step: Step, tmp_path: Path) -> None:
    shop.checkout(tmp_path / "w", shop.head, depth=0)
    run_git(tmp_path / "w", "fetch", "--quiet", f"file://{shop.origin}", "main")
    outcome = step(
        tmp_path / "w", "pull_request", shop.pull_request(), GITHUB_SERVER_URL="file:///nowhere"
    )
    assert json.loads(outcome.outputs["conflicts"]) == ["shop"]
    assert outcome.report["head"] == shop.head


def test_without_network_the_tree_is_checked_alone(shop: Shop, step: Step, tmp_path: Path) -> None:
    shop.checkout(tmp_path / "w", shop.merge)
    outcome = step(
        tmp_path / "w", "pull_request", shop.pull_request(), GITHUB_SERVER_URL="file:///nowhere"
    )
    assert outcome.code == 1, "the test merge itself has two leaves"
    assert "Checked without a base" in outcome.log
    assert "could not be fetched" in outcome.summary
    assert outcome.report["base"] is None


def test_a_head_too_shallow_to_merge_is_checked_alone(
    shop: Shop, step: Step, tmp_path: Path
) -> None:
    shop.checkout(tmp_path / "w", shop.head)
    outcome = step(tmp_path / "w", "pull_request", shop.pull_request(), GITHUB_SHA=shop.head)
    assert outcome.code == 0
    assert "fetch-depth: 0" in outcome.log


def test_a_pull_request_that_is_fine(shop: Shop, step: Step, tmp_path: Path) -> None:
    run_git(shop.origin, "checkout", "--quiet", "--detach", shop.base)
    head = commit(shop.origin, app(_3_discount=migration("0002_stock")), "on top")
    run_git(shop.origin, "checkout", "--quiet", "--detach", shop.base)
    run_git(shop.origin, "merge", "--quiet", "--no-ff", "--message=merge", head)
    shop.checkout(tmp_path / "w", run_git(shop.origin, "rev-parse", "HEAD"))
    event = {"pull_request": {"base": {"sha": shop.base}, "head": {"sha": head}}}
    outcome = step(tmp_path / "w", "pull_request", event)
    assert (outcome.code, outcome.outputs["decision"]) == (0, "clean")
    assert "::error" not in outcome.log


def test_a_merge_queue_compares_with_what_it_will_land_on(
    shop: Shop, step: Step, tmp_path: Path
) -> None:
    shop.checkout(tmp_path / "w", shop.merge)
    event = {"merge_group": {"base_sha": shop.base, "head_sha": shop.merge}}
    outcome = step(tmp_path / "w", "merge_group", event)
    assert (outcome.code, outcome.report["base"]) == (1, shop.base)


def test_a_push_compares_with_what_was_there_before(shop: Shop, step: Step, tmp_path: Path) -> None:
    shop.checkout(tmp_path / "w", shop.base)
    outcome = step(tmp_path / "w", "push", {"before": shop.head, "after": shop.base})
    assert [finding["code"] for finding in outcome.report["findings"]] == ["RM202"]


@pytest.mark.parametrize(
    ("name", "event"), [("push", {"before": NOTHING}), ("workflow_dispatch", {}), ("schedule", {})]
)
def test_events_without_a_base_check_the_tree(
    shop: Shop, step: Step, tmp_path: Path, name: str, event: dict[str, Any]
) -> None:
    shop.checkout(tmp_path / "w", shop.base)
    outcome = step(tmp_path / "w", name, event)
    assert (outcome.code, outcome.report["base"]) == (0, None)
    assert "Checked without a base" in outcome.log


def test_the_input_base_may_be_a_branch_of_the_remote(
    shop: Shop, step: Step, tmp_path: Path
) -> None:
    shop.checkout(tmp_path / "w", shop.head, depth=0)
    outcome = step(tmp_path / "w", "workflow_dispatch", {}, INPUT_BASE="main")
    assert outcome.report["base"] == shop.base or "fetch-depth: 0" in outcome.log
    run_git(
        tmp_path / "w", "fetch", "--quiet", f"file://{shop.origin}", "main:refs/remotes/origin/main"
    )
    outcome = step(tmp_path / "w", "workflow_dispatch", {}, INPUT_BASE="main")
    assert (outcome.code, outcome.report["base"]) == (1, shop.base)


def test_inputs_choose_rules_and_severity(shop: Shop, step: Step, tmp_path: Path) -> None:
    shop.checkout(tmp_path / "w", shop.merge)
    only = {"INPUT_SELECT": "RM104", "INPUT_FAIL-ON": "warning"}
    outcome = step(tmp_path / "w", "pull_request", shop.pull_request(), **only)
    assert (outcome.code, outcome.outputs["findings"], outcome.outputs["errors"]) == (1, "1", "0")


def test_the_configuration_of_the_repository_counts(shop: Shop, step: Step, tmp_path: Path) -> None:
    shop.checkout(tmp_path / "w", shop.merge)
    (tmp_path / "w" / "pyproject.toml").write_text('[tool.remigrate]\nfail-on = "never"\n')
    assert step(tmp_path / "w", "pull_request", shop.pull_request()).code == 0


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"INPUT_FAIL-ON": "always"}, "the input fail-on is always"),
        ({"INPUT_SELECT": "RM999"}, "there is no rule RM999"),
        ({"INPUT_PATH": "../.."}, "leads out of the workspace"),
        ({"INPUT_CONFIG": "/etc/passwd"}, "leads out of the workspace"),
        ({"INPUT_SARIF-FILE": "../x.sarif"}, "leads out of the workspace"),
    ],
)
def test_a_wrong_input_is_an_annotation_and_exit_code_2(
    shop: Shop, step: Step, tmp_path: Path, inputs: dict[str, str], words: str
) -> None:
    shop.checkout(tmp_path / "w", shop.merge)
    outcome = step(tmp_path / "w", "pull_request", shop.pull_request(), **inputs)
    assert outcome.code == 2
    assert words in outcome.log
    assert outcome.log.splitlines()[-1].startswith("::error title=Remigrate::")
    assert outcome.outputs["decision"] == "failed"


def test_a_link_in_the_pull_request_is_not_written_through(
    shop: Shop, step: Step, tmp_path: Path
) -> None:
    shop.checkout(tmp_path / "w", shop.merge)
    (tmp_path / "precious").write_text("keep")
    (tmp_path / "w" / "out.sarif").symlink_to(tmp_path / "precious")
    inputs = {"INPUT_SARIF-FILE": "out.sarif"}
    step(tmp_path / "w", "pull_request", shop.pull_request(), **inputs)
    assert (tmp_path / "precious").read_text() == "keep"
    assert not (tmp_path / "w" / "out.sarif").is_symlink()
    (tmp_path / "w" / "folder").symlink_to(tmp_path)
    inputs = {"INPUT_SARIF-FILE": "folder/out.sarif"}
    assert step(tmp_path / "w", "pull_request", shop.pull_request(), **inputs).code == 2


def test_the_token_reaches_the_fetch_alone(
    shop: Shop, step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git that tells which of its processes could see the token."""
    seen = tmp_path / "seen"
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True).stdout.strip()
    secret = "Z2hzX3NlY3JldA"  # part of base64 of x-access-token:ghs_secret
    wrapper.write_text(
        f'#!/bin/sh\nenv | grep -q -e ghs_secret -e "AUTHORIZATION" && echo "env $*" >> {seen}\n'
        f'case "$*" in *ghs_secret*|*{secret}*) echo "argv $*" >> {seen};; esac\nexec {real} "$@"\n'
    )
    wrapper.chmod(0o755)
    path = f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    shop.checkout(tmp_path / "w", shop.merge)
    outcome = step(tmp_path / "w", "pull_request", shop.pull_request(), PATH=path)
    assert outcome.report["base"] == shop.base
    (line,) = seen.read_text().splitlines()
    assert line.startswith("env")
    assert " fetch " in line
    for folder, _, files in os.walk(tmp_path / "w"):
        for name in files:
            assert b"ghs_secret" not in (Path(folder) / name).read_bytes()


def test_every_git_that_reads_the_checkout_runs_nothing_that_it_names(
    shop: Shop, step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, settings = settings_seen(tmp_path)
    monkeypatch.setenv("PATH", path)
    shop.checkout(tmp_path / "w", shop.head)
    run_git(tmp_path / "w", "config", "core.fsmonitor", "./evil")
    settings.write_text("")
    step(tmp_path / "w", "pull_request", shop.pull_request(), PATH=path)
    lines = [line for line in settings.read_text().splitlines() if "fetched.git" not in line]
    assert len(lines) > 3
    assert {line.partition(" | ")[0] for line in lines} == {SAFE}


def test_a_remote_that_repeats_the_token_does_not_get_it_into_the_log(
    shop: Shop, step: Step, tmp_path: Path
) -> None:
    shop.checkout(tmp_path / "w", shop.merge)
    outcome = step(
        tmp_path / "w",
        "pull_request",
        shop.pull_request(),
        GITHUB_SERVER_URL="file:///nowhere/ghs_secret",
    )
    assert "***" in outcome.log
    assert "ghs_secret" not in outcome.log + outcome.summary + json.dumps(outcome.outputs)


@pytest.mark.parametrize(
    ("name", "parents", "head", "sha", "expected"),
    [
        ("pull_request", ("b", "h"), "m", "m", comparison.Comparison("b", "m", True)),
        ("pull_request", ("p",), "h", "m", comparison.Comparison("base", "h", False, "m")),
        ("pull_request", ("p",), "other", "m", comparison.Comparison("base", "other", False)),
        (
            "pull_request_target",
            ("p",),
            "base",
            "base",
            comparison.Comparison("base", "base", False),
        ),
        ("merge_group", ("q",), "g", "g", comparison.Comparison("q", "g", True)),
        ("push", ("p",), "a", "a", comparison.Comparison("before", "a", True)),
    ],
)
def test_what_an_event_asks_to_compare(
    name: str, parents: tuple[str, ...], head: str, sha: str, expected: comparison.Comparison
) -> None:
    event = {
        "pull_request": {"base": {"sha": "base"}, "head": {"sha": "h"}},
        "merge_group": {"base_sha": "q"},
        "before": "before",
    }
    assert comparison.of_event(name, event, sha, git.Commit(head, parents)) == expected


def test_a_bug_of_ours_is_told_as_such_and_not_as_findings(
    shop: Shop, step: Step, tmp_path: Path
) -> None:
    shop.checkout(tmp_path / "w", shop.head)
    outcome = step(tmp_path / "w", "pull_request", {"pull_request": {"::error::x": 1}})
    assert outcome.code == 70
    assert outcome.outputs["decision"] == "failed"
    assert "this is a bug of remigrate" in outcome.log
    assert "| KeyError: 'base'" in outcome.log
