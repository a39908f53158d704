"""The terminal's door: arguments in, result and exit code out."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from remigrate import __version__, console, errors, git
from remigrate.options import (
    BY_NAME,
    PICTURES,
    Options,
    attribute,
    codes,
    from_file,
    merged,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from remigrate.load import Cache
    from remigrate.model import Report

_EVERYWHERE = ("cache", "quiet", "verbose", "color", "config")
_CHECK = ("base", "head", "index", "drift", "format", "output", "select", "ignore", "fail-on")
_GRAPH = ("head", "app", "format", "output")

_EXAMPLES = """\
examples:
  remigrate check                        the work tree
  remigrate check --base origin/main     what merging this branch would break
  remigrate check --index                what the next commit would break
  remigrate graph --app shop             a picture, to paste into a Markdown page
  remigrate demo                         see it find something, on a throwaway project

exit codes:
  0 nothing found   1 findings   2 wrong usage or configuration   3 repository cannot be read
  4 the project's environment failed   5 network   70 a bug of ours   130 interrupted
"""


class Call(NamedTuple):
    """One run of the program."""

    words: tuple[str, ...]
    """The command line."""
    environ: Mapping[str, str]
    options: Options
    files: Mapping[str, bytes | None]
    """The configuration files that were looked at."""
    say: console.Console


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command. Returns the exit code; every expected failure is one line with a way out."""
    environ = os.environ if environ is None else environ
    words = tuple(sys.argv[1:] if argv is None else argv)
    say = console.standard("auto", environ)
    try:
        given = dict(vars(_parser().parse_args(words)))
        run: Callable[[Call], int] = given.pop("command")
        config = given.get("config")
        read = from_file(str(config) if config else None, str(given.get("path", ".")))
        options = merged(given, read.values)
        say = console.standard(options.color, environ, options.quiet)
        return run(Call(words, environ, options, read.files, say))
    except errors.Failure as error:
        say.failure(error)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return errors.OK
    except KeyboardInterrupt:
        say.remark("interrupted")
        return errors.INTERRUPTED
    except Exception:
        import traceback

        traceback.print_exc()
        say.warn("this is a bug of remigrate; please report it with the lines above")
        return errors.BUG


def _check(call: Call) -> int:
    from remigrate import check

    options = call.options
    if options.drift:
        raise errors.EnvironmentFailure(
            "this version cannot check drift yet",
            "Leave --drift out; the graph is checked without it.",
        )
    repository = git.open_repository(options.path, call.environ)
    question = check.Question(
        options.head, options.from_index, options.base, modules=options.migration_modules
    )
    if options.from_index:
        question = question._replace(strays=_asks_about_files(options))
    answer = check.look(repository, question, disk_cache(call))
    from remigrate import rules

    report = check.report(answer, rules.chosen(options.select, options.ignore))
    if not report.apps:
        call.say.remark(f"no migrations found in {options.path}")
    text = rendered(report, options.format, call.say.colored)
    code = check.exit_code(report, options.fail_on)
    call.say.result(text, options.output)
    if report.apps and not options.output and options.cache:
        remember(call, repository, text, code)
    return code


def _asks_about_files(options: Options) -> bool:
    from remigrate import rules

    chosen = rules.chosen(options.select, options.ignore)
    return any(rule in chosen for rule in rules.ABOUT_FILES)


def remember(call: Call, repository: git.Repository, text: str, code: int) -> None:
    """Keep a result that was said whole on standard output, for the next time."""
    if repository.observed.repeatable and not call.say.warned:
        from remigrate import verdict

        said = text.encode(sys.stdout.encoding, "backslashreplace")
        answers = repository.observed.answers
        verdict.remember(call.words, call.environ, verdict.Verdict(code, said, answers, call.files))


def disk_cache(call: Call) -> Cache:
    """The user's cache, or none when it is switched off or there is no place for it."""
    from remigrate import cache

    path = cache.default_path(call.environ) if call.options.cache else None
    return cache.DiskCache(path, call.say.warn) if path else cache.NoCache()


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
    picture = draw.picture(repository, options, disk_cache(call))
    form = options.format if options.format in PICTURES else PICTURES[0]
    call.say.result(draw.rendered(picture, form, call.environ), options.output)
    return errors.OK


def _demo(call: Call) -> int:
    from remigrate import demo

    return demo.run(call.say, call.environ)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and where to find out more."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise errors.UsageFailure(message, f"{self.prog} --help tells more.")


def _formatter(prog: str) -> argparse.HelpFormatter:
    """argparse makes one for every argument; given a width it need not import shutil for it."""
    try:
        width = os.get_terminal_size().columns
    except OSError:
        width = 100
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=28, width=min(width, 100))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "remigrate",
        description="Keeps the migration history of Django projects healthy.",
        epilog=_EXAMPLES,
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"remigrate {__version__}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog="remigrate"
    )
    check = _command(
        commands, "check", _check, _CHECK, "find conflicts and inconsistencies in a migration graph"
    )
    _path(check)
    graph = _command(commands, "graph", _graph, _GRAPH, "draw the migration graph")
    _path(graph)
    _command(commands, "demo", _demo, (), "watch it work on a throwaway repository, offline")
    return parser


def _path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        nargs="?",
        metavar="PATH",
        default=argparse.SUPPRESS,
        help="a work tree, a folder in one, or a bare repository (default: .)",
    )


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    run: Callable[[Call], int],
    options: Sequence[str],
    help_: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=help_,
        description=f"{help_.capitalize()}.",
        allow_abbrev=False,
        formatter_class=_formatter,
    )
    parser.set_defaults(command=run)
    groups: dict[str, argparse._MutuallyExclusiveGroup] = {}
    for option in (*options, *_EVERYWHERE):
        pair = {"head": "tree", "index": "tree", "quiet": "words", "verbose": "words"}.get(option)
        target: argparse._ActionsContainer = parser
        if pair:
            target = groups.setdefault(pair, parser.add_mutually_exclusive_group())
        _add(target, name, option)
    return parser


def _add(parser: argparse._ActionsContainer, command: str, name: str) -> None:
    option = BY_NAME[name]
    dest, flag = attribute(name), f"--{name}"
    shared = {"dest": dest, "default": argparse.SUPPRESS}
    if name == "drift":
        action = argparse.BooleanOptionalAction
        parser.add_argument(flag, action=action, help=option.help, **shared)  # type: ignore[arg-type]
    elif name == "cache":
        parser.add_argument(
            "--no-cache", action="store_false", help="do not remember anything", **shared
        )  # type: ignore[arg-type]
    elif option.kind == "flag":
        parser.add_argument(flag, action="store_true", help=option.help, **shared)  # type: ignore[arg-type]
    elif option.kind == "choice":
        choices = PICTURES if (command, name) == ("graph", "format") else option.choices
        default = choices[0] if name == "format" else option.default
        parser.add_argument(
            flag, choices=choices, help=f"{option.help} (default: {default})", **shared
        )  # type: ignore[arg-type]
    elif option.kind == "labels":
        parser.add_argument(
            flag, action="append", metavar=option.metavar, help=option.help, **shared
        )  # type: ignore[arg-type]
    elif option.kind == "codes":
        parser.add_argument(flag, type=codes, metavar=option.metavar, help=option.help, **shared)  # type: ignore[arg-type]
    else:
        parser.add_argument(flag, metavar=option.metavar, help=option.help, **shared)  # type: ignore[arg-type]
