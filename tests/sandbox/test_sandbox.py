"""The sandbox as root makes it: what the project's code finds there, and what it does not."""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import subprocess
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from remigrate import bounded, closing, sandbox, scratch
from remigrate.errors import EnvironmentFailure
from tests.sandbox.conftest import FILES, PYTHON, SECRET, Opened, World, run_git

pytestmark = pytest.mark.needs("root")

QUICK = bounded.Limits(seconds=20.0)


def said(box: sandbox.Sandbox, *argv: str, limits: bounded.Limits = QUICK) -> bounded.Output:
    return box.run(argv, cwd=box.top, env=box.environ, limits=limits)


def python(box: sandbox.Sandbox, program: str, limits: bounded.Limits = QUICK) -> bounded.Output:
    assert PYTHON is not None
    return said(box, PYTHON, "-c", program, limits=limits)


def shell(box: sandbox.Sandbox, program: str) -> bounded.Output:
    return said(box, "/bin/sh", "-c", program)


# What is there


def test_it_holds_the_files_of_the_commit_and_no_git(opened: Opened, world: World) -> None:
    (world.workspace / "shop/models.py").write_text("not committed")
    with opened() as box:
        top = Path(box.top)
        assert {path: (top / path).read_text() for path in FILES} == FILES
        assert os.readlink(top / "link") == "shop/models.py"
        assert stat.S_IMODE((top / "run.sh").stat().st_mode) == 0o700
        assert sorted(os.listdir(top)) == ["link", "manage.py", "run.sh", "shop"]
        assert {path.lstat().st_uid for path in top.rglob("*")} == {sandbox.UID}


def test_the_project_may_write_in_its_scratch_and_use_its_streams_by_name(opened: Opened) -> None:
    with opened() as box:
        done = shell(box, "echo a > new && touch $HOME/b $TMPDIR/c && echo hello > /dev/stdout")
        assert (done.code, done.stdout) == (0, b"hello\n"), done.stderr


def test_it_runs_as_a_user_of_its_own_without_groups(opened: Opened) -> None:
    with opened() as box:
        program = "import os; print(os.getresuid(), os.getresgid(), os.getgroups())"
        ids = (sandbox.UID,) * 3
        assert python(box, program).stdout.decode().strip() == f"{ids} {ids} []"


def test_only_variables_of_the_allow_list_arrive(opened: Opened) -> None:
    with opened(SHOP_MODE="test") as box:
        job = {"INPUT_TOKEN": SECRET, "GITHUB_TOKEN": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET}
        done = box.run(["env"], cwd=box.top, env={**box.environ, **job})
        lines = done.stdout.decode().splitlines()
        assert "SHOP_MODE=test" in lines
        assert {line.partition("=")[0] for line in lines} == {*box.environ}
        assert SECRET not in done.stdout.decode()


def test_a_proxy_with_a_password_stays_outside() -> None:
    environ = {"https_proxy": "http://ada:secret@proxy:3128", "no_proxy": "localhost"}
    made = sandbox._environment("/scratch", environ)
    assert "https_proxy" not in made
    assert made["no_proxy"] == "localhost"


# What is out of reach


def test_what_is_hidden_cannot_be_reached_while_it_is_open_and_can_be_afterwards(
    opened: Opened, world: World
) -> None:
    modes = {path: path.lstat().st_mode for path in world.folder.rglob("*")}
    places = " ".join(path for path in world.ground().hidden if "docker" not in path)
    program = f"cat {places}; ls {places}; echo x >> {world.folder}/github/commands/env; "
    program += f"touch {world.loose}/new; grep -a {SECRET} /proc/*/environ"
    connect = f"import socket; socket.socket(socket.AF_UNIX).connect({str(world.socket)!r})"
    with opened() as box:
        done = shell(box, program)
        assert SECRET.encode() not in done.stdout
        assert done.stdout == b""
        assert b"PermissionError" in python(box, connect).stderr
    assert {path: path.lstat().st_mode for path in modes} == modes
    assert (world.folder / "github/commands/env").read_text() == ""
    assert not list(world.loose.iterdir())


def test_root_and_new_privileges_are_out_of_reach(opened: Opened, world: World) -> None:
    tool = world.folder / "as-root"
    tool.write_bytes(Path("/usr/bin/id").read_bytes())
    tool.chmod(0o4755)
    with opened() as box:
        assert shell(box, f"{tool} -u").stdout.decode().strip() == str(sandbox.UID)
        assert b"PermissionError" in python(box, "import os; os.setuid(0)").stderr
        assert b"PermissionError" in python(box, f"import os; os.kill({os.getpid()}, 0)").stderr


# Limits


def test_memory_is_limited_also_for_a_caller_who_says_nothing(opened: Opened) -> None:
    with opened() as box:
        ask = "import mmap; mmap.mmap(-1, {} << 30)"
        assert python(box, ask.format(7)).code == 0
        assert b"Cannot allocate memory" in python(box, ask.format(9)).stderr
        small = bounded.Limits(seconds=20.0, memory=1 << 30)
        assert b"Cannot allocate memory" in python(box, ask.format(2), small).stderr


def test_the_number_of_processes_is_limited(opened: Opened) -> None:
    program = """
import os, time
started = 0
try:
    while started < 5000:
        if not os.fork():
            time.sleep(600)
        started += 1
except OSError:
    print(started)
"""
    with opened() as box:
        assert int(python(box, program).stdout) < 600
    assert not sandbox._processes()


def test_the_size_of_a_file_is_limited(opened: Opened) -> None:
    with opened() as box:
        assert shell(box, "truncate -s 1G large").code == 0
        assert shell(box, "truncate -s 3G large").code != 0


def test_time_is_limited(opened: Opened) -> None:
    with opened() as box:
        start = time.monotonic()
        done = python(box, "import time; time.sleep(600)", bounded.Limits(seconds=0.5))
        assert done.stopped == "time"
        assert time.monotonic() - start < 10


# The end


DAEMON = """
import os, signal, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
if not os.fork():
    os.setsid()
    if not os.fork():
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        {then}
time.sleep(0.7)  # so that what it left behind is under way
"""


@pytest.mark.parametrize(
    "then",
    [
        "time.sleep(600)",
        "exec('while True:\\n if os.fork(): os._exit(0)')",
        "exec('while True:\\n try: os.kill(-1, signal.SIGSTOP)\\n except OSError: pass')",
        "import ctypes, threading; threading.Thread(target=time.sleep, args=(600,)).start(); "
        "ctypes.CDLL(None).pthread_exit(None)",
    ],
    ids=[
        "a daemon",
        "one that forks and forks",
        "one that stops whoever comes",
        "one whose first thread has ended",
    ],
)
def test_when_a_run_returns_nothing_of_it_runs(opened: Opened, then: str) -> None:
    with opened() as box:
        python(box, DAEMON.format(then=then), bounded.Limits(seconds=2.0))
        assert not sandbox._processes()


def test_a_folder_that_became_a_link_leads_nowhere(opened: Opened, world: World) -> None:
    """The way into a hidden folder is closed; whoever stands in it needs no way."""
    with opened() as box:
        inside = os.path.join(box.top, "shop")
        hidden = world.workspace
        (hidden / "secret.txt").write_text(SECRET)
        done = shell(box, f"mv shop away && ln -s {hidden} shop && cat {hidden}/secret.txt")
        assert SECRET not in done.stdout.decode()
        with pytest.raises(EnvironmentFailure, match="cannot be started in the sandbox"):
            box.run(["cat", "secret.txt"], cwd=inside, env=box.environ, limits=QUICK)


def test_a_run_dies_with_the_one_who_started_it(opened: Opened, world: World) -> None:
    """A killed job must not leave a program of the project behind."""
    with opened() as box:
        parent = os.fork()
        if not parent:
            python(box, "import time; time.sleep(600)")
            os._exit(0)
        deadline = time.monotonic() + 10
        while not (running := sandbox._processes()) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)  # past its start: only there it has asked to die with us
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        assert running
        while sandbox._processes() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not sandbox._processes()


def dig(opened: Opened, program: str) -> None:
    with opened() as box:
        assert python(box, program).code == 0
        raise KeyError("on the way out")


def test_the_scratch_folder_is_gone_whatever_the_project_made_of_it(
    opened: Opened, world: World
) -> None:
    program = f"""
import os
os.symlink({str(world.folder)!r}, 'out')
os.mkfifo('pipe')
for depth in range(1500):
    os.mkdir('d'); os.chdir('d')
"""
    with pytest.raises(KeyError, match="on the way out"):
        dig(opened, program)
    assert os.listdir(world.base) == []
    assert world.workspace.exists()


# A sandbox with a hole is refused


def test_a_world_that_is_closed_is_accepted(opened: Opened) -> None:
    with opened():
        pass


def _can_inherit(_: bounded.Limits) -> None:
    """As an engine before CVE-2022-24769 starts a container."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    assert not sandbox._LIBC.capget(header, data)
    data[2], data[5] = data[1], data[4]
    assert not sandbox._LIBC.capset(header, data)


def test_capabilities_that_children_would_inherit_are_given_up(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "STEPS", (_can_inherit, *sandbox.STEPS))
    with opened() as box:
        status = shell(box, "cat /proc/self/status").stdout.decode()
    assert "CapInh:\t0000000000000000" in status


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ("_limited", "RLIMIT_NPROC is not limited"),
        ("_without_bounding_set", "could be given capabilities"),
        ("_somebody_else", "it runs as user (0, 0, 0)"),
        ("_somebody_else", "has capabilities (CapEff"),
        ("_somebody_else", "the environment of process"),
        ("_without_inherited_capabilities", "has capabilities (CapInh"),
        ("_without_new_privileges", "it can gain privileges"),
    ],
)
def test_a_sandbox_without_a_step_is_refused(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, step: str, found: str
) -> None:
    steps = tuple(one for one in sandbox.STEPS if one.__name__ != step)
    if step == "_somebody_else":  # whoever is root still can undo this
        steps = tuple(one for one in steps if one.__name__ != "_without_inherited_capabilities")
    monkeypatch.setattr(sandbox, "STEPS", (_can_inherit, *steps))
    with pytest.raises(EnvironmentFailure) as failure, opened():
        pass
    assert found in str(failure.value)


def test_a_step_that_fails_refuses_the_sandbox(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the engine took the right to change users away: here it is given up too early."""
    monkeypatch.setattr(sandbox, "STEPS", (sandbox._somebody_else, *sandbox.STEPS))
    with pytest.raises(EnvironmentFailure, match="cannot be started in it"), opened():
        pass


def _nothing_closed(ground: closing.Ground, scratch: str) -> nullcontext[None]:
    return nullcontext()


@pytest.mark.parametrize(
    "place",
    ["github/workspace", "github/event.json", "github/commands/env", "run/docker.sock", "loose"],
)
def test_a_sandbox_with_an_open_place_is_refused(
    opened: Opened, world: World, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(closing, "closed", _nothing_closed)
    with pytest.raises(EnvironmentFailure) as failure, opened():
        pass
    assert str(world.folder / place) in str(failure.value)


def test_a_sandbox_with_a_variable_of_the_job_is_refused(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sandbox._environment
    leaky = {"GITHUB_TOKEN": SECRET}
    monkeypatch.setattr(sandbox, "_environment", lambda *args: made(*args) | leaky)
    with pytest.raises(EnvironmentFailure, match="GITHUB_TOKEN reaches it"), opened():
        pass


def test_a_place_that_cannot_be_closed_refuses_the_sandbox(opened: Opened, world: World) -> None:
    needed = (str(world.workspace / "manage.py"), "/usr")
    ground = world.ground()._replace(needed=needed, hidden=(str(world.workspace),))
    with pytest.raises(EnvironmentFailure, match="workspace can be reached"), opened(ground=ground):
        pass
    assert stat.S_IMODE(world.loose.stat().st_mode) == 0o1777


def test_a_machine_that_is_not_ours_is_left_alone(opened: Opened, world: World) -> None:
    ground = world.ground()._replace(own=False)
    with (
        pytest.raises(EnvironmentFailure, match="not the action's container"),
        opened(ground=ground),
    ):
        pass
    assert not world.base.exists()


def test_another_users_programs_under_the_same_number_refuse_the_sandbox(opened: Opened) -> None:
    with subprocess.Popen(["sleep", "60"], user=sandbox.UID, group=sandbox.UID) as other:
        with pytest.raises(EnvironmentFailure, match="running already"), opened():
            pass
        assert other.poll() is None, "nobody else's program was ended"
        other.kill()


def test_without_root_it_is_refused_not_downgraded(opened: Opened, world: World) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.setuid(sandbox.UID + 2)
        try:
            with opened():
                os.write(writer, b"it opened")
        except EnvironmentFailure as failure:
            os.write(writer, f"{failure}\n{failure.hint}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with open(reader) as file:
        answer = file.read()
    assert "not root" in answer
    assert "container action" in answer


# Commits that git would not check out


def tree(world: World, *rows: tuple[str, bytes, str]) -> str:
    """A tree as it stands in a hostile pack: nothing checks its names."""
    data = b"".join(
        mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in rows
    )
    words = ("hash-object", "--literally", "-t", "tree", "-w", "--stdin")
    return run_git(world.workspace, *words, stdin=data)


def blob(world: World, content: bytes) -> str:
    return run_git(world.workspace, "hash-object", "-w", "--stdin", stdin=content)


@pytest.mark.parametrize("name", [b"..", b".git", b".GIT", b"."])
def test_a_path_that_git_refuses_is_not_written(opened: Opened, world: World, name: bytes) -> None:
    inner = tree(world, ("100644", b"planted", blob(world, b"planted")))
    with (
        pytest.raises(Exception, match="path that git refuses"),
        opened(tree(world, ("40000", name, inner))),
    ):
        pass
    assert not list(world.folder.rglob("planted"))


def test_nothing_is_written_through_a_link_of_the_same_name(opened: Opened, world: World) -> None:
    link = blob(world, os.fsencode(world.loose))
    inner = tree(world, ("100644", b"planted", blob(world, b"planted")))
    with (
        pytest.raises(Exception, match="claim the same path"),
        opened(tree(world, ("120000", b"a", link), ("40000", b"a", inner))),
    ):
        pass
    assert not list(world.folder.rglob("planted"))
    assert os.listdir(world.base) == []


def test_a_name_that_no_disk_takes_is_a_readable_failure(opened: Opened, world: World) -> None:
    file = ("100644", b"a" * 300, blob(world, b"a"))
    with pytest.raises(EnvironmentFailure, match="cannot be copied"), opened(tree(world, file)):
        pass
    assert os.listdir(world.base) == []


def test_a_commit_beyond_all_measure_is_refused_before_it_is_written(
    opened: Opened, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "MOST_FILES", 3)
    with pytest.raises(EnvironmentFailure, match="too large to be copied: 4 files"), opened():
        pass


def test_submodules_are_left_out(opened: Opened, world: World) -> None:
    file = ("100644", b"a.py", blob(world, b"a"))
    with opened(tree(world, file, ("160000", b"module", world.commit))) as box:
        assert os.listdir(box.top) == ["a.py"]
