"""Answers a question that was asked before, without asking it again.

A result is kept together with everything that could change it: the words of the command, the
answers of git about branches, index and work tree, the configuration file. When the same words come
again and all of that is as it was, the result is too. Only built-in modules are imported here: this
is the warm path of ``check``, and an import is what takes the time.
"""

from __future__ import annotations

import binascii
import os
import sys

from remigrate import home, process

TYPE_CHECKING = False  # typing costs a quarter of a bare interpreter start
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MAX_KEPT = 64
_TIMEOUT = 60.0
_TELLING = (
    *("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "HOME", "XDG_CONFIG_HOME", "PATH"),
    *("VIRTUAL_ENV", "DJANGO_SETTINGS_MODULE", "PRE_COMMIT"),  # which environment is found
)
"""Variables besides git's own that a result may depend on."""


class Verdict:
    """A result and what it rests on."""

    __slots__ = ("answers", "code", "files", "output", "said", "witness")

    def __init__(
        self,
        code: int,
        output: bytes,
        answers: Sequence[tuple[Sequence[str], bytes, bytes]],
        files: Mapping[str, bytes | None],
        said: bytes = b"",
        witness: bytes = b"",
    ) -> None:
        self.code = code
        self.output = output
        self.answers = answers
        """(command, standard input, standard output) of every program that was asked."""
        self.files = files
        """Content of other files that counted; None for one that was looked for in vain."""
        self.said = said
        """What was said besides the result, on standard error."""
        self.witness = witness
        """What the project's own code read (`witness.encoded`), or nothing. What that code saw
        instead of the disk must be told by `answers`."""


def recall(words: Sequence[str], environ: Mapping[str, str]) -> Verdict | None:
    """The kept verdict for the command line `words`, when everything it rests on is unchanged."""
    key = _key(words, environ)
    path = _path(key, environ)
    content = _content(path) if path else None
    if path is None or content is None:
        return None
    verdict = _decoded(content, key, path)
    return verdict if verdict and _stands(verdict, environ) else None


def repeated(words: Sequence[str], environ: Mapping[str, str]) -> int | None:
    """Say what was said the last time, if it still holds. Returns the exit code, or None."""
    known = recall(words, environ)
    if known is None:
        return None
    sys.stdout.buffer.write(known.output)
    sys.stdout.flush()
    if known.said:
        sys.stderr.flush()
        sys.stderr.buffer.write(known.said)
        sys.stderr.flush()
    return known.code


def remember(words: Sequence[str], environ: Mapping[str, str], verdict: Verdict) -> None:
    """Keep `verdict` for the next time. Without a place to keep it, nothing happens."""
    key = _key(words, environ)
    path = _path(key, environ)
    if path is None:
        return
    if home.put(path, _encoded(verdict, key)):
        home.prune(os.path.dirname(path), _MAX_KEPT)


def _stands(verdict: Verdict, environ: Mapping[str, str]) -> bool:
    for path, content in verdict.files.items():
        if _content(path) != content:
            return False
    env = process.git_environment(environ)
    try:
        running = [process.Running(list(argv), env, stdin) for argv, stdin, _ in verdict.answers]
    except OSError:  # the program is no longer there
        return False
    same = _witnessed(verdict, environ)  # while git is at work
    for program, (_, _, answer) in zip(running, verdict.answers, strict=True):
        try:
            same = program.result(_TIMEOUT).stdout == answer and same
        except process.TimedOut:
            same = False
    return same


def _witnessed(verdict: Verdict, environ: Mapping[str, str]) -> bool:
    if not verdict.witness:
        return True
    from remigrate import witness

    known = witness.decoded(verdict.witness)
    return known is not None and witness.quick(known, environ, view_is_same=True)


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _path(key: list[bytes], environ: Mapping[str, str]) -> str | None:
    folder = home.cache_folder(environ)
    if folder is None:
        return None
    name = binascii.crc32(b"\0".join(key))
    return os.path.join(folder, "verdicts", f"{name:08x}")


def _key(words: Sequence[str], environ: Mapping[str, str]) -> list[bytes]:
    """What must be the same to the letter: words, place, environment, and this program."""
    git = {name: value for name, value in environ.items() if name.startswith("GIT_")}
    told = {name: environ[name] for name in _TELLING if name in environ}
    terminal = [f"{stream.isatty()} {stream.encoding}" for stream in (sys.stdout, sys.stderr)]
    parts = [*words, _here(), *terminal, home.edition()]
    parts += [f"{name}={value}" for name, value in sorted({**git, **told}.items())]
    return [os.fsencode(part) for part in parts]


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:  # somebody removed it
        return ""


def _encoded(verdict: Verdict, key: list[bytes]) -> bytes:
    parts = [b"%d" % len(key), *key, b"%d" % verdict.code, verdict.output]
    parts += [verdict.said, verdict.witness, b"%d" % len(verdict.files)]
    for path, content in verdict.files.items():
        parts += [os.fsencode(path), b"" if content is None else b"=" + content]
    for argv, stdin, answer in verdict.answers:
        parts += [b"\0".join(os.fsencode(word) for word in argv), stdin, answer]
    body = b"".join(b"%d\n%b" % (len(part), part) for part in parts)
    return b"%08x\n%b" % (binascii.crc32(body), body)


def _decoded(content: bytes, key: list[bytes], path: str) -> Verdict | None:
    """None for another key's verdict, and, with a word about it, for a damaged one."""
    checksum, _, body = content.partition(b"\n")
    if checksum != b"%08x" % binascii.crc32(body):
        sys.stderr.write("warning: a damaged file in the cache was ignored and is made anew\n")
        try:
            os.unlink(path)
        except OSError:  # somebody was quicker, or may and we may not: it was only a cache
            return None
        return None
    parts = _parts(body)
    size = int(parts.pop(0)) if parts else 0
    if parts[:size] != key:
        return None
    parts = parts[size:]
    code, output, said, witness, count = int(parts[0]), *parts[1:4], int(parts[4])
    rest = parts[5 + 2 * count :]
    files = {
        os.fsdecode(parts[at]): parts[at + 1][1:] if parts[at + 1] else None
        for at in range(5, 5 + 2 * count, 2)
    }
    answers = [
        ([os.fsdecode(word) for word in rest[at].split(b"\0")], rest[at + 1], rest[at + 2])
        for at in range(0, len(rest), 3)
    ]
    return Verdict(code, output, answers, files, said, witness)


def _parts(body: bytes) -> list[bytes]:
    parts = []
    at = 0
    while at < len(body):
        end = body.index(b"\n", at)
        size = int(body[at:end])
        parts.append(body[end + 1 : end + 1 + size])
        at = end + 1 + size
    return parts
