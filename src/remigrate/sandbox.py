"""Where the code of a pull request runs: as a user of its own who can reach nothing of the job's.

It needs root on Linux, as in the container of the action. There it takes nothing else for granted:
`preflight` asks from inside before the project's code starts, and one wrong answer refuses the run.
What remains open: the network (environments are built with it), other disks' free space within the
time limit, and the kernel itself.
"""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from remigrate import bounded, closing, git, scratch, server_home
from remigrate.errors import EnvironmentFailure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

UID = 64321
"""Above what Debian gives to people and services, below `nobody`; also the group's number."""
BASE = "/srv/remigrate"
FORBIDDEN = ("ACTIONS_", "GITHUB_", "INPUT_", "RUNNER_", "LD_", "GIT_CONFIG", "REMIGRATE_")
"""Beginnings of names that never reach the project's code."""

_MEMORY = bounded.EACH["RLIMIT_AS"]
_PATIENCE = 10.0
"""Seconds for its processes to be gone."""
_PASSED = ("LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
_BUILDING = ("DJANGO_SETTINGS_MODULE", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON")
"""What our own programs may add for a single run."""

_CAPBSET_DROP, _NO_NEW_PRIVS = 24, 38
_MOST_CAPABILITIES = 64


class Sandbox:
    """A scratch copy of a commit, and the one way to run something there."""

    def __init__(self, folder: str, given: Mapping[str, str], environ: Mapping[str, str]) -> None:
        self.folder = folder
        """Absolute; the only place that can be written to."""
        self.top = os.path.join(folder, "tree")
        """Top of the commit's files. What is there is hostile: follow no link of it."""
        self.databases = os.path.join(folder, "databases")
        """For scratch databases that are files."""
        self.environ = _environment(folder, environ) | dict(given)
        """The variables that the project's code gets."""
        self._names = frozenset((*self.environ, *_BUILDING))

    def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        stdin: bytes = b"",
        limits: bounded.Limits | None = None,
    ) -> bounded.Output:
        """Run a program as the sandbox's user. When this returns, nothing of that user runs.

        Of `env` only what `environ` names counts. Raises `OSError` when it cannot start.
        """
        limits = limits or bounded.Limits()
        if limits.memory is None:
            limits = limits._replace(memory=_MEMORY)
        kept = {name: value for name, value in env.items() if name in self._names}
        try:
            return bounded.run(
                argv,
                cwd="/",
                env=kept,
                stdin=stdin,
                limits=limits,
                prepare=lambda: _become(limits, cwd),
            )
        except subprocess.SubprocessError as error:  # a step before the program's start failed
            raise EnvironmentFailure(
                f"{argv[0]} cannot be started in the sandbox, in {cwd}",
                "The project's code may have moved that folder.",
            ) from error
        finally:
            _end_all()


@contextmanager
def opened(
    repository: git.Repository,
    sha: str,
    ground: closing.Ground,
    environ: Mapping[str, str],
    given: Mapping[str, str] | None = None,
    base: str = BASE,
) -> Iterator[Sandbox]:
    """A sandbox with the files of the commit `sha`, gone on every way out.

    `environ` is this process's; `given` are variables for the project. Raises `EnvironmentFailure`
    where the sandbox would have a hole.
    """
    _refuse_unless_possible(ground)
    # In this order: what is closed is opened again when nothing hostile is left, files neither.
    with closing.closed(ground, base), scratch.folder(base) as folder:
        box = Sandbox(folder, given or {}, environ)
        scratch.write(repository, sha, box.top, UID)
        for name in ("home", "tmp", "databases"):
            os.mkdir(os.path.join(folder, name), 0o700)
            os.chown(os.path.join(folder, name), UID, UID)
        os.chown(folder, UID, UID)
        try:
            _assert_closed(box, ground)
            yield box
        finally:
            _end_all()


@contextmanager
def with_servers() -> Iterator[None]:
    """Scratch servers may be started in this block; afterwards nothing of their user runs.

    Whoever may do everything on a server may start programs as the user that it runs as. Only
    for the action's container, where that user has no other processes.
    """
    account = server_home.account()
    assert account is not None, "a sandbox is root's"
    if _processes(account.uid):
        raise _refusal([f"programs of user {account.uid} are running already"])
    try:
        yield
    finally:
        _end_all(account.uid)


def _refuse_unless_possible(ground: closing.Ground) -> None:
    """Root, Linux, a machine that is ours to change, and a user that nobody else is."""
    why = ""
    if not sys.platform.startswith("linux"):
        why = "this is not Linux"
    elif os.geteuid() != 0:
        why = "this process is not root"
    elif not ground.own:
        why = "this is not the action's container"
    elif _processes():
        why = f"programs of user {UID} are running already"
    else:
        with suppress(KeyError):
            why = f"user {UID} is {pwd.getpwuid(UID).pw_name}"
    if why:
        raise _refusal([why])


def _refusal(why: Sequence[str]) -> EnvironmentFailure:
    return EnvironmentFailure(
        f"the sandbox for the project's code cannot be set up: {'; '.join(why)}",
        "Code of a pull request runs in a sandbox or not at all. The container action "
        "(action.yml at the top of Remigrate) sets it up on GitHub's own runners; "
        "`drift: false` checks without running the project's code.",
    )


def _environment(folder: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Made from nothing. A proxy with a password in it stays outside."""
    home = os.path.join(folder, "home")
    passed = {name: environ[name] for name in _PASSED if name in environ}
    proxies = {name: environ[name] for name in _PROXIES if "@" not in environ.get(name, "@")}
    return {
        "LANG": "C.UTF-8",
        **passed,
        **proxies,
        "PATH": _PATH,
        "HOME": home,
        "TMPDIR": os.path.join(folder, "tmp"),
        "XDG_CACHE_HOME": os.path.join(home, ".cache"),
        "PYTHONUNBUFFERED": "1",
        "UV_CACHE_DIR": os.path.join(home, ".cache/uv"),
        "UV_PYTHON_INSTALL_DIR": os.path.join(home, ".python"),
        "UV_TOOL_DIR": os.path.join(home, ".tools"),
        "UV_NO_PROGRESS": "1",
        "UV_SYSTEM_CERTS": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PDM_CHECK_UPDATE": "0",
    }


def reserved() -> frozenset[str]:
    """Names of variables that the sandbox sets itself; which settings to use is the user's word."""
    return (frozenset(_environment("/", {})) | {*_BUILDING}) - {"DJANGO_SETTINGS_MODULE"}


# In the child, between fork and exec


def _become(limits: bounded.Limits, folder: str) -> None:
    """Turn this process, which is root, into the sandbox's user for good, and go to `folder`.

    Going there comes last: it may have become a link to where only root can go.
    """
    for step in STEPS:
        step(limits)
    os.chdir(folder)


def _own_streams(_: bounded.Limits) -> None:
    """A program may open /dev/stdout by name: that asks whose the pipe is."""
    for descriptor in (0, 1, 2):
        os.fchown(descriptor, UID, UID)


def _limited(limits: bounded.Limits) -> None:
    for name, most in _limits(limits).items():
        resource.setrlimit(getattr(resource, name), (most, most))
    os.umask(0o077)


def _without_bounding_set(_: bounded.Limits) -> None:
    for capability in range(_MOST_CAPABILITIES):
        _prctl(_CAPBSET_DROP, capability)


def _somebody_else(_: bounded.Limits) -> None:
    os.setgroups([])
    os.setresgid(UID, UID, UID)
    os.setresuid(UID, UID, UID)


def _without_inherited_capabilities(_: bounded.Limits) -> None:
    """What older engines let root's children inherit; the kernel dropped the rest with the user."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    if _LIBC.capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capset")


def _without_new_privileges(_: bounded.Limits) -> None:
    if _prctl(_NO_NEW_PRIVS, 1):
        raise OSError(ctypes.get_errno(), "prctl")


STEPS = (
    _own_streams,
    _limited,
    _without_bounding_set,
    _somebody_else,
    _without_inherited_capabilities,
    _without_new_privileges,
)
"""In this order: what needs root comes before the user is given up."""

_LIBC = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> int:
    found: int = _LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0)
    return found


def _limits(limits: bounded.Limits) -> dict[str, int]:
    """Each process's own; the number of processes is that of the user."""
    return {
        **bounded.EACH,
        "RLIMIT_AS": limits.memory or _MEMORY,
        "RLIMIT_CPU": int(limits.seconds * (os.cpu_count() or 1)) + 1,
    }


# Before and after


def _assert_closed(box: Sandbox, ground: closing.Ground) -> None:
    """Run the preflight exactly as the project's code will be run."""
    limits = bounded.Limits(seconds=60.0, memory=_MEMORY, output=1 << 20)
    asked = {
        "uid": UID,
        "gid": UID,
        "names": [*box.environ, "LC_CTYPE"],  # Python sets that one for itself
        "prefixes": FORBIDDEN,
        "limits": _limits(limits),
        "parent": os.getpid(),
        "hidden": ground.hidden,
        "examined": ground.examined,
        "scratch": box.folder,
    }
    with open(os.path.join(os.path.dirname(__file__), "preflight.py"), "rb") as file:
        program = file.read() + f"\nmain(json.loads({json.dumps(asked)!r}))\n".encode()
    argv = (ground.python, "-I", "-")
    try:
        output = box.run(argv, cwd=box.top, env=box.environ, stdin=program, limits=limits)
    except (OSError, EnvironmentFailure) as error:
        raise _refusal([f"{ground.python} cannot be started in it: {error}"]) from error
    try:
        wrong = json.loads(output.stdout)
    except ValueError:
        last = output.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        wrong = [f"its preflight gave no answer {' '.join(last)}".rstrip()]
    if wrong or output.code:
        raise _refusal(wrong or [f"its preflight ended with {output.code}"])


def _end_all(uid: int = UID) -> None:
    """Kill what runs as the sandbox's user, in whatever session. Raises `closing.Unstoppable`.

    The dead count against the number of processes until somebody has heard of their end.
    """
    deadline = time.monotonic() + _PATIENCE
    while found := _processes(uid):
        if time.monotonic() > deadline:
            if not any(found.values()):
                return
            raise closing.Unstoppable("processes of the project's code could not be ended")
        _kill_all(uid)
        time.sleep(0.01)


def _kill_all(uid: int) -> None:
    """The kernel signals all of a user's processes at once, which no burst of forks outruns.

    With a real user of its own, the one who asks for it cannot be stopped by them meanwhile.
    """
    killer = os.fork()
    if not killer:
        asker = (UID + 1, uid, UID + 1)
        with suppress(BaseException):
            os.setgroups([])
            os.setresuid(*asker)
            if os.getresuid() == asker:
                os.kill(-1, signal.SIGKILL)
        os._exit(0)
    os.waitpid(killer, 0)


def _processes(uid: int = UID) -> dict[int, bool]:
    """Processes of the sandbox's user (or another one), and whether they live.

    Those that died as ours are buried. In the container we are the first process: orphans become
    ours.
    """
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/status", encoding="ascii", errors="replace") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(uid) not in status["Uid"].split("\t"):
            continue
        # Of a process whose first thread has ended, the others go on under the name of a zombie.
        dead = status["State"].startswith(("Z", "X")) and int(status.get("Threads", "1")) <= 1
        found[int(name)] = not dead
        if not found[int(name)] and status["PPid"] == str(os.getpid()):
            with suppress(ChildProcessError):
                os.waitpid(int(name), os.WNOHANG)
    return found
