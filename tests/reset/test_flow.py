"""When a reset may be written, and the exit code that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from remigrate import servers
from remigrate.errors import FINDINGS, OK, EnvironmentFailure
from remigrate.interpreters import Interpreter
from remigrate.options import Options
from remigrate.outcome import ChangedFile, Check, Reset, Verdict
from remigrate.reset import flow
from remigrate.runtime import Place, Workshop
from remigrate.workbench import Workbench


@pytest.mark.parametrize(
    ("result", "accept", "code"),
    [
        ("proved", False, OK),
        ("skipped", False, OK),
        ("differs", False, FINDINGS),
        ("differs", True, OK),
        ("failed", False, FINDINGS),
        ("failed", True, FINDINGS),
    ],
)
def test_a_dry_run_ends_as_the_run_would(result: Verdict, accept: bool, code: int) -> None:
    checks = (Check("graph", None, "proved"), Check("upgrade", "sqlite 3.40", result))
    files = (ChangedFile("shop/migrations/0001_initial.py", "change"),)
    found = Reset("squash", None, files=files, proof=checks, dry_run=True)
    assert flow.exit_code(found, Options(accept_differences=accept)) == code


def test_nothing_to_write_is_a_finding() -> None:
    assert flow.exit_code(Reset("squash", None, dry_run=True), Options()) == FINDINGS


@pytest.mark.parametrize(
    ("in_workshop", "hint"), [(True, "Ask for one."), (False, "--database URL")]
)
def test_where_no_server_is_the_way_out_is_that_of_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_workshop: bool, hint: str
) -> None:
    monkeypatch.setitem(servers.PLACES, "mysql", ())
    top = str(tmp_path)
    place = Place(top, ".", "", Interpreter(("python3",), "for tests"), None, {})
    workshop = Workshop(place, top, top, "Ask for one.") if in_workshop else None
    with (
        Workbench((), place, workshop, Options(), {}, lambda *_: None) as asked,
        pytest.raises(EnvironmentFailure, match="nothing can be proved") as failed,
    ):
        asked._started("mysql")
    assert hint in failed.value.hint
