"""The words of the command line, and the help that explains them."""

from __future__ import annotations

import argparse
import os
from typing import Any

from remigrate import __version__, manual
from remigrate.options import BY_NAME, TABLE, attribute, codes, number
from remigrate.parsing import SHELLS, Parser, PrintCompletion

_EVERYWHERE = ("cache", "quiet", "verbose", "color", "config")
_SWITCHES = ("drift", "guard", "keep-backup")
"""Flags that the configuration may set either way, so that the command line may too."""


def _formatter(prog: str) -> argparse.HelpFormatter:
    """argparse makes one for every argument; given a width it need not import shutil for it."""
    try:
        width = os.get_terminal_size().columns
    except OSError:
        width = 100
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=28, width=min(width, 100))


def parser() -> argparse.ArgumentParser:
    """The parser of the command line. Its result holds the command, and only what was given."""
    program = Parser(
        "remigrate",
        description="Keeps the migration history of Django projects healthy.",
        epilog=manual.ALL,
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    program.add_argument("--version", action="version", version=f"remigrate {__version__}")
    program.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=SHELLS,
        default=argparse.SUPPRESS,
        help="print what has a shell complete the command line",
    )
    commands = program.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog="remigrate"
    )
    found: dict[str, argparse._SubParsersAction[Parser]] = {"": commands}
    for command in manual.COMMANDS:
        family, _, name = command.name.rpartition(" ")
        made = _command(found[family], name, command)
        if not command.takes and not command.options:
            found[name] = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    return program


_TAKEN: dict[str, dict[str, Any]] = {
    "path": {
        "nargs": "?",
        "metavar": "PATH",
        "default": argparse.SUPPRESS,
        "help": "a work tree, a folder in one, or a bare repository (default: .)",
    },
    "app": {
        "nargs": "*",
        "metavar": "APP",
        "default": argparse.SUPPRESS,
        "help": "the label of an app to reset (default: the apps with findings)",
    },
    "backup": {
        "metavar": "BACKUP",
        "help": "the folder that `remigrate db backup` told of, or its name",
    },
}
"""What stands without an option's name."""


def _command(
    commands: argparse._SubParsersAction[Parser], name: str, command: manual.Command
) -> Parser:
    parser = commands.add_parser(
        name,
        help=command.help,
        description=f"{command.help.capitalize()}.",
        epilog=_filled(command.epilog),
        allow_abbrev=False,
        formatter_class=_formatter,
    )
    parser.set_defaults(command=command.name)
    pairs = {"head": "trees", "index": "trees", "quiet": "words", "verbose": "words"}
    groups: dict[str, argparse._ActionsContainer] = {}
    for option in (*command.options, *_EVERYWHERE):
        pair = pairs.get(option)
        if pair and pair not in groups:
            groups[pair] = parser.add_mutually_exclusive_group()
        _add(groups[pair] if pair else parser, option)
    for taken in command.takes:
        parser.add_argument(taken, **_TAKEN[taken])
    return parser


def _filled(epilog: str) -> str:
    """With what the table of options knows."""
    named = [option.name for option in TABLE if option.in_file]
    keys = ",\n  ".join(", ".join(named[at : at + 8]) for at in range(0, len(named), 8))
    limit = str(BY_NAME["migrate-time-limit"].default)
    return epilog.replace("{keys}", keys).replace("{limit}", limit)


def _add(parser: argparse._ActionsContainer, name: str) -> None:
    option = BY_NAME[name]
    flag = f"--{option.flag or name}"
    words: dict[str, Any] = {"dest": attribute(name), "default": argparse.SUPPRESS}
    words["help"] = option.help
    if name == "cache":
        flag, words["action"], words["help"] = (
            "--no-cache",
            "store_false",
            "do not remember anything",
        )
    elif name in _SWITCHES:
        words["action"] = argparse.BooleanOptionalAction
    elif option.kind == "flag":
        words["action"] = "store_true"
    else:
        words["metavar"] = option.metavar
    if option.kind == "choice":
        words |= {"choices": option.choices, "help": f"{option.help} (default: {option.default})"}
    elif option.kind == "labels":
        words["action"] = "append"
        if option.choices:
            words["choices"] = option.choices
    elif option.kind == "number":
        words["type"] = number
    elif option.kind == "codes":
        words["type"] = codes
    parser.add_argument(flag, **words)
