"""Workflow commands, read here the way the runner reads them."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remigrate.model import Finding, Report, Severity, UnreadFile
from remigrate.report.annotations import render
from remigrate.report.escape import visible

LEAVES = Finding(
    code="RM101",
    rule="multiple-leaves",
    severity="error",
    app="shop",
    path="shop/migrations/0005_b.py",
    line=8,
    end_line=9,
    message="shop has two leaves.",
    hint="Run `python manage.py makemigrations --merge shop`.",
)
EMPTY = Report(None, None, (), (), ())
ANY = st.text() | st.text(st.sampled_from("#[]:%,=\r\n\x85\u2028 0ADaerot\udcff"))


class Command(NamedTuple):
    """What the runner understood."""

    name: str
    properties: dict[str, str]
    message: str


def obeyed(output: str) -> list[Command]:
    """What a runner does with `output`; the legacy form is one too many anywhere."""
    assert "##[" not in output
    lines = re.split(r"\r\n|\r|\n", output)
    assert lines.pop() == ""
    return [_command(line.strip()) for line in lines if line.strip().startswith("::")]


def _command(line: str) -> Command:
    head, _, message = line[2:].partition("::")
    name, _, rest = head.partition(" ")
    properties = dict(pair.split("=", 1) for pair in rest.split(",")) if rest else {}
    return Command(
        name, {key: _decoded(value) for key, value in properties.items()}, _decoded(message)
    )


def _decoded(text: str) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ",")):
        text = text.replace(code, character)
    return text.replace("%25", "%")


def shown(*findings: Finding, notices: tuple[str, ...] = ()) -> list[Command]:
    return obeyed(render(EMPTY._replace(findings=findings, notices=notices)))


def test_a_finding_stands_on_its_lines_and_says_what_to_type() -> None:
    assert shown(LEAVES) == [
        Command(
            "error",
            {
                "file": "shop/migrations/0005_b.py",
                "line": "8",
                "endLine": "9",
                "title": "RM101 multiple-leaves",
            },
            "shop has two leaves.\nRun `python manage.py makemigrations --merge shop`.",
        )
    ]


def test_a_column_is_given_only_inside_one_line() -> None:
    one = LEAVES._replace(end_line=8, column=3)
    assert shown(one)[0].properties["col"] == "3"
    assert "col" not in shown(one._replace(end_line=9))[0].properties


@pytest.mark.parametrize("severity", ["error", "warning", "notice"])
def test_each_severity_has_its_command(severity: Severity) -> None:
    assert shown(LEAVES._replace(severity=severity))[0].name == severity


def test_errors_come_first() -> None:
    levels: tuple[Severity, ...] = ("notice", "warning", "error")
    commands = shown(*(LEAVES._replace(severity=level) for level in levels))
    assert [command.name for command in commands] == ["error", "warning", "notice"]


def test_ten_of_a_kind_are_shown_and_the_rest_is_counted() -> None:
    findings = (*[LEAVES] * 12, *[LEAVES._replace(severity="warning")] * 11)
    output = render(EMPTY._replace(findings=findings))
    assert [command.name for command in obeyed(output)] == ["error"] * 10 + ["warning"] * 10
    assert output.splitlines()[-1] == (
        "2 more errors and 1 more warning: GitHub shows 10 of a kind. "
        "`remigrate check` lists all of them."
    )


def test_what_was_not_checked_is_a_notice_after_the_findings() -> None:
    commands = shown(LEAVES._replace(severity="notice"), notices=("Drift was not checked.",))
    assert commands[1] == Command("notice", {"title": "Not checked"}, "Drift was not checked.")


def test_places_that_could_not_be_read_are_counted_without_their_names() -> None:
    report = EMPTY._replace(unread=(UnreadFile("::error::x", 1, "x", "y"),))
    output = render(report)
    assert output == "1 place could not be read: `remigrate check` says which and why.\n"


def test_nothing_to_say_is_nothing_said() -> None:
    assert render(EMPTY) == ""


def test_a_long_message_stays_below_the_limit_and_keeps_its_hint() -> None:
    command = render(EMPTY._replace(findings=(LEAVES._replace(message="%" * 5_000),)))
    assert max(map(len, command.split("::"))) < 4_096
    message = shown(LEAVES._replace(message="%" * 5_000))[0].message
    assert len(message) < 4_096
    assert message.endswith("…\n" + LEAVES.hint)


def test_an_endless_hint_or_name_stays_below_the_limit_too() -> None:
    findings = (LEAVES._replace(message="%" * 5_000, hint="\n" * 5_000, rule="x" * 5_000),)
    output = render(EMPTY._replace(findings=findings))
    assert max(map(len, output.split("::"))) < 4_096
    assert len(obeyed(output)[0].properties["title"]) <= 200


@given(ANY, ANY, ANY)
@example("x\n::error::owned", "\r::set-output name=a::b", "##[error]owned")
@example("a.py,line=1::owned", "%0A::error::owned", "#%23[")
@example("::stop-commands::x", "###[group]", "\n")
def test_no_name_starts_another_command_or_ends_its_own(path: str, name: str, hint: str) -> None:
    finding = LEAVES._replace(
        path=path, message=f"{name} is a leaf", hint=hint, code=name, rule=path, app=name
    )
    output = render(EMPTY._replace(findings=(finding, LEAVES), notices=(name,)))
    output.encode("utf-8")
    commands = obeyed(output)
    assert [command.name for command in commands] == ["error", "error", "notice"]
    assert commands[1] == shown(LEAVES)[0]
    allowed = {"file", "line", "endLine", "title"}
    assert set(commands[0].properties) == (allowed if path else {"title"})
    assert output.count("\n") == 3


@given(ANY.filter(lambda path: path and path == visible(path) and "##[" not in path))
@example("a,b:c%3A.py")
def test_a_path_that_can_be_seen_reaches_github_unchanged(path: str) -> None:
    assert shown(LEAVES._replace(path=path))[0].properties["file"] == path
