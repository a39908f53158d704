"""A repository with many projects: a job lists them, a job checks each, the last one tells all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remigrate import gathering
from remigrate.errors import UsageFailure
from tests.action.conftest import Shop, Step, commit, run_git
from tests.rules.verbs import app, migration

SERVICE = "services/billing"


@pytest.fixture
def monorepo(shop: Shop, tmp_path: Path) -> Path:
    """Two projects of which the second has two leaves."""
    run_git(shop.origin, "checkout", "--quiet", "--detach", shop.start)
    service = app("invoices", _1_initial=migration())
    for name in ("_2_a", "_3_b"):
        service |= app("invoices", **{name: migration("0001_initial", app="invoices")})
    files = {f"{SERVICE}/{path}": source for path, source in service.items()}
    files |= {"manage.py": "", f"{SERVICE}/manage.py": ""}
    head = commit(shop.origin, files, "a second project")
    shop.checkout(tmp_path / "w", head)
    return tmp_path / "w"


@pytest.fixture
def reports(monorepo: Path, step: Step) -> Path:
    """What the jobs of the matrix have left, as they were downloaded."""
    folder = monorepo / "reports"
    for at, path in enumerate(("shop", SERVICE)):
        outcome = step(monorepo, "schedule", {}, INPUT_PATH=path)
        (folder / f"report-{at}").mkdir(parents=True)
        text = (monorepo / outcome.outputs["report"]).read_text()
        (folder / f"report-{at}" / "report.json").write_text(text)
    return folder


def test_the_projects_are_an_output_that_a_matrix_takes(monorepo: Path, step: Step) -> None:
    outcome = step(monorepo, "schedule", {}, INPUT_MODE="projects")
    assert outcome.code == 0
    assert json.loads(outcome.outputs["matrix"]) == {
        "include": [
            {"path": ".", "manage": "manage.py"},
            {"path": SERVICE, "manage": f"{SERVICE}/manage.py"},
        ]
    }
    assert f"{SERVICE}  1 app, 3 migrations" in outcome.log
    assert outcome.report == {}, "nothing was checked"


def test_a_mode_that_there_is_not_is_refused_by_a_check_too(monorepo: Path, step: Step) -> None:
    outcome = step(monorepo, "schedule", {}, INPUT_MODE="gather")
    assert outcome.code == 2
    assert "Choose from: all, plan, apply, projects." in outcome.log


def test_what_another_job_found_is_told(monorepo: Path, step: Step, reports: Path) -> None:
    outcome = step(monorepo, "schedule", {}, INPUT_REPORTS="reports", INPUT_IGNORE="RM101")
    assert outcome.code == 1
    (found,) = outcome.report["findings"]
    assert (found["code"], found["path"]) == ("RM101", f"{SERVICE}/invoices/migrations/0003_b.py")
    assert f"::error file={SERVICE}/invoices/migrations/0003_b.py" in outcome.log
    assert "With the reports of 2 jobs." in outcome.summary
    assert json.loads(outcome.outputs["conflicts"]) == ["invoices"]


def test_what_this_check_finds_too_is_told_once(monorepo: Path, step: Step, reports: Path) -> None:
    outcome = step(monorepo, "schedule", {}, INPUT_REPORTS="reports")
    assert [each["code"] for each in outcome.report["findings"]] == ["RM101"]


def test_findings_of_the_same_name_in_two_projects_stay_two(
    monorepo: Path, step: Step, reports: Path
) -> None:
    path = reports / "report-1" / "report.json"
    other = json.loads(path.read_text())
    other["findings"][0]["path"] = "elsewhere/invoices/migrations/0003_b.py"
    path.write_text(json.dumps(other))
    outcome = step(monorepo, "schedule", {}, INPUT_REPORTS="reports")
    assert len(outcome.report["findings"]) == 2


def test_a_job_that_sent_no_report_is_missed(monorepo: Path, step: Step, reports: Path) -> None:
    (reports / "report-0" / "report.json").unlink()
    outcome = step(monorepo, "schedule", {}, INPUT_REPORTS="reports")
    assert "There are 2 projects, and 1 report of this commit" in outcome.summary


def test_a_report_of_another_commit_says_nothing(monorepo: Path, step: Step, reports: Path) -> None:
    for path in reports.rglob("*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "head": "1" * 40}))
    outcome = step(monorepo, "schedule", {}, INPUT_REPORTS="reports", INPUT_IGNORE="RM101")
    assert outcome.code == 0
    assert "2 reports of another commit left out" in outcome.summary


def test_links_among_the_reports_are_not_followed(
    monorepo: Path, step: Step, reports: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.json"
    (reports / "report-1" / "report.json").rename(secret)
    (reports / "report-1" / "report.json").symlink_to(secret)
    outcome = step(monorepo, "schedule", {}, INPUT_REPORTS="reports", INPUT_IGNORE="RM101")
    assert outcome.report["findings"] == []


def test_a_folder_out_of_the_workspace_is_refused(monorepo: Path, step: Step) -> None:
    outcome = step(monorepo, "schedule", {}, INPUT_REPORTS="../reports")
    assert (outcome.code, outcome.report) == (2, {})
    assert "leads out of the workspace" in outcome.log


def _with(**values: Any) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["findings"][0].update(values)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("findings"),
        lambda document: document.update(version=2),
        lambda document: document.update(head=1),
        lambda document: document.update(findings={"a": 1}),
        _with(severity="fatal"),
        _with(message=None),
        _with(line="1"),
        _with(line=True),
        _with(related=[{}]),
        _with(migrations=[["x"]]),
    ],
)
def test_a_report_of_another_shape_is_refused(
    monorepo: Path, step: Step, reports: Path, spoil: Callable[[dict[str, Any]], object]
) -> None:
    path = reports / "report-1" / "report.json"
    document = json.loads(path.read_text())
    spoil(document)
    path.write_text(json.dumps(document))
    outcome = step(monorepo, "schedule", {}, INPUT_REPORTS="reports")
    assert outcome.code == 2
    assert "a report cannot be read" in outcome.log


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "[" * 100_000])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(UsageFailure, match="a report cannot be read"):
        gathering.decoded(text)


def test_reports_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_REPORTS", 2)
    monkeypatch.setattr(gathering, "MOST_BYTES", 10)
    for name in "abc":
        (tmp_path / f"{name}.json").write_text("{}")
    with pytest.raises(UsageFailure, match="there are 3 JSON files"):
        gathering.read(str(tmp_path))
    (tmp_path / "a.json").unlink()
    (tmp_path / "b.json").write_text(" " * 11)
    with pytest.raises(UsageFailure, match=r"b\.json is larger"):
        gathering.read(str(tmp_path))
