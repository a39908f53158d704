"""The same world for every test: no settings of the machine, no skip that CI did not agree to.

A test that needs something a machine may lack carries ``@pytest.mark.needs("container")`` and
calls `pytest.skip` when it is missing. Where the environment variable REMIGRATE_REQUIRE (names
with commas between) holds that name, the skip is a failure, and so is a run in which no such test
passed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from remigrate import servers

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from xdist.scheduler import LoadScopeScheduling

_SCRUBBED = ("ACTIONS_", "GIT_", "GITHUB_", "INPUT_", "RUNNER_")
_ALSO_SCRUBBED = ("NO_COLOR", "FORCE_COLOR", "DJANGO_SETTINGS_MODULE", "PYTHONPATH", "VIRTUAL_ENV")
_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
}
_OF_THE_MACHINE = ("tests/container/", "tests/sandbox/")
_LONG = (
    *_OF_THE_MACHINE,
    "tests/db/test_stories.py",
    "tests/hooks/test_pre_commit.py",
    "tests/reset/traps/test_postgresql.py",
    "tests/reset/test_reset_interrupted.py",
    "tests/reset/test_reset.py",
    "tests/db/",
    "tests/reset/",
    "tests/drift/",
)
"""What takes longest, first of all: nobody should wait for one file at the end."""
_UNMEASURED = (
    *_OF_THE_MACHINE,
    "tests/db/test_stories.py",
    "tests/db/test_recreate.py",
    "tests/db/test_restore_refused.py",
    "tests/db/test_sync_interrupted.py",
    "tests/db/test_restore_interrupted.py",
    "tests/hooks/test_pre_commit.py",
    "tests/reset/traps/",
    "tests/reset/test_blame.py",
    "tests/reset/test_reset_interrupted.py",
)
"""Where programs run, by the hundred, whose lines other tests reach too: to measure each of them
would take minutes of CI."""
_passed: set[str] = set()
_home = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    # A shell without job control starts what runs in the background with Ctrl-C switched off.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in list(os.environ):
        if name.startswith(_SCRUBBED) or name in _ALSO_SCRUBBED:
            del os.environ[name]
    home = tempfile.mkdtemp(prefix="remigrate-home-")
    config.stash[_home] = home
    os.environ.update(_IDENTITY)
    os.environ["HOME"] = home
    os.environ["XDG_CACHE_HOME"] = os.path.join(home, ".cache")
    os.environ["XDG_CONFIG_HOME"] = os.path.join(home, ".config")
    # `python`, `remigrate` and `pre-commit` on PATH are those of the environment under test.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[_home], ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """What shares a fixture of its file runs in one process; so does all that shares the machine:
    one Docker engine, and the users of the sandbox, whose processes are ended all at once."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc] # it has no types
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "machine" if file.startswith(_OF_THE_MACHINE) else file

    config.option.loadscopereorder = False  # our own order is by time, not by number
    return ByFile(config, log)


def _required() -> set[str]:
    return {name.strip() for name in os.environ.get("REMIGRATE_REQUIRE", "").split(",")} - {""}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    for marker in item.iter_markers("needs"):
        report.user_properties.append(("needs", marker.args[0]))
        if report.skipped and marker.args[0] in _required():
            why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            report.outcome = "failed"
            report.longrepr = f"REMIGRATE_REQUIRE names {marker.args[0]!r}, but: {why}"
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        _passed.update(str(value) for name, value in report.user_properties if name == "needs")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    if session.exitstatus == pytest.ExitCode.OK and _required() - _passed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing = sorted(_required() - _passed)
    if missing:
        names = ", ".join(missing)
        terminalreporter.write_line(
            f"REMIGRATE_REQUIRE: no test passed that needs: {names}", red=True
        )


@pytest.fixture(autouse=True)
def _unmeasured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process itself does is measured all the same."""
    if request.node.nodeid.startswith(_UNMEASURED):
        for name in [name for name in os.environ if name.startswith("COVERAGE_PROCESS")]:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """Top of this project's own repository."""
    return Path(__file__).resolve().parents[1]


# --- servers: one for the whole run ---------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is long comes first; what takes a server is skipped where the machine has none."""
    items.sort(key=_turn)
    for item in items:
        if {"postgresql", "mariadb"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.needs("servers"))


def _turn(item: pytest.Item) -> int:
    turns = (at for at, path in enumerate(_LONG) if item.nodeid.startswith(path))
    return next(turns, len(_LONG))


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Config]:
    """How Django connects to a PostgreSQL server that is there for the tests."""
    yield from _started("postgresql", tmp_path_factory)


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Config]:
    """How Django connects to a MariaDB or MySQL server that is there for the tests."""
    yield from _started("mysql", tmp_path_factory)


def _started(vendor: servers.Vendor, factory: pytest.TempPathFactory) -> Iterator[servers.Config]:
    folder = factory.mktemp("servers")
    try:
        with servers.start(vendor, str(folder), os.environ) as server:
            yield server.config
    except servers.NoServer as error:
        pytest.skip(error.reason)
