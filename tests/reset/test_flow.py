"""When a reset may be written, and the exit code that says so."""

from __future__ import annotations

import pytest

from remigrate.errors import FINDINGS, OK
from remigrate.options import Options
from remigrate.outcome import ChangedFile, Check, Reset, Verdict
from remigrate.reset import flow


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
