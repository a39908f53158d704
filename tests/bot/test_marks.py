"""By what a later run knows our comments again."""

from __future__ import annotations

import pytest

from remigrate import marks

HEAD = "0123456789abcdef0123456789abcdef01234567"


def test_the_commit_of_a_report_is_read_from_its_comment() -> None:
    assert marks.reported(f"### Fine\n\n{marks.report(HEAD)}\n") == HEAD
    assert marks.REPORT in marks.report(HEAD)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "remigrate:report head=0123",
        f"<!-- remigrate:report head={HEAD[:12]} -->",
        f"<!-- remigrate:report head={HEAD.upper()} -->",
        f"<!-- remigrate:report head={HEAD}0 -->",
    ],
)
def test_another_comment_is_about_no_commit(body: str) -> None:
    assert marks.reported(body) == ""


def test_the_answers_to_two_commands_are_two_comments() -> None:
    assert marks.reply(1) not in marks.reply(11)
    assert marks.closing(1) not in marks.closing(11)


def test_a_pull_request_that_was_asked_for_is_of_use_when_nothing_is_wrong() -> None:
    assert marks.is_for_findings(f"text {marks.proposal(for_findings=True)}")
    assert not marks.is_for_findings(f"text {marks.proposal(for_findings=False)}")
