"""The vendors' own programs: found, run, and said readably why they did not do it.

A password goes to them in their environment. Behind a prefix, as in ``docker compose exec -T db``,
that is another machine's: there a shell reads it from standard input, before what is for the tool.
"""

from __future__ import annotations

import glob
import itertools
import os
import re
import shlex
import shutil
from typing import TYPE_CHECKING, NamedTuple

from remigrate import bounded, server_kinds
from remigrate.errors import EnvironmentFailure, UsageFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from remigrate import runtime
    from remigrate.db.reached import Reached
    from remigrate.options import Options
    from remigrate.server_kinds import Vendor

_LIMITS = bounded.Limits(seconds=86_400.0)
"""A dump takes as long as there are data; whoever has no patience stops it."""
_CHUNK = 1 << 16
_LINES = 12
_SHELL = 'IFS= read -r {name}; export {name}; exec "$@"'
"""What a shell does behind a prefix. It reads no further than the line's end: POSIX wants that."""


class Ground(NamedTuple):
    """Where programs run."""

    there: runtime.Place
    """Where the project's interpreter is."""
    prefix: tuple[str, ...]
    """What leads to the vendor's tools; empty for this machine's own."""
    patience: int
    """Seconds to wait for a lock."""

    @property
    def is_here(self) -> bool:
        """Whether files that the settings name are there for the tools, too."""
        return not self.prefix and not self.there.interpreter.is_prefix


class Tool(NamedTuple):
    """One of the programs."""

    program: str
    version: str
    """What it says of itself, in one line."""

    @property
    def number(self) -> tuple[int, ...]:
        return number(self.version)


def ground(there: runtime.Place, options: Options) -> Ground:
    """Where programs run. Raises `UsageFailure` for a prefix that no shell would understand."""
    try:
        prefix = tuple(shlex.split(options.tools or ""))
        return Ground(there, prefix, options.lock_time_limit)
    except ValueError as error:
        raise UsageFailure(
            f"--tools cannot be read: {error}",
            "Write it as in: --tools 'docker compose exec -T db'",
        ) from error


def number(text: str) -> tuple[int, ...]:
    """The first version in a text; empty where there is none."""
    found = re.search(r"(?:Distrib |Ver |\) |^)(\d+(?:\.\d+)*)", text)
    return tuple(map(int, found[1].split("."))) if found else ()


def find(names: Sequence[str], vendor: Vendor, on: Ground, least: int = 0) -> Tool:
    """The first of these programs that is there and not older than `least`.

    Raises `EnvironmentFailure` with the way out.
    """
    seen: list[Tool] = []
    for program in names if on.prefix else _installed(names, vendor, on):
        said = _version(program, on)
        if said:
            seen.append(Tool(program, said))
            if seen[-1].number >= (least,):
                return seen[-1]
    if seen:
        raise EnvironmentFailure(
            f"{seen[0].program} is older than the server: {seen[0].version}, and the server is "
            f"{least}",
            f"Install the tools of version {least}. {_BEHIND}",
        )
    where = f" behind {' '.join(on.prefix)}" if on.prefix else ""
    raise EnvironmentFailure(
        f"there is no {' or '.join(names)}{where}",
        f"Install the client of the server. {_BEHIND} Without a dump: --part rows --part files.",
    )


_BEHIND = "Where the server's container has them: --tools 'docker compose exec -T db'."


def _installed(names: Sequence[str], vendor: Vendor, on: Ground) -> Iterator[str]:
    for name in names:
        found = shutil.which(name, path=on.there.environ.get("PATH"))
        if found:
            yield found
    for pattern in server_kinds.PLACES[vendor]:
        for name in names:
            yield from sorted(glob.glob(os.path.join(pattern, name)), reverse=True)


def _version(program: str, on: Ground) -> str:
    try:
        output = bounded.run(
            [*on.prefix, program, "--version"], cwd=on.there.home, env=on.there.environ
        )
    except OSError as error:
        if on.prefix:
            raise _not_started(on.prefix[0], error) from error
        return ""
    lines = output.stdout.decode("utf-8", "replace").strip().splitlines()
    if output.code or not lines:
        return ""
    return " ".join(lines[0].replace(program, os.path.basename(program)).split())


def run(
    tool: Tool,
    words: Sequence[str],
    database: Reached,
    on: Ground,
    variable: str,
    stdin: Iterable[bytes] = (),
    target: int | None = None,
) -> bytes:
    """Run it on a database, and into the descriptor `target`, if any; what it printed else.

    `variable` is what it reads its password from. Raises `EnvironmentFailure` in its own words.
    """
    argv, env = [tool.program, *words], _environment(database, on)
    if on.prefix:
        if "\n" in database.password:
            raise EnvironmentFailure(
                f"the password of {database.alias} has a line break, which --tools cannot hand on",
                "Give it another one, or run the tool without --tools.",
            )
        shell = _SHELL.format(name=variable)
        argv = [*on.prefix, "sh", "-c", shell, "sh", *argv]
        stdin = itertools.chain([f"{database.password}\n".encode()], stdin)
    elif database.password:
        env[variable] = database.password
    title = f"{os.path.basename(tool.program)} on {database.alias}"
    return demand(argv, title, env, on, stdin, target)


def _environment(database: Reached, on: Ground) -> dict[str, str]:
    """Led to where the project is led: a part of the project, or a container, may have set that."""
    ours = {
        name: value for name, value in on.there.environ.items() if name not in database.variables
    }
    theirs = {name: value for name, value in database.variables.items() if value}
    return {**ours, **theirs} if on.is_here else ours


def run_script(
    tool: Tool,
    words: Sequence[str],
    database: Reached,
    on: Ground,
    variable: str,
    script: Iterable[bytes],
    asking: str,
) -> None:
    """Run a script to its last line. `asking` is a line that has `{}` printed.

    Programs that find the end of their input half-way say that all went well.
    """
    word = os.urandom(8).hex()
    whole = itertools.chain(script, [f"\n{asking.format(word)}\n".encode()])
    if word.encode() not in run(tool, words, database, on, variable, whole):
        raise EnvironmentFailure(
            f"{os.path.basename(tool.program)} on {database.alias} did not get to the end",
            "Run it again, or load the dump by hand.",
        )


def demand(
    argv: Sequence[str],
    title: str,
    env: dict[str, str],
    on: Ground,
    stdin: Iterable[bytes] = (),
    target: int | None = None,
) -> bytes:
    """Run a program to a good end; what it printed. Raises `EnvironmentFailure` with its last
    lines."""
    try:
        output = bounded.run(
            argv, cwd=on.there.home, env=env, stdin=iter(stdin), limits=_LIMITS, target=target
        )
    except OSError as error:
        raise _not_started(argv[0], error) from error
    if output.stopped == "time":
        raise EnvironmentFailure(f"{title} did not come to an end in a day")
    if output.code:
        said = (output.stderr + output.stdout).decode("utf-8", "replace").strip().splitlines()
        raise EnvironmentFailure(
            f"{title} failed (exit status {output.code})",
            "\n".join([*(f"  | {line[:300]}" for line in said[-_LINES:]), "Nothing was changed."]),
        )
    return output.stdout


def _not_started(program: str, error: OSError) -> EnvironmentFailure:
    return EnvironmentFailure(
        f"{program} cannot be started: {error.strerror}", "Name what leads to the tools: --tools."
    )


def content(path: str) -> Iterator[bytes]:
    """Of a file, part by part."""
    source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        yield from read(source)
    finally:
        os.close(source)


def read(source: int) -> Iterator[bytes]:
    """What is behind a descriptor, to its end."""
    while part := os.read(source, _CHUNK):
        yield part


def refuse_option(database: Reached, name: str, why: str) -> UsageFailure:
    """That an option of the settings, or a variable, cannot be handed to a tool."""
    where = "the environment" if name in database.variables else "OPTIONS"
    return UsageFailure(
        f"{where} of the database {database.alias} has {name}, {why}",
        "Make the dump yourself, and leave it out here: --part rows --part files.",
    )
