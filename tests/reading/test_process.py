"""Programs are run to their end or killed, whatever they do, the same way on every platform."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remigrate import process

ENV = {"PATH": os.environ["PATH"]}
MEGABYTES = 6


@pytest.fixture(params=["posix_spawn", "portable"], autouse=True)
def platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of starting a program: a platform without ``posix_spawn`` has the other one."""
    if request.param == "portable":
        monkeypatch.delattr(os, "posix_spawn")
    return str(request.param)


@pytest.fixture(autouse=True)
def no_descriptors_left() -> Iterator[None]:
    before = sorted(os.listdir("/proc/self/fd"))
    yield
    assert sorted(os.listdir("/proc/self/fd")) == before


def python(code: str, stdin: bytes = b"", timeout: float = 30.0) -> process.Output:
    return process.run([sys.executable, "-c", code], ENV, stdin, timeout)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_output_errors_and_exit_status_come_back() -> None:
    output = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (output.code, output.stdout, output.stderr) == (3, b"out\n", b"err\n")


def test_a_program_that_a_signal_ended_has_a_negative_status() -> None:
    assert python("import os; os.kill(os.getpid(), 15)").code == -15


def test_only_the_environment_that_is_given_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "yes")
    code = "import os; print('SECRET' in os.environ, os.environb[b'OWN'])"
    output = process.run([sys.executable, "-c", code], {**ENV, "OWN": "é\udcff"})
    assert output.stdout == b"False b'\\xc3\\xa9\\xff'\n"


def test_standard_input_is_empty_when_nothing_is_given() -> None:
    assert python("import sys; print(len(sys.stdin.read()))").stdout == b"0\n"


def test_much_input_and_much_output_at_once_do_not_deadlock() -> None:
    code = (
        f"import sys; out = sys.stdout.buffer; out.write(b'x' * {MEGABYTES << 20}); out.flush();"
        f"sys.stderr.write('y' * {MEGABYTES << 20});"
        "out.write(sys.stdin.buffer.read())"
    )
    said = os.urandom(1 << 20) * MEGABYTES
    output = python(code, said)
    assert output.code == 0
    assert output.stdout == b"x" * (MEGABYTES << 20) + said
    assert len(output.stderr) == MEGABYTES << 20


def test_a_program_that_does_not_read_its_input_is_no_failure() -> None:
    output = python("print('done')", b"x" * (MEGABYTES << 20))
    assert (output.code, output.stdout) == (0, b"done\n")


NEVER_ENDING = {
    "it sleeps": "time.sleep(600)",
    "it never stops talking": "while True: print('.' * 9999, flush=True)",
    "it closed its output": "os.close(1); os.close(2); time.sleep(600)",
    "it does not listen to signals": "signal.signal(15, signal.SIG_IGN); time.sleep(600)",
    "it does not read its input": "print('x'); time.sleep(600)",
}


@pytest.mark.parametrize("code", NEVER_ENDING.values(), ids=NEVER_ENDING)
def test_a_program_that_does_not_end_is_killed(code: str, tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    start = f"import os, signal, time; open({str(noted)!r}, 'w').write(str(os.getpid()));"
    code = f"{start}\n{code}"
    before = time.monotonic()
    with pytest.raises(process.TimedOut, match="did not end in time"):
        python(code, b"x" * (1 << 20), timeout=0.6)
    assert time.monotonic() - before < 5
    assert not is_alive(int(noted.read_text()))


@pytest.mark.parametrize("platform", ["posix_spawn"], indirect=True)
def test_what_it_has_started_is_killed_with_it(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(noted)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)"
    )
    with pytest.raises(process.TimedOut):
        python(code, timeout=1.5)
    child = int(noted.read_text())
    deadline = time.monotonic() + 5
    while is_alive(child) and time.monotonic() < deadline:  # nobody but init waits for it
        time.sleep(0.05)
    assert not is_alive(child)


# `subprocess.run` kills it too, but only looks after it when it is collected.
@pytest.mark.parametrize("platform", ["posix_spawn"], indirect=True)
def test_it_is_killed_when_the_user_interrupts(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    code = (
        f"import os, signal, time; open({str(noted)!r}, 'w').write(str(os.getpid()));"
        "os.kill(os.getppid(), signal.SIGINT); time.sleep(600)"
    )
    with pytest.raises(KeyboardInterrupt):
        python(code)
    assert not is_alive(int(noted.read_text()))


def test_a_program_that_is_not_there_is_said() -> None:
    with pytest.raises(FileNotFoundError):
        process.run(["remigrate-has-no-such-program"], ENV)


@pytest.mark.parametrize("path", ["", "/nowhere", "/nowhere:/dev"])
def test_it_is_looked_for_on_the_path_that_is_given(path: str) -> None:
    with pytest.raises(FileNotFoundError):
        process.run(["git", "--version"], {"PATH": path})


def test_the_first_one_on_the_path_runs(tmp_path: Path) -> None:
    for folder, mode in (("none", 0o600), ("one", 0o700), ("two", 0o700)):
        (tmp_path / folder).mkdir()
        program = tmp_path / folder / "git"
        program.write_text(f"#!/bin/sh\necho {folder}\n")
        program.chmod(mode)
    (tmp_path / "a-folder" / "git").mkdir(parents=True)
    places = ("nowhere", "a-folder", "none", "one", "two")
    path = os.pathsep.join(str(tmp_path / place) for place in places)
    assert process.run(["git"], {"PATH": path}).stdout == b"one\n"


def test_four_programs_run_at_the_same_time() -> None:
    code = "import sys, time; time.sleep(0.1); print(sys.stdin.read())"
    argv = [sys.executable, "-c", code]
    running = [process.Running(argv, ENV, str(at).encode()) for at in range(4)]
    assert [one.result().stdout for one in running] == [f"{at}\n".encode() for at in range(4)]


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)])
def test_it_runs_where_standard_streams_are_closed(
    closed: tuple[int, ...], tmp_path: Path, platform: str
) -> None:
    answer = tmp_path / "answer"
    code = f"""\
import os
from remigrate import process
if {platform!r} == "portable":
    del os.posix_spawn
for descriptor in {closed}:
    os.close(descriptor)
output = process.run(["cat", "-", "/nowhere"], dict(os.environ), b"through")
open({str(answer)!r}, "w").write(f"{{output.code}} {{output.stdout}} {{len(output.stderr) > 9}}")
os._exit(0)
"""
    process.run([sys.executable, "-c", code], {**ENV, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert answer.read_text() == "1 b'through' True"


def test_git_asks_nothing_and_takes_no_locks() -> None:
    env = process.git_environment({"LANG": "de_DE.UTF-8", "GIT_DIR": "x"})
    assert env["GIT_TERMINAL_PROMPT"] == "0"
    assert env["GIT_OPTIONAL_LOCKS"] == "0"
    assert env["LC_ALL"] == "C"
    assert env["GIT_DIR"] == "x"
