"""Projects that print, leave, hang on, run wild: there is one reply all the same."""

from __future__ import annotations

import ast
import json
import sys
import time
from pathlib import Path

import pytest

from tests.probe.conftest import ITEM, NONCE, Project

FAKE = json.dumps({"protocol": 1, "status": "ok", "data": {"changes": []}})
DRIFT = {"shop.0002_item_price": ["Add field price to item"]}
PRICE = ITEM + "    price = models.IntegerField(default=0)\n"
HARMLESS = {
    "prints": "print('hello')\n",
    "prints without an end": "print('hello', end='', flush=True)\n",
    "prints what looks like ours": f"print({FAKE!r})\nprint('\\n0 ' + {FAKE!r})\n",
    "writes to the file descriptor": "import os\nos.write(1, b'{}')\n",
    "lets a program print": "import subprocess\nsubprocess.run(['echo', '{}'], check=True)\n",
    "closes stdout": "import os, sys\nsys.stdout.close()\nos.closerange(0, 3)\n",
    "replaces stdout": "import sys\nsys.stdout = sys.stderr = None\n",
    "a stdout that raises": (
        "import sys\nclass Out:\n    def write(self, text): raise ValueError\n"
        "    def flush(self): raise ValueError\nsys.stdout = sys.stderr = Out()\n"
    ),
    "logs": "import logging\nlogging.basicConfig()\nlogging.error('hello')\n",
    "a thread that does not end": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n"
    ),
    "an exit hook that does not end": "import atexit, time\natexit.register(time.sleep, 600)\n",
    "signal handlers": (
        "import signal\nfor name in ('SIGTERM', 'SIGINT', 'SIGALRM'):\n"
        "    signal.signal(getattr(signal, name), lambda *_: None)\nsignal.alarm(1)\n"
    ),
    "another working directory": "import os\nos.chdir('/')\n",
    "no working directory": (
        "import os, tempfile\nfolder = tempfile.mkdtemp()\nos.chdir(folder)\nos.rmdir(folder)\n"
    ),
    "a copy of the process": "import os\nos.fork()\n",
    "a copy of the process that leaves": "import os\nif not os.fork():\n    raise SystemExit(3)\n",
    "asks a question": "try:\n    input('sure? ')\nexcept EOFError:\n    pass\n",
    "a module that only says it is one": (
        "import sys\nclass Lazy:\n    __class__ = type(sys)\n"
        "    def __getattr__(self, name): raise RuntimeError(name)\nsys.modules['lazy'] = Lazy()\n"
    ),
    "an own path hook": (
        "import sys\ndef hook(path):\n    raise ImportError\nsys.path_hooks.insert(0, hook)\n"
    ),
    "a recursion limit": "import sys\nsys.setrecursionlimit(300)\n",
    "no bytecode": "import sys\nsys.dont_write_bytecode = True\n",
}


@pytest.mark.parametrize("what", HARMLESS)
@pytest.mark.parametrize("where", ["site_settings.py", "shop/models.py"])
def test_a_project_with_bad_manners_gets_the_same_verdict(
    project: Project, what: str, where: str
) -> None:
    project.write({"shop/models.py": PRICE})
    text = (project.folder / where).read_text()
    started = time.monotonic()
    answer = project.write({where: HARMLESS[what] + text}).probe()
    assert answer.operations == DRIFT
    assert answer.stdout == f"\n{NONCE} {json.dumps(answer.envelope)}\n"
    assert time.monotonic() - started < 30


def test_prints_go_to_stderr(project: Project) -> None:
    answer = project.write({"shop/models.py": "print('hello')\n" + PRICE}).probe()
    assert "hello" in answer.stderr


def test_the_command_line_and_the_path_are_those_of_manage(project: Project) -> None:
    show = "import os, sys\nprint(sys.argv, sys.path[0] == os.getcwd(), file=sys.stderr)\n"
    answer = project.write({"shop/models.py": show + PRICE}).probe()
    assert "['manage.py', 'makemigrations', '--check', '--dry-run'] True\n" in answer.stderr


def test_an_app_may_have_the_name_of_a_module_that_the_probe_needs(project: Project) -> None:
    """The standard library's `resource` sets the memory limit; here it is the project's."""
    text = (project.folder / "site_settings.py").read_text().replace("'shop'", "'shop', 'resource'")
    project.write({"site_settings.py": text, "resource/__init__.py": "", "resource/models.py": ""})
    answer = project.probe(memory=1 << 32)
    assert answer.operations == {}
    assert answer.data["apps"][-1]["path"] == "resource"


ENDS = {
    "sys.exit": ("import sys\nsys.exit(3)\n", "exit", "SystemExit: 3"),
    "SystemExit": ("raise SystemExit('no')\n", "exit", "SystemExit: no"),
    "Ctrl-C": ("raise KeyboardInterrupt\n", None, "KeyboardInterrupt"),
    "a base exception": (
        "class Odd(BaseException): pass\nraise Odd('x\\n y')\n",
        None,
        "Odd: x y",
    ),
    "MemoryError": ("raise MemoryError\n", "memory", "MemoryError"),
    "recursion": ("def f(): f()\nf()\n", None, "RecursionError: maximum recursion depth exceeded"),
    "an exception that cannot be shown": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd\n",
        None,
        "Odd",
    ),
}


@pytest.mark.parametrize("what", ENDS)
@pytest.mark.parametrize(
    ("where", "kind"), [("site_settings", "settings"), ("shop/models", "import")]
)
def test_a_project_that_leaves_is_quoted(
    project: Project, what: str, where: str, kind: str
) -> None:
    text, special, message = ENDS[what]
    error = project.write({f"{where}.py": text}).probe().error
    assert error["kind"] == (special or kind)
    assert error["message"].startswith(message)
    assert f"({where}.py:" in error["message"]
    assert "<stdin>" not in error["traceback"]


def test_memory_beyond_the_limit_is_a_reply(project: Project) -> None:
    project.write({"shop/models.py": "hog = []\nwhile True:\n    hog.append(bytearray(1 << 20))\n"})
    error = project.probe(memory=1 << 29).error
    assert error["kind"] == "memory"
    assert error["message"].startswith("MemoryError")


def test_small_pieces_beyond_the_limit_are_a_reply_too(project: Project) -> None:
    project.write({"shop/models.py": "hog = [0]\nwhile True:\n    hog += [[x] for x in hog]\n"})
    assert project.probe(memory=1 << 29).error["kind"] == "memory"


def test_without_a_limit_nothing_is_limited(project: Project) -> None:
    show = "import resource\nassert resource.getrlimit(resource.RLIMIT_AS)[0] == -1\n"
    assert project.write({"shop/models.py": show + PRICE}).probe().operations == DRIFT


def test_os_exit_cannot_be_answered(project: Project) -> None:
    answer = project.write({"shop/models.py": "import os\nos._exit(0)\n"}).probe()
    assert answer.replies == []


def test_programs_that_the_project_starts_do_not_hold_the_reply_open(project: Project) -> None:
    project.write(
        {
            "shop/models.py": "import subprocess\n"
            "subprocess.Popen(['sleep', '60'], stderr=subprocess.DEVNULL, close_fds=False,\n"
            "                 stdout=subprocess.DEVNULL)\n" + PRICE
        }
    )
    started = time.monotonic()
    assert project.probe().operations == DRIFT
    assert time.monotonic() - started < 30


def test_another_protocol_is_refused(project: Project) -> None:
    assert "protocol 1" in project.probe(protocol=2).error["message"]
    assert project.probe(command="reset").error["kind"] == "other"


def test_the_script_is_python_3_8_and_needs_nothing_of_ours(root: Path) -> None:
    text = (root / "src/remigrate/probe/script.py").read_text("utf-8")
    tree = ast.parse(text, feature_version=(3, 8))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [each.name for each in node.names]
        )
    }
    assert "remigrate" not in imported
    third_party = {
        name for name in imported if name == "django" or name not in sys.stdlib_module_names
    }
    assert third_party == {"django"}
    assert "__file__" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def test_nothing_is_written_but_bytecode(project: Project) -> None:
    before = {path for path in project.folder.rglob("*") if "__pycache__" not in path.parts}
    project.write({"shop/models.py": PRICE}).probe()
    after = {path for path in project.folder.rglob("*") if "__pycache__" not in path.parts}
    assert after == before
