"""Tells whether what an answer rests on is still as it was: files, folders, variables.

Running the project's code to look for drift takes seconds. What that code read is written down
together with a clean answer (`testimony.taken`); while none of it has changed, the answer stands.
One ``stat`` for each file says so here; where it does not, `testimony.why_not` reads.

Only built-in modules are imported: this is part of the warm path of ``check``.
"""

from __future__ import annotations

import binascii
import os

try:
    from _blake2 import blake2b  # `hashlib` takes a quarter of a bare interpreter start
except ImportError:
    from hashlib import blake2b

TYPE_CHECKING = False  # typing costs a quarter of a bare interpreter start
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    State = tuple[str, str, str]

NOISE = (
    *("PWD", "OLDPWD", "SHLVL", "_", "PS1", "PROMPT_COMMAND", "LS_COLORS", "HISTFILE", "HISTSIZE"),
    *("COLUMNS", "LINES", "COLORTERM", "DISPLAY", "WAYLAND_DISPLAY", "WINDOWID", "WINDOW", "STY"),
    *("TMUX", "TMUX_PANE", "GPG_TTY", "TTY", "EDITOR", "VISUAL", "PAGER", "LESS", "LESSOPEN"),
    *("INVOCATION_ID", "JOURNAL_STREAM", "SECURITYSESSIONID", "PYTEST_CURRENT_TEST"),
)
"""Variables of shells and terminals, which differ from one window to the next: of these only
those count that the project is known to have read by name."""
NOISY = (
    *("TERM", "GIT_", "PRE_COMMIT", "SSH_", "XDG_SESSION_", "DBUS_", "VSCODE_", "ITERM_"),
    *("KITTY_", "LC_TERMINAL", "WT_", "VTE_", "WEZTERM_", "ALACRITTY_"),
)
"""The same, by how their names begin."""

ABSENT = "absent"
VIEWED = "viewed"
"""Stands for the ``stat`` of a file that was seen through a view, or before that of a folder."""
DOUBTFUL = "doubtful"
"""Stands for the ``stat`` of what had only just changed, and could change again and show it."""
SPECIAL = "special"
"""Stands for the ``stat`` of a device, a pipe, a folder: never read as a file."""

_SUFFIXES = (
    *(".py", ".so", ".pyd", ".pth", ".env", ".ini", ".cfg", ".conf"),
    *(".toml", ".json", ".yaml", ".yml"),
)
INSTALLED = ("site-packages", "dist-packages")
"""Every name counts in these: they are Python's own, and nobody's tests write to them."""
_MAX_READ = 64 << 20
"""Bytes; larger files are known by their ``stat`` alone."""
_VERSION = "1"


class Witness:
    """What an answer rests on. (A `NamedTuple` would import `typing`.)"""

    __slots__ = ("all_variables", "files", "folders", "links", "salt", "variables")

    def __init__(
        self,
        salt: bytes,
        files: Sequence[State],
        folders: Sequence[State],
        links: Sequence[tuple[str, str]],
        variables: Sequence[tuple[str, str]],
        all_variables: bool,
    ) -> None:
        self.salt = salt
        """Key of every digest, so that none says more than that something is the same."""
        self.files = files
        """(absolute path, stamp, digest of the content; empty when it was not read)."""
        self.folders = folders
        """(absolute path, stamp, names that matter: of folders, two slashes, of files)."""
        self.links = links
        """(absolute path, where it leads to)."""
        self.variables = variables
        """(name, digest of the value; empty when it was not set)."""
        self.all_variables = all_variables
        """Whether a variable that is neither named here nor `NOISE` has to be unset."""


def quick(witness: Witness, environ: Mapping[str, str], *, view_is_same: bool = False) -> bool:
    """Whether everything holds, as far as ``stat`` can tell; where it cannot, the answer is no.

    `view_is_same` promises that what is seen instead of the disk is what it was; without it, the
    disk must be what counts.
    """
    return (
        all(os.path.realpath(path) == target for path, target in witness.links)
        and not any(other_variables(witness, environ))
        and _files_hold(witness, view_is_same)
        and _folders_hold(witness, view_is_same)
    )


def _files_hold(witness: Witness, view_is_same: bool) -> bool:
    stat = os.stat
    for path, stamp, digest in witness.files:
        try:
            now = stat(path)
        except OSError:
            same = stamp == ABSENT
        else:  # as in stamp_of, whose call would cost a third more
            same = stamp == f"{now.st_mtime_ns} {now.st_size} {now.st_ino} {now.st_ctime_ns}"
        if same or view_is_same and stamp == VIEWED:
            continue
        if stamp == DOUBTFUL and digest and digest == digest_of_file(path, witness.salt):
            continue
        if stamp != SPECIAL or stamp_of_file(path) != SPECIAL:
            return False
    return True


def _folders_hold(witness: Witness, view_is_same: bool) -> bool:
    for path, stamp, names in witness.folders:
        viewed = stamp.startswith(VIEWED)
        if stamp.removeprefix(VIEWED) == stamp_of(path) and (view_is_same or not viewed):
            continue
        if stamp != DOUBTFUL or names != listed(path):
            return False
    return True


def other_variables(witness: Witness, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables that are not as they were: (name, what happened)."""
    for name, digest in witness.variables:
        now = digest_of_value(environ.get(name), witness.salt)
        if now != digest:
            yield name, "is set otherwise" if now and digest else "is set" if now else "is not set"
    if witness.all_variables:
        for name in sorted(telling(environ) - {name for name, _ in witness.variables}):
            yield name, "is set"


def telling(environ: Mapping[str, str]) -> set[str]:
    """The names of all variables but `NOISE`."""
    return {name for name in environ if name not in NOISE and not name.startswith(NOISY)}


# What something is like


def stamp_of(path: str) -> str:
    """What ``stat`` tells; the last word is when it was changed. Or that it is `ABSENT`."""
    try:
        now = os.stat(path)
    except OSError:
        return ABSENT
    return f"{now.st_mtime_ns} {now.st_size} {now.st_ino} {now.st_ctime_ns}"


def stamp_of_file(path: str) -> str:
    """The same for what should be a file: it may also be `SPECIAL`."""
    stamp = stamp_of(path)
    return SPECIAL if stamp != ABSENT and not os.path.isfile(path) else stamp


def digest_of(content: bytes, salt: bytes) -> str:
    """A digest that says nothing to whoever cannot guess the content."""
    return blake2b(content, key=salt, digest_size=16).hexdigest()


def digest_of_file(path: str, salt: bytes) -> str:
    """The same of a file; empty when it cannot be read, or is too large to be."""
    if not os.path.isfile(path):  # a pipe would never end
        return ""
    try:
        with open(path, "rb") as file:
            content = file.read(_MAX_READ + 1)
    except OSError:
        return ""
    return "" if len(content) > _MAX_READ else digest_of(content, salt)


def digest_of_value(value: str | None, salt: bytes) -> str:
    """The same of a variable; empty when it is not set."""
    return "" if value is None else digest_of(os.fsencode(value), salt)


def listed(path: str, changed: Mapping[str, bool | None] | None = None) -> str:
    """The names that matter in a folder; empty when there is no such folder.

    `changed` are the names that a view adds (True for a folder, False for a file) and hides (None).
    """
    found: dict[str, bool | None] = {}
    try:
        with os.scandir(path) as entries:
            found = {entry.name: entry.is_dir() for entry in entries}
    except FileNotFoundError:
        if not changed:
            return ""
    except OSError:  # we may not list it, so Python may not
        return "?"
    found |= changed or {}
    every = os.path.basename(path) in INSTALLED
    folders, files = [], []
    for name, is_folder in found.items():
        if is_folder and matters(name, True):
            folders.append(name)
        elif is_folder is False and (every or matters(name, False)):
            files.append(name)
    return f"{'/'.join(sorted(folders))}//{'/'.join(sorted(files))}"


def matters(name: str, is_folder: bool) -> bool:
    """Whether Python's imports or a project's settings may depend on there being such a name."""
    if is_folder:
        return name[0] != "." and name != "__pycache__"
    return name.endswith(_SUFFIXES) or name.startswith(".env")


# Keeping it


def encoded(witness: Witness) -> bytes:
    """`witness` in bytes, with a checksum."""
    rows = (witness.files, witness.folders, witness.links, witness.variables)
    fields = [_VERSION, witness.salt.hex(), str(int(witness.all_variables))]
    fields += [str(len(part)) for part in rows]
    fields += [field for part in rows for row in part for field in row]
    body = os.fsencode("\0".join(fields))
    return b"%08x\n%b" % (binascii.crc32(body), body)


def decoded(content: bytes) -> Witness | None:
    """The witness that was `encoded`; None when it is damaged, or of another edition."""
    checksum, _, body = content.partition(b"\n")
    if checksum != b"%08x" % binascii.crc32(body):
        return None
    fields = os.fsdecode(body).split("\0")
    if fields[0] != _VERSION:
        return None
    a = 7 + 3 * int(fields[3])
    b = a + 3 * int(fields[4])
    c = b + 2 * int(fields[5])
    return Witness(
        bytes.fromhex(fields[1]),
        list(zip(fields[7:a:3], fields[8:a:3], fields[9:a:3], strict=True)),
        list(zip(fields[a:b:3], fields[a + 1 : b : 3], fields[a + 2 : b : 3], strict=True)),
        list(zip(fields[b:c:2], fields[b + 1 : c : 2], strict=True)),
        list(zip(fields[c::2], fields[c + 1 :: 2], strict=True)),
        fields[2] == "1",
    )
