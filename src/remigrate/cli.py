"""The terminal's door: arguments in, result and exit code out."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from remigrate import __version__, arguments, console, errors, git
from remigrate.call import Call, disk_cache, paint, told
from remigrate.options import Options, from_file, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from remigrate.load import Cache
    from remigrate.model import Report
    from remigrate.rules import Rule

_MANY = 500
"""Files; fewer are read faster than anybody wonders what takes so long."""


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command. Returns the exit code; every expected failure is one line with a way out."""
    started = time.perf_counter()
    environ = os.environ if environ is None else environ
    words = tuple(sys.argv[1:] if argv is None else argv)
    say = console.standard("auto", environ)
    try:
        given = dict(vars(arguments.parser().parse_args(words)))
        say = console.standard(str(given.get("color", "auto")), environ, "quiet" in given)
        run = _door(given.pop("command"))
        config = given.get("config")
        read = from_file(str(config) if config else None, str(given.get("path", ".")))
        options = merged(given, read.values)
        say = console.standard(options.color, environ, options.quiet)
        if options.output is not None:
            console.demand_writable(options.output)
        return run(Call(words, environ, options, read, say, started))
    except errors.Failure as error:
        say.failure(error)
        return error.exit_code
    except SystemExit:  # help or the version was printed
        say.result("")
        return errors.OK
    except KeyboardInterrupt:
        say.remark("interrupted")
        return errors.INTERRUPTED
    except Exception:  # noqa: BLE001 - a bug of ours, said as such
        import traceback

        traceback.print_exc()
        say.warn("this is a bug of remigrate; please report it with the lines above")
        return errors.BUG


def _door(command: str) -> Callable[[Call], int]:
    _, _, of_db = command.partition("db ")
    if of_db:
        from remigrate import cli_db

        return cli_db.COMMANDS[of_db]
    return _COMMANDS[command]


def _check(call: Call) -> int:
    from remigrate import check, rules

    options = call.options
    chosen = rules.chosen(options.select, options.ignore)
    repository = git.open_repository(options.path, call.environ)
    strays, notices = _about_files(options, chosen, repository)
    question = check.Question(
        options.head, options.from_index, options.base, strays, modules=options.migration_modules
    )
    watched = _Watched(disk_cache(call), call.say)
    answer = check.look(repository, question, watched)
    why_not = ""
    if options.fix and (rules.NEEDS_THE_PROJECT not in chosen or options.drift is False):
        raise errors.UsageFailure(
            "--fix has nothing to write where drift is not looked for",
            "Leave --no-drift, --select or --ignore out, or --fix.",
        )
    if rules.NEEDS_THE_PROJECT in chosen and options.drift is not False:
        from remigrate import asking

        outcome = asking.with_drift(call, repository, answer, chosen)
        answer, why_not = outcome.answer, outcome.why_not
        notices += outcome.notices
    report = check.report(answer, chosen, notices, why_not)
    if not report.apps and not report.findings:
        _warn_of_nothing(call)
    colored = call.say.colored and (options.output is None or options.color == "always")
    text = rendered(report, options.format, colored)
    code = check.exit_code(report, options.fail_on)
    call.say.result(text, options.output)
    if options.format not in ("github", "markdown"):  # these two hold them
        for notice in report.notices:
            call.say.remark(notice)
    _explain(call, repository, watched, report.base)
    if report.apps and not options.output and options.cache:
        remember(call, repository, text, code)
    return code


def _about_files(
    options: Options, chosen: Iterable[Rule], repository: git.Repository
) -> tuple[bool, list[str]]:
    """Whether to look for files that git and the disk disagree about, and why not, if wanted."""
    from remigrate import rules

    wanted = [rule for rule in chosen if rule in rules.ABOUT_FILES]
    if not wanted or not (options.from_index or options.select):
        return False, []
    if options.head is None and repository.top is not None:
        return True, []
    codes_ = ", ".join(rule.CODE for rule in wanted)
    return False, [
        f"{codes_}: not checked, as a commit was read, and these are about files on disk."
    ]


def _warn_of_nothing(call: Call) -> None:
    call.say.warn(
        f"no migrations found in {call.options.path}",
        "Name the folder of a Django project as PATH. For migrations that are not in folders "
        "called migrations, set migration-modules in [tool.remigrate].",
    )


class _Watched:
    """A cache that counts what it knows, and shows on a terminal that the rest is being read."""

    def __init__(self, cache: Cache, say: console.Console) -> None:
        self._cache, self._say = cache, say
        self._asked: set[str] = set()
        self._read: set[str] = set()

    def get(self, keys: list[str]) -> dict[str, object]:
        found = self._cache.get(keys)
        unknown = set(keys) - found.keys() - self._asked
        self._asked.update(keys)
        self._read |= unknown
        if len(unknown) >= _MANY:
            self._say.progress(f"reading {len(unknown):,} files …")
        return found

    def put(self, values: dict[str, object]) -> None:
        self._cache.put(values)
        self._say.done()

    def counted(self) -> str:
        return f"{len(self._read)} read, {len(self._asked) - len(self._read)} remembered"


def _explain(
    call: Call, repository: git.Repository, watched: _Watched, base: str | None = None
) -> None:
    """For --verbose: what was read, and how long it took."""
    options = call.options
    if not options.verbose:
        return
    place = repository.top or os.path.abspath(repository.path)
    head = options.head or ("HEAD" if repository.top is None else "")
    tree = f"commit {head}" if head else "index" if options.from_index else "work tree"
    into = f", merged into {options.base} ({base[:12]})" if base else ""
    files = [path for path, content in call.configuration.files.items() if content is not None]
    config = files[-1] if call.configuration.values else "none"
    call.say.remark(f"configuration: {config}")
    call.say.remark(f"read: {tree} of {place}{into}")
    took = time.perf_counter() - call.started
    call.say.remark(f"files: {watched.counted()}, in {took:.2f} seconds")


def remember(call: Call, repository: git.Repository, text: str, code: int) -> None:
    """Keep a result that was said whole on standard output, for the next time."""
    if repository.observed.repeatable and not call.say.spoke:
        from remigrate import verdict

        said = text.encode(sys.stdout.encoding, "backslashreplace")
        answers = repository.observed.answers
        files = call.configuration.files | repository.observed.files
        seen = repository.observed.witness
        kept = verdict.Verdict(code, said, answers, files, witness=seen)
        verdict.remember(call.words, call.environ, kept)


def rendered(report: Report, form: str, colored: bool) -> str:
    """A report in one of the formats of ``check``."""
    if form == "text":
        from remigrate.report import text

        return text.render(report, lambda words, color: console.painted(words, color, colored))
    if form == "json":
        from remigrate.report import json_

        return json_.render(report, __version__)
    if form == "github":
        from remigrate.report import annotations

        return annotations.render(report)
    if form == "markdown":
        from remigrate.report import markdown

        return markdown.render(report)
    from remigrate import rules
    from remigrate.report import sarif

    return sarif.render(report, __version__, rules.described())


def _graph(call: Call) -> int:
    from remigrate import draw

    options = call.options
    repository = git.open_repository(options.path, call.environ)
    watched = _Watched(disk_cache(call), call.say)
    picture = draw.picture(repository, options, watched)
    if not picture.nodes:
        _warn_of_nothing(call)
    call.say.result(draw.rendered(picture, options.drawing, call.environ), options.output)
    _explain(call, repository, watched)
    return errors.OK


def _projects(call: Call) -> int:
    from remigrate import projects

    options = call.options
    repository = git.open_repository(options.path, call.environ)
    watched = _Watched(disk_cache(call), call.say)
    found = projects.find(repository, options, watched)
    call.say.result(projects.rendered(found, options.listing), options.output)
    _explain(call, repository, watched)
    return errors.OK


def _demo(call: Call) -> int:
    if call.options.bot:
        from remigrate import demo_bot

        return demo_bot.run(call.say, call.environ)
    from remigrate import demo

    return demo.run(call.say, call.environ)


def _reset(call: Call) -> int:
    from remigrate import ending
    from remigrate.report import reset_json, reset_text
    from remigrate.reset import asked, flow

    options = call.options
    asked.demand_sense(options, call.configuration.values)
    with ending.by_signals():
        repository = git.open_repository(options.path, call.environ)
        found = flow.run(repository, options, call.environ, disk_cache(call), call.say)
        call.say.done()
        text = told(call, found, reset_json.render, reset_text.render)
        call.say.result(text, options.output)
    return flow.exit_code(found, options)


def _init(call: Call) -> int:
    from remigrate import init
    from remigrate.report import init_text
    from remigrate.report.words import counted

    repository = git.open_repository(call.options.path, call.environ)
    found = init.propose(repository, call.options, call.environ, disk_cache(call))
    call.say.result(init_text.render(found, paint(call)))
    if not found.files:
        return errors.OK
    names = counted(len(found.files), "file")
    if call.options.yes or call.say.agrees(f"Write {names}?"):
        assert repository.top
        init.write(repository.top, found.files)
        call.say.result(f"{names} written\n")
    else:
        call.say.result("nothing was written: remigrate init --yes writes it\n")
    return errors.OK


def _doctor(call: Call) -> int:
    from remigrate import doctor
    from remigrate.report import doctor_text

    rows = []
    for row in doctor.examine(call.options, call.configuration, call.environ, disk_cache(call)):
        call.say.progress(f"{row.subject} …")
        rows.append(row)
    call.say.done()
    call.say.result(doctor_text.render(rows, paint(call)))
    return doctor.exit_code(rows)


_COMMANDS: dict[str, Callable[[Call], int]] = {
    "check": _check,
    "graph": _graph,
    "projects": _projects,
    "reset": _reset,
    "init": _init,
    "doctor": _doctor,
    "demo": _demo,
}
