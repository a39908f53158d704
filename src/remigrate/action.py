"""GitHub's door: reads the inputs and the event, writes annotations, summary, outputs and files.

Nothing is written to GitHub itself. What is checked are commits, read from git's objects, never the
files on disk; `untrusted` alone runs anything of theirs. Where the checkout lacks the commit to
compare with, that one commit is fetched.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from remigrate import __version__, check, comparison, errors, git, options, rules, untrusted
from remigrate import event as events
from remigrate import workspace as workspaces
from remigrate.memory import NoCache
from remigrate.report import annotations as workflow_commands
from remigrate.report import json_, markdown, sarif
from remigrate.report.escape import command_data, plain_lines, shorten
from remigrate.report.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from remigrate import recheck
    from remigrate.model import Report

_KEPT = ("PATH", "HOME", "LANG", "TZ", "SSL_CERT_FILE", "GIT_SSL_CAINFO", "https_proxy", "no_proxy")
_MODES = ("all", "plan", "apply", "projects")
_ERROR_LIMIT = 4_000
"""Characters of an annotation; GitHub cuts at 4,096."""
_SUMMARY_LIMIT = 900_000
"""Characters; GitHub drops a summary of more than 1 MiB."""


def main(environ: Mapping[str, str]) -> int:
    """Run the action. Returns the exit code of the step."""
    try:
        return _run(environ)
    except errors.Failure as error:
        hint = f"\n{error.hint}" if error.hint else ""
        said = plain_lines(f"{error}{hint}")
        sys.stdout.write(f"::error title=Remigrate::{shorten(said, _ERROR_LIMIT, command_data)}\n")
        _outputs(environ, {"decision": "failed", "reason": str(error)})
        return error.exit_code
    except KeyboardInterrupt:
        why = "the job was cancelled"
        sys.stdout.write(f"::error title=Remigrate::{why}\n")
        _outputs(environ, {"decision": "failed", "reason": why})
        return errors.INTERRUPTED
    except Exception:  # noqa: BLE001 - a bug of ours, said as such; it may hold the project's words
        import traceback

        sys.stdout.write(untrusted.harmless(traceback.format_exc()))
        why = "this is a bug of remigrate; please report it with the lines above"
        sys.stdout.write(f"::error title=Remigrate::{why}\n")
        _outputs(environ, {"decision": "failed", "reason": why})
        return errors.BUG


def _run(environ: Mapping[str, str]) -> int:
    payload, name = _event(environ), environ.get("GITHUB_EVENT_NAME", "")
    if name == "issue_comment" or (
        name in events.ABOUT_A_PULL_REQUEST and payload.get("action") == "closed"
    ):
        return _bot(environ, events.read(name, payload))
    workspace = os.path.realpath(environ.get("GITHUB_WORKSPACE", "."))
    folder = workspaces.inside(workspace, _input(environ, "path") or ".")
    chosen = _options(environ, workspace, folder)
    asked = untrusted.inputs(functools.partial(_input, environ))
    repository = _opened(environ, workspace, folder)
    if _mode(environ) == "projects":
        return _projects(environ, repository, chosen)
    with tempfile.TemporaryDirectory(prefix="remigrate-") as scratch:
        repository, question, notice = comparison.question(
            environ, payload, repository, chosen, _remote(environ, scratch)
        )
        answer = check.look(repository, question, NoCache())
        notices = [f"Checked without a base: {notice}."] if notice else []
        wanted = rules.chosen(chosen.select, chosen.ignore)
        why_not = ""
        if rules.NEEDS_THE_PROJECT in wanted:
            outcome = untrusted.with_drift(asked, chosen, repository, answer, environ)
            answer, why_not = outcome.answer, outcome.why_not
            notices += outcome.notices
            sys.stdout.write(untrusted.harmless(outcome.told))
        if name in events.ABOUT_A_PULL_REQUEST and rules.NEEDS_OTHERS in wanted:
            answer, more = _with_rivals(environ, payload, repository, chosen, answer)
            notices += more
        report = _gathered(environ, workspace, check.report(answer, wanted, notices, why_not))
        code = check.exit_code(report, chosen.fail_on)
        _publish(environ, workspace, report, code)
        _comment(environ, payload, report, answer, wanted)  # what was fetched may be read again
    if name in events.ABOUT_A_BRANCH and _input(environ, "comment") != "false":
        _look_again(environ, payload, _job(environ, repository, chosen), wanted)
    return code


def _opened(environ: Mapping[str, str], workspace: str, folder: str) -> git.Repository:
    """The checkout, of which git trusts this one folder and none of its settings."""
    kept = {name: environ[name] for name in _KEPT if name in environ}
    settings = {**git.SAFE, "safe.directory": workspace}
    env = git.with_config({**kept, "GIT_CONFIG_GLOBAL": os.devnull}, settings)
    return git.open_repository(folder, env)


def _remote(environ: Mapping[str, str], scratch: str) -> comparison.Remote:
    page = "/".join(environ.get(f"GITHUB_{each}", "") for each in ("SERVER_URL", "REPOSITORY"))
    return comparison.Remote(page, _input(environ, "token"), scratch)


def _with_rivals(
    environ: Mapping[str, str],
    payload: Mapping[str, Any],
    repository: git.Repository,
    chosen: options.Options,
    answer: check.Answer,
) -> tuple[check.Answer, list[str]]:
    """The answer with the pull requests that collide with this one, and what to say of that."""
    from remigrate import recheck  # PyGithub: a fifth of a second

    job = _job(environ, repository, chosen)
    return recheck.with_rivals(environ["GITHUB_EVENT_NAME"], payload, job, answer)


def _job(
    environ: Mapping[str, str], repository: git.Repository, chosen: options.Options
) -> recheck.Job:
    """What other pull requests are looked at with."""
    from remigrate import recheck

    token = _input(environ, "token")
    return recheck.Job(environ, token, repository.prefix, chosen.migration_modules)


def _look_again(
    environ: Mapping[str, str],
    payload: Mapping[str, Any],
    job: recheck.Job,
    wanted: Iterable[rules.Rule],
) -> None:
    """Keep the comments on open pull requests true: the branch that they wait for has moved."""
    from remigrate import recheck
    from remigrate.report import rechecked

    found = recheck.again(environ["GITHUB_EVENT_NAME"], payload, job, wanted)
    if found is not None:
        sys.stdout.write(f"{rechecked.line(found)}\n")
        _append(environ.get("GITHUB_STEP_SUMMARY"), f"\n{rechecked.render(found)}")


def _bot(environ: Mapping[str, str], event: events.Event) -> int:
    """What is written to GitHub because of a comment, or because a pull request was closed."""
    grant = events.grants(event, environ.get("GITHUB_TRIGGERING_ACTOR", ""))
    if grant.task not in ("command", "clean-up") or not grant.writes:
        sys.stdout.write(f"Nothing to do: {grant.reason}.\n")
        _outputs(environ, {"decision": "nothing", "reason": grant.reason})
        return errors.OK
    from remigrate import bot, ending
    from remigrate.report import replies
    from remigrate.steps import Steps

    workspace = os.path.realpath(environ.get("GITHUB_WORKSPACE", "."))
    plan = _input(environ, "plan") or workspaces.private(workspace, "plan.json")
    place = workspaces.inside(workspace, plan)
    steps = Steps(_say)
    try:
        with ending.by_signals():
            read = functools.partial(_input, environ)
            result, text = bot.run(event, grant, read, environ, place, steps)
    finally:
        if ended := steps.ended():
            _append(environ.get("GITHUB_STEP_SUMMARY"), replies.took(ended))
    if text:
        workspaces.write(workspace, plan, text)
    _outputs(
        environ,
        {
            "decision": result.decision,
            "reason": result.reason,
            "plan": plan if text else "",
            "reset-pull-request": result.pull_request,
            "reset-branch": result.branch,
        },
    )
    return errors.FINDINGS if result.decision == "failed" else errors.OK


def _mode(environ: Mapping[str, str]) -> str:
    mode = _input(environ, "mode") or _MODES[0]
    options.demand_choice("mode", mode, _MODES)
    return mode


def _projects(
    environ: Mapping[str, str], repository: git.Repository, chosen: options.Options
) -> int:
    """What a workflow spreads over its jobs, as output."""
    from remigrate import projects

    head = git.commits(repository, ["HEAD"])[0].sha
    found = projects.find(repository, chosen._replace(head=head), NoCache())
    sys.stdout.write(plain_lines(projects.rendered(found, "text")))
    _outputs(environ, {"matrix": projects.rendered(found, "matrix").strip()})
    return errors.OK


def _gathered(environ: Mapping[str, str], workspace: str, report: Report) -> Report:
    """The report, with those that the input ``reports`` names."""
    folder = _input(environ, "reports")
    if not folder:
        return report
    from remigrate import gathering

    texts = gathering.read(workspaces.inside(workspace, folder))
    return gathering.together(report, [gathering.decoded(text) for text in texts])


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _comment(
    environ: Mapping[str, str],
    payload: Mapping[str, Any],
    report: Report,
    answer: check.Answer,
    wanted: Iterable[rules.Rule],
) -> None:
    """Tell the pull request, where the token may; annotations and summary tell it anyway."""
    name = environ.get("GITHUB_EVENT_NAME", "")
    if name != "pull_request" or _input(environ, "comment") == "false":
        return
    try:
        event = events.read(name, payload)
        if not events.grants(event).writes or not _input(environ, "token"):
            return
        from remigrate import bot, suggesting

        assert event.number is not None
        hub = bot.hub_of(environ, _input(environ, "token"))
        offered = suggesting.worked_out(answer, wanted, report)
        why_not = bot.report(hub, event.number, event.head, report, offered)
        if why_not:
            sys.stdout.write(f"No comment was written: {why_not}.\n")
    except errors.Failure as error:
        said = plain_lines(f"The pull request was not told: {error}\n{error.hint}".strip())
        sys.stdout.write(f"::notice title=Remigrate::{shorten(said, _ERROR_LIMIT, command_data)}\n")


def _options(environ: Mapping[str, str], workspace: str, folder: str) -> options.Options:
    """Inputs over ``[tool.remigrate]``; an empty input says nothing."""
    config = _input(environ, "config")
    read = options.from_file(workspaces.inside(workspace, config) if config else None, folder)
    given: dict[str, object] = {}
    for name in ("base", "fail-on", "select", "ignore"):
        value = _input(environ, name)
        if not value:
            continue
        option = options.BY_NAME[name]
        if option.choices:
            options.demand_choice(name, value, option.choices)
        given[options.attribute(name)] = options.codes(value) if option.kind == "codes" else value
    return options.merged(given, read.values)


def _event(environ: Mapping[str, str]) -> Mapping[str, Any]:
    path = environ.get("GITHUB_EVENT_PATH")
    if not path:
        return {}
    with open(path, encoding="utf-8") as file:
        event = json.load(file)
    if not isinstance(event, dict):
        raise errors.UsageFailure(f"{path} holds no event")
    return event


def _publish(environ: Mapping[str, str], workspace: str, report: Report, code: int) -> None:
    sys.stdout.write(workflow_commands.render(report))
    sys.stdout.flush()
    _append(
        environ.get("GITHUB_STEP_SUMMARY"), markdown.render(report, limit=_SUMMARY_LIMIT) + "\n"
    )
    files = {
        "sarif": (
            _input(environ, "sarif-file") or workspaces.private(workspace, "remigrate.sarif"),
            sarif.render(report, __version__, rules.described()),
        ),
        "report": (workspaces.private(workspace, "report.json"), json_.render(report, __version__)),
    }
    for path, text in files.values():
        workspaces.write(workspace, path, text)
    count = sum(finding.severity == "error" for finding in report.findings)
    conflicts = sorted({finding.app for finding in report.findings if finding.code == "RM101"})
    _outputs(
        environ,
        {
            "findings": str(len(report.findings)),
            "errors": str(count),
            "conflicts": json.dumps(conflicts),
            "decision": "findings" if code else "clean",
            "reason": f"{counted(len(report.findings), 'finding')}, {counted(count, 'error')}",
            **{name: path for name, (path, _) in files.items()},
        },
    )


def _input(environ: Mapping[str, str], name: str) -> str:
    return environ.get(f"INPUT_{name.upper()}", "").strip()


def _outputs(environ: Mapping[str, str], values: Mapping[str, str]) -> None:
    """Outputs with a delimiter that no value can hold, as nobody knows it beforehand."""
    import secrets

    lines = []
    for name, value in values.items():
        delimiter = f"remigrate-{secrets.token_hex(16)}"
        lines.append(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")
    _append(environ.get("GITHUB_OUTPUT"), "".join(lines))


def _append(path: str | None, text: str) -> None:
    if path:
        with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)


if __name__ == "__main__":
    sys.exit(main(os.environ))
