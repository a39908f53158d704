"""Every option once: its name, type, default and help, for the command line and the
configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from remigrate.errors import UsageFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FORMATS = ("text", "json", "sarif", "github", "markdown")
DRAWINGS = ("mermaid", "dot", "svg", "json")
LISTINGS = ("text", "json", "matrix")
RESET_FORMATS = ("text", "json")
STRATEGIES = ("squash", "rebase", "merge", "fresh")


class Option(NamedTuple):
    """One option. `in_file` tells whether ``[tool.remigrate]`` may set it."""

    name: str
    kind: str
    """``text``, ``flag``, ``number``, ``codes`` (comma-separated), ``choice``, ``labels`` or
    ``table``."""
    help: str
    default: object = None
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    in_file: bool = False
    repeatable: bool = False
    flag: str = ""
    """What it is called on the command line, where that is not its name."""


TABLE: tuple[Option, ...] = (
    Option("base", "text", "landed migrations come from REV (a branch, a tag, a commit); check "
           "judges the merge of head into it", metavar="REV", in_file=True),
    Option("head", "text", "read the commit REV, straight from git's objects", metavar="REV"),
    Option("index", "flag", "read the index: what the next commit will hold", False),
    Option("drift", "flag", "also ask the project's Django whether models and migrations agree "
           "(default: when its environment is found)", None, in_file=True),
    Option("fix", "flag", "write the migrations that drift misses, where Django has no question",
           False),
    Option("explain-cache", "flag", "say what was remembered, and why something was not", False),
    Option("python", "text", "the project's interpreter, or a command that leads to one: "
           "'docker compose exec -T backend python'", metavar="INTERPRETER", in_file=True),
    Option("settings", "text", "the project's settings module (default: as manage.py says)",
           metavar="MODULE", in_file=True),
    Option("manage", "text", "the project's manage.py, where there are several", metavar="PATH",
           in_file=True),
    Option("time-limit", "number", "seconds that the project's code may take", 300, in_file=True),
    Option("memory-limit", "number", "MiB of memory that the project's code may take", None,
           in_file=True),
    Option("format", "choice", "how to print the result", "text", FORMATS, in_file=True),
    Option("output", "text", "write the result to FILE instead of standard output", metavar="FILE"),
    Option("select", "codes", "only these rules: codes, beginnings of codes, or names", (),
           metavar="CODES", in_file=True),
    Option("ignore", "codes", "all rules but these", (), metavar="CODES", in_file=True),
    Option("fail-on", "choice", "end with exit code 1 when a finding is at least this severe",
           "error", ("error", "warning", "never"), in_file=True),
    # Named apart: `format` of the configuration is a report's, and means nothing to a picture.
    Option("drawing", "choice", "how to draw the graph; svg needs Graphviz", "mermaid", DRAWINGS,
           flag="format"),
    Option("listing", "choice", "how to list the projects", "text", LISTINGS, flag="format"),
    Option("app", "labels", "only the app LABEL (repeatable)", (), metavar="LABEL",
           repeatable=True),
    Option("path", "text", "a work tree, or a folder in one (default: .)", metavar="PATH"),
    Option("all", "flag", "reset every app of the project", False),
    Option("strategy", "choice", "what becomes of the history, as told below", "squash",
           STRATEGIES, in_file=True),
    # Not of the file: it may hold a password.
    Option("database", "text", "prove it on scratch databases of the server at URL, as in "
           "postgresql://me@localhost (default: one is started; SQLite needs none)",
           metavar="URL"),
    Option("keep-replaced", "flag", "leave the files that a squash replaces; --finish removes them "
           "later", False),
    Option("guard", "flag", "let the new migrations stop a database that is behind base (default: "
           "they do)", True, in_file=True),
    Option("accept-differences", "flag", "write although the proof found differences", False),
    Option("dry-run", "flag", "write nothing; show the diff and the proof", False),
    Option("finish", "flag", "remove what a squash with --keep-replaced replaced, and its "
           "`replaces`", False),
    Option("allow-dirty", "flag", "go on where migrations have changes that are not committed",
           False),
    # As with `drawing`: what the file says of reports on findings is not meant for this one.
    Option("reset-format", "choice", "how to print the result", "text", RESET_FORMATS,
           flag="format"),
    Option("alias", "labels", "only the database ALIAS of the settings (repeatable)", (),
           metavar="ALIAS", repeatable=True),
    Option("since", "text", "tell how to step back at REV, which still has the files of ghosts",
           metavar="REV"),
    Option("name", "text", "what the database is called: needed where DEBUG is off, or its host is "
           "another machine", metavar="NAME"),
    Option("apply", "flag", "do it (default: only tell what would be done)", False),
    Option("keep-backup", "flag", "make a backup first (default: it is made)", True,
           flag="backup"),
    Option("check", "flag", "end with exit code 1 also when migrations are pending", False),
    Option("applied", "labels", "the code of LABEL.NAME has run: take the migration as applied "
           "(repeatable)", (), metavar="LABEL.NAME", repeatable=True),
    Option("pending", "labels", "leave LABEL.NAME for `migrate` to run (repeatable)", (),
           metavar="LABEL.NAME", repeatable=True),
    Option("part", "labels", "only this part (repeatable)", (), ("rows", "files", "dump"),
           repeatable=True),
    Option("tools", "text", "a command that leads to the vendor's tools, where this machine has "
           "none: 'docker compose exec -T db'", metavar="PREFIX", in_file=True),
    Option("lock-time-limit", "number", "seconds to wait for a lock of a database that is written",
           10, in_file=True),
    Option("yes", "flag", "write without asking", False),
    Option("migrate-time-limit", "number", "seconds that one `migrate` of an empty database may "
           "take in a proof", 3600, in_file=True),
    Option("bot", "flag", "the bot's story: a comment, and what becomes of it", False),
    Option("migration-modules", "table", "app label to migrations folder", {}, in_file=True),
    Option("cache", "flag", "remember what files say between runs", True),
    Option("color", "choice", "colours in text", "auto", ("auto", "always", "never"), in_file=True),
    Option("config", "text", "read [tool.remigrate] from FILE instead of pyproject.toml",
           metavar="FILE"),
    Option("quiet", "flag", "only findings, no remarks", False),
    Option("verbose", "flag", "also say what was read and how long it took", False),
)  # fmt: skip

_ATTRIBUTES = {"index": "from_index"}  # a tuple has a method of that name


def attribute(name: str) -> str:
    """The attribute of `Options` that holds the option called `name`."""
    return _ATTRIBUTES.get(name, name.replace("-", "_"))


BY_NAME = {option.name: option for option in TABLE}


class Options(NamedTuple):
    """What the user wants, from all sources together."""

    path: str = "."
    base: str | None = None
    head: str | None = None
    from_index: bool = False
    drift: bool | None = None
    """None for: when the project's environment is found."""
    fix: bool = False
    explain_cache: bool = False
    python: str | None = None
    settings: str | None = None
    manage: str | None = None
    time_limit: int = 300
    memory_limit: int | None = None
    format: str = "text"
    output: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str = "error"
    drawing: str = "mermaid"
    listing: str = "text"
    app: tuple[str, ...] = ()
    all: bool = False
    strategy: str = "squash"
    database: str | None = None
    keep_replaced: bool = False
    guard: bool = True
    accept_differences: bool = False
    dry_run: bool = False
    finish: bool = False
    allow_dirty: bool = False
    reset_format: str = "text"
    alias: tuple[str, ...] = ()
    since: str | None = None
    name: str | None = None
    apply: bool = False
    keep_backup: bool = True
    check: bool = False
    applied: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    tools: str | None = None
    lock_time_limit: int = 10
    backup: str = ""
    """The folder to restore from, or the name of one."""
    yes: bool = False
    migrate_time_limit: int = 3600
    bot: bool = False
    migration_modules: Mapping[str, str] = {}
    cache: bool = True
    color: str = "auto"
    config: str | None = None
    quiet: bool = False
    verbose: bool = False


def merged(given: Mapping[str, object], configured: Mapping[str, object]) -> Options:
    """Options from the command line (or inputs) over those of the configuration file.

    `given` has attribute names (``fail_on``), and holds only what was given. Raises `UsageFailure`.
    """
    options = Options()._replace(**configured)  # type: ignore[arg-type]
    options = options._replace(**given)  # type: ignore[arg-type]
    _check_codes(options.select + options.ignore)
    return options


def demand_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise `UsageFailure` where the input `name` of the action has a value that it cannot have."""
    if value not in choices:
        raise UsageFailure(f"the input {name} is {value}", f"Choose from: {', '.join(choices)}.")


def codes(text: str) -> tuple[str, ...]:
    """``RM101, RM2`` taken apart."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def number(text: str) -> int:
    """A whole number above zero. Raises `ValueError`."""
    found = int(text)
    if found <= 0:
        raise ValueError(text)
    return found


def _check_codes(words: Iterable[str]) -> None:
    words = tuple(words)
    if not words:
        return
    from remigrate import rules

    for word in words:
        if not rules.is_known(word):
            known = [name for rule in rules.ALL for name in (rule.CODE, rule.NAME)]
            raise UsageFailure(f"there is no rule {word}", meant(word, known))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Which of the `known` names `word` may be meant for."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return near[0] if near else None


def meant(word: str, known: Iterable[str], otherwise: str = "Known are") -> str:
    """A question after the nearest of the `known` names, or all of them."""
    names = list(known)
    near = nearest(word, names)
    return f"Did you mean {near}?" if near else f"{otherwise}: {', '.join(names)}."


class Configuration(NamedTuple):
    """What ``[tool.remigrate]`` says, and the files that were looked at to know it."""

    values: dict[str, object]
    """By attribute name."""
    files: dict[str, bytes | None]
    """Content by path; None for a file that is not there."""


def from_file(path: str | None, folder: str) -> Configuration:
    """``[tool.remigrate]`` of the file `path`, or of the nearest ``pyproject.toml``.

    The nearest one is looked for from `folder` up to the top of its work tree. Raises
    `UsageFailure` for an unreadable file, an unknown key, or a value of the wrong type.
    """
    files: dict[str, bytes | None] = {}
    for candidate in [path] if path else _candidates(folder):
        try:
            with open(candidate, "rb") as file:
                content = file.read()
        except (FileNotFoundError, NotADirectoryError) as error:
            if path:
                raise UsageFailure(f"{path} does not exist", _ANOTHER_FILE) from error
            files[candidate] = None
            continue
        except OSError as error:
            raise UsageFailure(
                f"{candidate} cannot be read: {error.strerror}", _ANOTHER_FILE
            ) from error
        files[candidate] = content
        if b"remigrate" in content:  # spares the import of tomllib
            return Configuration(_parsed(content, candidate), files)
        break
    return Configuration({}, files)


def _candidates(folder: str) -> list[str]:
    """Where a ``pyproject.toml`` may stand: `folder` and above, up to the one with ``.git``."""
    folder = os.path.realpath(folder)
    found = [folder]
    while not os.path.exists(os.path.join(folder, ".git")):
        folder, below = os.path.dirname(folder), folder
        if folder == below:  # no work tree: a bare repository
            found = found[:1]
            break
        found.append(folder)
    return [os.path.join(place, "pyproject.toml") for place in found]


def _parsed(content: bytes, path: str) -> dict[str, object]:
    import tomllib

    try:
        document = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageFailure(f"{path} is not valid TOML: {error}", _ANOTHER_FILE) from error
    tool = document.get("tool", {})
    table = tool.get("remigrate", {}) if isinstance(tool, dict) else tool
    if not isinstance(table, dict):
        raise UsageFailure(
            f"{path}: tool.remigrate is not a table",
            "Write its keys under a line [tool.remigrate].",
        )
    return {attribute(key): _value(key, value, path) for key, value in table.items()}


def _value(key: str, value: object, path: str) -> object:
    option = BY_NAME.get(key)
    if option is None or not option.in_file:
        known = [option.name for option in TABLE if option.in_file]
        typed = option is not None and not option.flag
        raise UsageFailure(
            f"{path}: [tool.remigrate] has no key {key}",
            "It is for the command line alone." if typed else meant(key, known),
        )
    match option.kind, value:
        case "flag", bool():
            return value
        case "number", int() if value > 0 and not isinstance(value, bool):
            return value
        case "choice", str() if value in option.choices:
            return value
        case "text", str() if value:
            return value
        case "codes", list() if all(isinstance(word, str) for word in value):
            return tuple(value)
        case "table", dict() if all(isinstance(path_, str) for path_ in value.values()):
            return value
    raise UsageFailure(f"{path}: {key} must be {_WORDS[option.kind]}, not {value!r}", _way(option))


_WORDS = {
    "flag": "true or false",
    "number": "a number above zero",
    "choice": "one of its words",
    "text": "a text",
    "codes": "a list of texts",
    "table": "a table of texts",
}
_SAMPLES = {
    "flag": "true",
    "number": "600",
    "text": '"origin/main"',
    "codes": '["RM1", "landed-edited"]',
    "table": '{shop = "changes/of_the_shop"}',
}
_ANOTHER_FILE = "Mend it, or name another file with --config."


def _way(option: Option) -> str:
    if option.choices:
        return f"Choose from: {', '.join(option.choices)}."
    return f"Write it as in: {option.name} = {_SAMPLES[option.kind]}"
