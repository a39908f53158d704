"""Clean answers are found again on whatever branch they were given, and nothing depends on them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from remigrate import home, remembered, testimony, witness
from remigrate.remembered import keep, key, recall
from remigrate.witness import Witness
from tests.reading.repositories import Repository, new

QUESTION = key("/project", "python", "shop.settings")
OTHER = key("/project", "python", "other.settings")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return new(tmp_path / "project", {"models.py": "one = 1\n", "views.py": ""})


def look(repository: Repository) -> Witness:
    """What a run of the probe would have read."""
    files = [str(repository.path / name) for name in ("models.py", "views.py")]
    started = time.time_ns() + 10**10
    return testimony.taken(files, [str(repository.path)], (), {}, started=started)


def kept(environ: dict[str, str]) -> list[Path]:
    return sorted((Path(environ["XDG_CACHE_HOME"]) / "remigrate/drift").glob("*"))


def holds(environ: dict[str, str], question: str = QUESTION) -> bool:
    found = recall(question, environ)
    assert (found.witness is None) == bool(found.reasons)
    return found.witness is not None


def test_going_back_and_forth_between_branches_needs_no_new_run(
    repository: Repository, environ: dict[str, str]
) -> None:
    keep(QUESTION, environ, look(repository))
    repository.git("checkout", "-q", "-b", "other")
    repository.commit({"models.py": "two = 2\n", "more.py": ""})
    found = recall(QUESTION, environ, root=str(repository.path))
    assert found.reasons == ("models.py changed", "`more.py` appeared in ./")
    keep(QUESTION, environ, look(repository))
    for branch in ("main", "other", "main"):
        repository.git("checkout", "-q", branch)
        assert holds(environ)
    repository.write({"views.py": "x"})
    assert recall(QUESTION, environ, root=str(repository.path)).reasons == ("views.py changed",)


def test_what_is_remembered_has_the_stat_of_today(
    repository: Repository, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testimony, "_COARSE", 0)
    keep(QUESTION, environ, look(repository))
    os.utime(repository.path / "models.py")
    time.sleep(0.02)
    [path] = kept(environ)
    for is_today in (False, True):
        clean = witness.decoded(path.read_bytes())
        assert clean is not None
        assert witness.quick(clean, {}) == is_today
        assert holds(environ)
    assert kept(environ) == [path]


@pytest.mark.parametrize("part", range(3))
def test_another_question_is_not_answered(
    repository: Repository, environ: dict[str, str], part: int
) -> None:
    keep(QUESTION, environ, look(repository))
    parts = ["/project", "python", "shop.settings"]
    assert holds(environ, key(*parts))
    parts[part] = "another"
    found = recall(key(*parts), environ)
    assert found.witness is None
    assert "no clean answer is remembered" in found.reasons[0]


def test_another_edition_of_the_program_starts_anew(
    repository: Repository, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(QUESTION, environ, look(repository))
    monkeypatch.setattr(home, "edition", lambda: "another/")
    assert not holds(environ, key("/project", "python", "shop.settings"))


def test_the_last_few_of_every_question_are_kept(
    repository: Repository, environ: dict[str, str]
) -> None:
    keep(OTHER, environ, look(repository))
    for at in range(12):
        repository.write({"models.py": f"at = {at}\n"})
        keep(QUESTION, environ, look(repository))
    assert len(kept(environ)) == 8 + 1
    for at in (11, 4, 7):
        repository.write({"models.py": f"at = {at}\n"})
        assert holds(environ)
    repository.write({"models.py": "at = 3\n"})
    assert not holds(environ)


def test_the_store_does_not_grow_without_end(
    repository: Repository, environ: dict[str, str]
) -> None:
    clean = look(repository)
    for at in range(80):
        keep(key(str(at)), environ, clean)
    assert len(kept(environ)) == 64
    assert holds(environ, key("79"))
    assert not holds(environ, key("0"))


@pytest.mark.parametrize("content", [b"", b"00000000\n", b"\0" * 100, b"words\n" * 20])
def test_damage_counts_as_not_there(
    repository: Repository, environ: dict[str, str], content: bytes
) -> None:
    keep(QUESTION, environ, look(repository))
    [path] = kept(environ)
    path.write_bytes(content)
    assert recall(QUESTION, environ).reasons == ("what was remembered is damaged",)
    assert kept(environ) == []
    keep(QUESTION, environ, look(repository))
    assert holds(environ)


def test_others_cannot_read_what_is_kept(repository: Repository, environ: dict[str, str]) -> None:
    before = os.umask(0)
    try:
        keep(QUESTION, environ, look(repository))
    finally:
        os.umask(before)
    [path] = kept(environ)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


# No place to keep it


FULL = """
import os, resource, sys, time
from remigrate import remembered, testimony
clean = testimony.taken(sys.argv[2:], [], (), {}, started=time.time_ns() + 10**10)
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
remembered.keep(sys.argv[1], os.environ, clean)
resource.setrlimit(resource.RLIMIT_FSIZE, before)
"""


def test_a_full_disk_is_no_failure(repository: Repository, environ: dict[str, str]) -> None:
    program = [sys.executable, "-c", FULL, QUESTION, str(repository.path / "models.py")]
    done = subprocess.run(program, env=os.environ | environ, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert not holds(environ)
    assert kept(environ) == []


@pytest.mark.parametrize("place", [{}, {"HOME": ""}, {"XDG_CACHE_HOME": "/dev/null"}])
def test_no_place_is_no_failure(repository: Repository, place: dict[str, str]) -> None:
    keep(QUESTION, place, look(repository))
    assert not holds(place)


KILLED = """
import resource, signal, sys
from remigrate import home
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
home.put(sys.argv[1], bytes(100))
"""


def test_a_process_that_is_killed_while_it_writes_leaves_nothing_that_counts(
    repository: Repository, environ: dict[str, str]
) -> None:
    keep(OTHER, environ, look(repository))
    [path] = kept(environ)
    place = path.with_name(f"{QUESTION}-killed")
    done = subprocess.run([sys.executable, "-c", KILLED, str(place)], check=False)
    assert done.returncode == -signal.SIGXFSZ
    assert [left.stat().st_size for left in kept(environ) if left != path] == [10]
    assert "no clean answer is remembered" in recall(QUESTION, environ).reasons[0]
    assert holds(environ, OTHER)


WRITER = """
import os, sys, time
from remigrate import remembered, testimony
files, folder = sys.argv[2:], os.path.dirname(sys.argv[2])
clean = testimony.taken(files, [folder], (), {}, started=time.time_ns() + 10**10)
for _ in range(60):
    remembered.keep(sys.argv[1], os.environ, clean)
    found = remembered.recall(sys.argv[1], os.environ)
    assert found.witness is not None, found.reasons
"""


def test_several_processes_may_keep_and_recall_at_once(
    repository: Repository, environ: dict[str, str]
) -> None:
    argv = [sys.executable, "-c", WRITER, QUESTION, str(repository.path / "models.py")]
    running = [
        subprocess.Popen(argv, env=os.environ | environ, stderr=subprocess.PIPE) for _ in range(4)
    ]
    said = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, said
    assert len(kept(environ)) <= remembered._MAX_OF_ONE + 4
    assert holds(environ)
