"""By what a later run knows our comments again."""

from __future__ import annotations

import pytest

from remigrate import marks

HEAD = "0123456789abcdef0123456789abcdef01234567"


def test_the_commit_of_a_report_is_read_from_its_comment() -> None:
    assert marks.reported(f"### Fine\n\n{marks.report(HEAD)}\n").head == HEAD
    assert marks.REPORT in marks.report(HEAD)


def test_what_a_report_said_is_read_from_its_comment() -> None:
    told = marks.reported(marks.report(HEAD, "5a" * 16, ["shop", "blog"]))
    assert told == marks.Reported(HEAD, "5a" * 16, ("shop", "blog"))
    assert marks.reported(marks.report(HEAD, drift=["shop"])).drift == ("shop",)


def test_a_label_that_django_would_not_take_cannot_end_the_mark() -> None:
    mark = marks.report(HEAD, "5a" * 16, ["--> @ada", "a,b", "", "shop"])
    assert marks.reported(mark).drift == ("shop",)
    assert mark.count("-->") == 1


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
    assert marks.reported(body).head == ""


def test_the_answers_to_two_commands_are_two_comments() -> None:
    assert marks.reply(1) not in marks.reply(11)
    assert marks.closing(1) not in marks.closing(11)


def test_a_pull_request_that_was_asked_for_is_of_use_when_nothing_is_wrong() -> None:
    assert marks.is_for_findings(f"text {marks.proposal(for_findings=True)}")
    assert not marks.is_for_findings(f"text {marks.proposal(for_findings=False)}")
