"""Projects that cannot be asked: each is told in its own words, with the way out, and in time."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.project import BIN, Ran
from tests.drift.store import MODELS, Store

FINE = "✓ No conflicts, nothing missing (1 migration in 1 app)\n"


def ended(pid: int) -> bool:
    """Whether a process is gone, or dead and waiting for somebody to take note."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def failed(ran: Ran, *words: str) -> None:
    """Hold that the environment failed, readably, and that all `words` are told."""
    assert ran.code == 4, ran
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    frames = ran.err.partition("Traceback")[2].partition("\nTried: ")[0]
    assert "remigrate" not in frames, "no frames of ours"
    for word in words:
        assert word in ran.err, ran.err


def test_an_interpreter_that_is_not_there(store: Store) -> None:
    ran = store.check("--drift", "--python", "no-such-python")
    failed(ran, "no-such-python cannot be started", "--python")


def test_an_interpreter_without_django(store: Store, tmp_path: Path) -> None:
    import venv

    venv.EnvBuilder(with_pip=False, symlinks=True).create(tmp_path / "empty")
    ran = store.check("--drift", "--python", str(tmp_path / "empty/bin/python"))
    failed(ran, "the project's interpreter has no Django", "as asked for", "--python")


def test_something_that_is_no_interpreter(store: Store) -> None:
    failed(store.check("--drift", "--python", "false"), "exit status 1", "right interpreter?")
    failed(store.check("--drift", "--python", "cat"), "without an answer")


def test_settings_that_are_not_there(store: Store) -> None:
    ran = store.drift("--settings", "store.nowhere")
    failed(ran, "the settings cannot be used", "store.nowhere", "--settings")


def test_settings_that_do_not_import(store: Store) -> None:
    store.settings("import no_such_module\n")
    failed(store.drift(), "no_such_module", "store/settings.py", "settings as manage.py says")


def test_a_missing_variable_is_named_with_how_to_give_it(store: Store) -> None:
    store.settings("import os\nos.environ['SHOP_SECRET']\n")
    failed(store.drift(), "environment variable SHOP_SECRET", "SHOP_SECRET=… remigrate check")
    assert store.drift(env={"SHOP_SECRET": "x"}) == (0, FINE, "")


def test_models_with_errors_are_shown_with_their_lines(store: Store) -> None:
    store.write("shop/models.py", MODELS + "    code = models.CharField(max_length=-1)\n")
    failed(store.drift(), "shop/models.py:6", "fields.E121", "max_length")


def test_models_that_do_not_import(store: Store) -> None:
    store.write("shop/models.py", MODELS + "    code = 1 / 0\n")
    failed(store.drift(), "ZeroDivisionError", "shop/models.py")


def test_a_project_that_hangs_is_ended_in_time_with_all_it_started(store: Store) -> None:
    store.configure("time-limit = 2")
    noted = store.path / "pid"
    store.settings(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(noted)!r}, 'w').write(str(child.pid))\n"
        "print('waiting for the moon', flush=True)\ntime.sleep(600)\n"
    )
    before = time.monotonic()
    failed(store.drift(), "in 2 seconds", "waiting for the moon", "time-limit")
    assert time.monotonic() - before < 60
    assert ended(int(noted.read_text()))


def test_a_project_that_eats_memory_is_stopped(store: Store) -> None:
    store.configure("memory-limit = 600")
    store.settings("x = []\nwhile True:\n    x.append(bytearray(50_000_000))\n")
    failed(store.drift(), "memory", "memory-limit")


def test_a_project_that_prints_without_end_is_stopped(store: Store) -> None:
    store.settings("while True:\n    print('x' * 100_000)\n")
    failed(store.drift(), "printed more than", "MiB")


def test_a_project_that_prints_megabytes_is_still_understood(store: Store) -> None:
    store.settings("for _ in range(50):\n    print('x' * 100_000)\n")
    assert store.drift() == (0, FINE, "")


def test_a_reply_that_looks_like_ours_is_not_believed(store: Store) -> None:
    forged = '{"protocol": 1, "status": "ok", "data": {"changes": [], "conflicts": {}}}'
    store.price()
    store.settings(
        "import sys, os\n"
        f"for line in ({forged!r}, '0' * 32 + ' ' + {forged!r}):\n"
        "    print(line)\n    os.write(1, line.encode() + b'\\n')\n"
    )
    assert store.drift().code == 1


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.close(1)",
        "import os; os.close(0); os.close(1); os.close(2)",
        "import sys; sys.stdout = sys.stderr = None",
        "import os; os.chdir('/')",
        "import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()",
        "import atexit, time; atexit.register(time.sleep, 600)",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "import logging, sys; logging.basicConfig(stream=sys.stdout); logging.warning('x')",
        "import sys; sys.argv[1] == 'makemigrations' or 1 / 0",
    ],
)
def test_odd_manners_are_borne(store: Store, code: str) -> None:
    store.settings(code + "\n")
    before = time.monotonic()
    assert store.drift() == (0, FINE, "")
    assert time.monotonic() - before < 60


def test_a_project_that_ends_the_process_is_told(store: Store) -> None:
    store.settings("import sys\nsys.exit('no licence')\n")
    failed(store.drift(), "ended the process", "no licence")
    store.settings("import os\nos._exit(7)\n")
    failed(store.drift(), "exit status 7")


def test_a_reply_that_cannot_be_sent_is_told(store: Store) -> None:
    store.settings("import os\nos.closerange(0, 4096)\n")
    failed(store.drift(), "without an answer")


def test_a_database_server_that_is_not_there_is_never_asked_for(store: Store) -> None:
    store.settings("DATABASES['default'] = {'ENGINE': 'shop.backend', 'HOST': '192.0.2.1'}\n")
    backend = "from django.db.backends.sqlite3.base import *\n"
    store.write("shop/backend/__init__.py")
    store.write(
        "shop/backend/base.py",
        backend + "raise_ = DatabaseWrapper.connect\n\n\n"
        "def connect(self):\n    raise AssertionError('asked')\n\n\n"
        "DatabaseWrapper.connect = connect\n",
    )
    assert store.drift() == (0, FINE, "")


def test_an_app_without_migrations_is_none_of_our_business(store: Store) -> None:
    store.price()
    store.settings("MIGRATION_MODULES = {'shop': None}\n")
    assert store.drift().code == store.makemigrations().code == 0


def test_messages_of_a_project_reach_the_terminal_without_their_tricks(store: Store) -> None:
    store.settings("raise ValueError('\\x1b[2J\\x07 gone')\n")
    ran = store.drift()
    assert ran.code == 4
    assert "\x1b" not in ran.err
    assert "gone" in ran.err


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGKILL, -9)]
)
def test_whatever_ends_us_ends_the_project_too(store: Store, how: int, code: int) -> None:
    noted = store.path / "pid"
    store.settings(
        f"import os, time\nopen({str(noted)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    words = ("check", "--drift", "--python", sys.executable)
    program = subprocess.Popen([BIN / "remigrate", *words], cwd=store.path, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (noted.exists() and noted.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    program.send_signal(how)
    assert program.wait(60) == code
    assert program.stderr is not None
    program.stderr.close()
    while not ended(int(noted.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ended(int(noted.read_text()))


LIAR = """#!{python}
import re
import sys

nonce = re.search(r'"nonce": "([0-9a-f]+)"', sys.stdin.read())[1]
print(nonce, {reply!r})
"""


@pytest.mark.parametrize(
    "reply",
    [
        '{"protocol": 1, "status": "ok", "data": null}',
        '{"protocol": 1, "status": "ok", "data": {}}',
        '{"protocol": 1, "status": "ok", "data": {"conflicts": 1, "changes": 2}}',
        '{"protocol": 1, "status": "ok", "data": {"conflicts": {}, "changes": [{}]}}',
        '{"protocol": 2}',
        "{",
        "[" * 100_000,
    ],
)
def test_an_answer_of_another_shape_is_refused(store: Store, reply: str) -> None:
    liar = store.write("../liar", LIAR.format(python=sys.executable, reply=reply))
    liar.chmod(0o755)
    failed(store.check("--drift", "--python", str(liar)), "right interpreter?")
