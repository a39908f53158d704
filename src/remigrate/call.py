"""One run of the program: what was asked for, and what the doors of all commands need."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from remigrate import console, options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from remigrate.load import Cache
    from remigrate.options import Configuration, Options

_Found = TypeVar("_Found")
_LEADING = ("config", "manage", "settings", "python", "tools")


class Call(NamedTuple):
    """One run of the program."""

    words: tuple[str, ...]
    """The command line."""
    environ: Mapping[str, str]
    options: Options
    configuration: Configuration
    say: console.Console
    started: float
    """By the clock of `time.perf_counter`."""


def disk_cache(call: Call) -> Cache:
    """The user's cache, or none when it is switched off or there is no place for it."""
    if call.options.cache:
        from remigrate import cache

        path = cache.default_path(call.environ)
        if path:
            return cache.DiskCache(path, call.say.warn)
    from remigrate.memory import NoCache

    return NoCache()


def told(
    call: Call, found: _Found, as_json: Callable[[_Found], str], as_text: Callable[..., str]
) -> str:
    """A result in the form that was asked for; `as_text(found, paint, verbose=…)`."""
    if call.options.reset_format == "json":
        return as_json(found)
    return as_text(found, paint(call), verbose=call.options.verbose)


def leading(call: Call) -> str:
    """Those words of the command line that lead to the project and its databases, each with a blank
    before it: a command that is to follow has to have them, too."""
    import shlex

    usual = options.merged({}, call.configuration.values)
    words = [] if call.options.path == usual.path else [call.options.path]
    for name in _LEADING:
        value = getattr(call.options, name)
        if value != getattr(usual, name):
            words += [f"--{name}", value]
    return "".join(f" {shlex.quote(word)}" for word in words)


def paint(call: Call) -> Callable[[str, str], str]:
    """What colours words, where the result goes to a terminal that shows colours."""
    colored = call.say.colored and call.options.output is None
    return lambda words, color: console.painted(words, color, colored)
