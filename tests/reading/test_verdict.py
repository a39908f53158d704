"""The last answer is given again only while nothing that it rests on has changed."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from remigrate import cli, home, testimony, verdict, witness
from tests.reading.conftest import Make
from tests.reading.repositories import Repository, app, migration

SHOP = "shop/migrations"


class Said(NamedTuple):
    """One answer."""

    code: int
    output: bytes
    errors: str
    repeated: bool
    """The answer was known: the command line was not even read."""


class Desk(NamedTuple):
    """Somebody with a repository and a cache, who asks."""

    repository: Repository
    cache: Path
    capture: pytest.CaptureFixture[bytes]

    def ask(self, *words: str, folder: str = ".", **environ: str) -> Said:
        """What ``remigrate`` does with these words, in this process."""
        with pytest.MonkeyPatch.context() as here:
            here.chdir(self.repository.path / folder)
            here.setenv("XDG_CACHE_HOME", str(self.cache))
            for name, value in environ.items():
                here.setenv(name, value)
            known = verdict.repeated(words, os.environ)
            code = cli.main(words, os.environ) if known is None else known
        said = self.capture.readouterr()
        return Said(code, said.out, said.err.decode(), known is not None)

    def run(self, *words: str, out: int = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
        """The same in a process of its own."""
        return subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "remigrate", *words],
            cwd=self.repository.path,
            env={**os.environ, "XDG_CACHE_HOME": str(self.cache), "TERM": "xterm"},
            stdout=out,
            stderr=subprocess.PIPE,
            timeout=60,
        )

    def verdicts(self) -> list[Path]:
        """The files that hold what was said."""
        return sorted((self.cache / "remigrate" / "verdicts").glob("*"))


@pytest.fixture
def desk(make: Make, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Desk:
    repository = make(
        {
            **app("shop", "0001_initial", "0002_a", "0003_b"),
            f"{SHOP}/0003_c.py": migration("0002_a"),
            "pyproject.toml": "[tool.remigrate]\n",
            ".gitignore": "*.local\n",
        }
    )
    repository.git("branch", "base")
    return Desk(repository, tmp_path / "cache", capsysbinary)


CHECK = ("check", "--format", "json")


def test_the_same_question_has_the_same_answer(desk: Desk) -> None:
    first, second, third = (desk.ask(*CHECK) for _ in range(3))
    assert not first.repeated
    assert b"RM101" in first.output
    assert first.code == 1
    assert second == third == first._replace(repeated=True)


@pytest.mark.parametrize(
    "words",
    [
        ("check",),
        ("check", "--index"),
        ("check", "--base", "base"),
        ("check", "--base", "base", "--head", "main"),
        ("check", "--format", "sarif"),
    ],
)
def test_every_way_of_asking_is_remembered(desk: Desk, words: tuple[str, ...]) -> None:
    first = desk.ask(*words)
    assert desk.ask(*words) == first._replace(repeated=True)


def write(path: str, text: str) -> Callable[[Repository], object]:
    return lambda repository: repository.write({path: text})


def staged(path: str, text: str) -> Callable[[Repository], object]:
    def change(repository: Repository) -> None:
        repository.write({path: text})
        repository.git("add", "-A")

    return change


def removed(path: str) -> Callable[[Repository], object]:
    return lambda repository: (repository.path / path).unlink()


FIX = migration("0003_b")
LEAF = migration("0002_a")


def switched(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "other")
    repository.commit({f"{SHOP}/0003_c.py": FIX})


CHANGES: dict[str, Callable[[Repository], object]] = {
    "a file is edited": write(f"{SHOP}/0003_c.py", FIX),
    "a file is edited and staged": staged(f"{SHOP}/0003_c.py", FIX),
    "a file is committed": lambda repository: repository.commit({f"{SHOP}/0003_c.py": FIX}),
    "a file is deleted": removed(f"{SHOP}/0003_c.py"),
    "a new file appears": write(f"{SHOP}/0003_d.py", LEAF),
    "a new app appears": write("blog/migrations/0001_x.py", "class ("),
    "a file is renamed": lambda r: r.git("mv", f"{SHOP}/0003_c.py", f"{SHOP}/0003_e.py"),
    "another branch": switched,
    "an app gets a label": write("shop/apps.py", "from django.apps import AppConfig\n"),
    "a file is unignored": lambda r: r.write({".gitignore": "", f"{SHOP}/0003_d.py": LEAF}),
    "the configuration": write("pyproject.toml", '[tool.remigrate]\nignore = ["RM101"]\n'),
    "the configuration is gone": removed("pyproject.toml"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_noticed(desk: Desk, change: Callable[[Repository], object]) -> None:
    desk.ask(*CHECK)
    change(desk.repository)
    after = desk.ask(*CHECK)
    assert not after.repeated
    fresh = desk.ask(*CHECK, "--no-cache")
    assert (after.code, after.output) == (fresh.code, fresh.output)


def test_what_a_link_leads_to_is_looked_at_each_time(desk: Desk) -> None:
    """Git says nothing about a file that is no migration."""
    desk.repository.write({"models.py": LEAF})
    (desk.repository.path / SHOP / "0003_c.py").unlink()
    (desk.repository.path / SHOP / "0003_c.py").symlink_to("../../models.py")
    desk.repository.commit()
    for words in (CHECK, (*CHECK, "--index", "--select", "RM101")):
        assert desk.ask(*words).code == 1
    desk.repository.write({"models.py": FIX})
    assert desk.ask(*CHECK).code == 0
    desk.repository.git("add", "models.py")
    assert desk.ask(*CHECK, "--index", "--select", "RM101").code == 0


def test_a_change_that_is_undone_brings_the_answer_back(desk: Desk) -> None:
    first = desk.ask(*CHECK)
    path = desk.repository.path / SHOP / "0003_c.py"
    before = path.read_text()
    path.write_text(FIX)
    changed = desk.ask(*CHECK)
    assert changed.code == 0
    path.write_text(before)
    assert desk.ask(*CHECK) == first._replace(repeated=True)


def test_files_that_do_not_matter_do_not_count(desk: Desk) -> None:
    first = desk.ask(*CHECK)
    desk.repository.write({"shop/models.py": "x = 1\n", "shop/views.py": "", "a.local": ""})
    assert desk.ask(*CHECK) == first._replace(repeated=True)


def test_a_changed_file_is_never_remembered(desk: Desk) -> None:
    """Git only says that it changed: not whether it has changed again."""
    desk.repository.write({f"{SHOP}/0003_c.py": FIX})
    assert desk.ask(*CHECK).code == 0
    desk.repository.write({f"{SHOP}/0003_c.py": LEAF + "# more\n"})
    after = desk.ask(*CHECK)
    assert not after.repeated
    assert after.code == 1
    assert desk.verdicts() == []


@pytest.mark.parametrize("moved", ["base", "head"])
def test_a_branch_that_moves_is_noticed(desk: Desk, moved: str) -> None:
    desk.repository.git("branch", "head")
    words = (*CHECK, "--base", "base", "--head", "head")
    first = desk.ask(*words)
    assert desk.ask(*words).repeated
    desk.repository.git("checkout", "-q", moved)
    desk.repository.commit({f"{SHOP}/0004_new.py": migration("0003_b")})
    after = desk.ask(*words)
    assert not after.repeated
    assert after.output != first.output


def test_what_a_commit_says_does_not_depend_on_the_files_on_disk(desk: Desk) -> None:
    words = (*CHECK, "--base", "base", "--head", "main")
    first = desk.ask(*words)
    desk.repository.write({f"{SHOP}/0003_c.py": FIX})
    assert desk.ask(*words) == first._replace(repeated=True)


def test_the_index_counts_where_it_is_asked_about(desk: Desk) -> None:
    words = (*CHECK, "--index", "--select", "RM1")
    desk.ask(*words)
    assert desk.ask(*words).repeated
    staged(f"{SHOP}/0003_c.py", FIX)(desk.repository)
    after = desk.ask(*words)
    assert (after.repeated, after.code) == (False, 0)


@pytest.mark.parametrize(
    ("words", "environ", "folder"),
    [
        (("check", "--format", "json", "--fail-on", "never"), {}, "."),
        (("check", "--format", "json", "."), {}, "."),
        (CHECK, {"NO_COLOR": "1"}, "."),
        (CHECK, {"TERM": "xterm-256color"}, "."),
        (CHECK, {"COLUMNS": "60"}, "."),
        (CHECK, {"GIT_CEILING_DIRECTORIES": "/nowhere"}, "."),
        (CHECK, {}, "shop"),
    ],
)
def test_another_question_has_an_answer_of_its_own(
    desk: Desk, words: tuple[str, ...], environ: dict[str, str], folder: str
) -> None:
    first = desk.ask(*CHECK)
    other = desk.ask(*words, folder=folder, **environ)
    assert not other.repeated
    assert desk.ask(*words, folder=folder, **environ).repeated
    assert desk.ask(*CHECK) == first._replace(repeated=True)


def test_a_process_that_knows_the_answer_does_not_even_read_the_command_line(desk: Desk) -> None:
    first, second = desk.run("check"), desk.run("check")
    assert (first.returncode, first.stdout) == (second.returncode, second.stdout)
    assert b" remigrate.cli" in first.stderr
    assert b" remigrate.cli" not in second.stderr
    assert b" subprocess" not in second.stderr


def test_a_terminal_is_not_answered_as_a_pipe(desk: Desk) -> None:
    piped = desk.run("check")
    ours, theirs = pty.openpty()
    done = desk.run("check", out=theirs)
    os.close(theirs)
    said = b""
    while part := _read(ours):
        said += part
    os.close(ours)
    assert done.returncode == piped.returncode == 1
    assert b"\x1b[" in said
    assert b"\x1b[" not in piped.stdout


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


def test_no_cache_remembers_nothing_and_asks_nobody(desk: Desk) -> None:
    for _ in range(2):
        assert not desk.ask(*CHECK, "--no-cache").repeated
    assert not desk.cache.exists()


def test_failures_are_not_remembered(desk: Desk) -> None:
    for words in (("check", "--base", "nothing"), ("check", "--select", "RM999"), ("chekc",)):
        for _ in range(2):
            said = desk.ask(*words)
            assert not said.repeated
            assert said.code in (2, 3)
    assert desk.verdicts() == []


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut in half": lambda data: data[: len(data) // 2],
    "a byte changed": lambda data: data[:-5] + b"#" + data[-4:],
    "another checksum": lambda data: b"00000000" + data[8:],
    "nothing but a checksum": lambda data: b"00000000\n",
    "zeros": lambda data: bytes(len(data)),
    "words": lambda data: b"not a verdict\n" * 20,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_verdict_is_made_anew(desk: Desk, damage: Callable[[bytes], bytes]) -> None:
    first = desk.ask(*CHECK)
    [kept] = desk.verdicts()
    kept.write_bytes(damage(kept.read_bytes()))
    again = desk.ask(*CHECK)
    assert (again.code, again.output, again.repeated) == (first.code, first.output, False)
    assert again.errors.count("warning:") <= 1
    assert desk.ask(*CHECK) == first._replace(repeated=True)


def test_a_verdict_of_another_question_in_its_place_is_not_taken(desk: Desk) -> None:
    first = desk.ask(*CHECK)
    [mine] = desk.verdicts()
    desk.ask(*CHECK, "--fail-on", "never")
    [other] = [path for path in desk.verdicts() if path != mine]
    shutil.copyfile(other, mine)
    again = desk.ask(*CHECK)
    assert (again.code, again.repeated) == (first.code, False)


def test_it_also_answers_where_nothing_can_be_kept(desk: Desk) -> None:
    desk.cache.write_text("a file where a folder should be")
    for _ in range(2):
        said = desk.ask(*CHECK)
        assert (said.code, said.repeated) == (1, False)


def test_without_a_home_nothing_is_kept(desk: Desk) -> None:
    for _ in range(2):
        said = desk.ask(*CHECK, XDG_CACHE_HOME="", HOME="")
        assert (said.code, said.repeated) == (1, False)


# The store itself


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": os.environ["PATH"]}


ANSWERS = [(["echo", "same"], b"", b"same\n"), (["cat"], b"in\xff", b"in\xff")]


def kept(environ: dict[str, str], *words: str) -> verdict.Verdict | None:
    return verdict.recall(words, environ)


def test_what_it_rests_on_comes_back_as_it_was(environ: dict[str, str], tmp_path: Path) -> None:
    there, absent = tmp_path / "there", tmp_path / "absent"
    there.write_bytes(b"\xff\n7\n")
    files = {str(there): b"\xff\n7\n", str(absent): None}
    said = verdict.Verdict(1, b"out\n\xff", ANSWERS, files)
    verdict.remember(["check"], environ, said)
    again = kept(environ, "check")
    assert again is not None
    assert (again.code, again.output) == (1, b"out\n\xff")
    assert (again.answers, again.files) == (ANSWERS, files)
    assert kept(environ, "check", "x") is None
    absent.touch()
    assert kept(environ, "check") is None
    absent.unlink()
    assert kept(environ, "check") is not None
    there.write_bytes(b"")
    assert kept(environ, "check") is None


@pytest.mark.parametrize("command", [["false-program-that-is-not-there"], ["echo", "other"]])
def test_a_program_that_answers_otherwise_or_not_at_all_ends_it(
    environ: dict[str, str], command: list[str]
) -> None:
    answers = [*ANSWERS, (command, b"", b"")]
    verdict.remember(["check"], environ, verdict.Verdict(0, b"", answers, {}))
    assert kept(environ, "check") is None


def test_a_program_that_hangs_ends_it(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdict, "_TIMEOUT", 0.3)
    answers = [(["sleep", "60"], b"", b"")]
    verdict.remember(["check"], environ, verdict.Verdict(0, b"", answers, {}))
    assert kept(environ, "check") is None


def test_another_edition_of_the_program_starts_anew(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict.remember(["check"], environ, verdict.Verdict(0, b"", [], {}))
    assert kept(environ, "check") is not None
    monkeypatch.setattr(home, "edition", lambda: "another/")
    assert kept(environ, "check") is None


def witnessed(*files: Path) -> bytes:
    """What the project's code read, written down."""
    started = time.time_ns() + 10**10
    return witness.encoded(
        testimony.taken(map(str, files), (), ["DEBUG"], {"DEBUG": "1"}, started=started)
    )


def test_what_the_projects_code_read_has_to_be_as_it_was(
    environ: dict[str, str], tmp_path: Path
) -> None:
    models = tmp_path / "models.py"
    models.write_text("one")
    said = verdict.Verdict(0, b"", ANSWERS, {}, witness=witnessed(models))
    environ["DEBUG"] = "1"
    verdict.remember(["check"], environ, said)
    assert kept(environ, "check") is not None
    assert kept({**environ, "DEBUG": "0"}, "check") is None
    models.write_text("two")
    assert kept(environ, "check") is None
    models.write_text("one")
    assert kept(environ, "check") is not None
    models.unlink()
    assert kept(environ, "check") is None


def test_without_its_witness_a_verdict_does_not_stand(environ: dict[str, str]) -> None:
    """One that cannot be read is not one that says nothing."""
    damaged = witnessed()[:-1] + b"#"
    verdict.remember(["check"], environ, verdict.Verdict(0, b"", [], {}, witness=damaged))
    assert kept(environ, "check") is None


def test_a_witness_that_objects_does_not_leave_programs_behind(
    environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "models.py").write_text("one")
    answers = [(["sh", "-c", "sleep 0.2; touch done"], b"", b"")]
    said = verdict.Verdict(0, b"", answers, {}, witness=witnessed(tmp_path / "models.py"))
    verdict.remember(["check"], environ, said)
    (tmp_path / "models.py").write_text("two")
    assert kept(environ, "check") is None
    assert (tmp_path / "done").exists()


def test_what_was_said_besides_is_said_again_where_it_was(
    environ: dict[str, str], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    said = verdict.Verdict(1, b"result\xff\n", [], {}, b"note: 1 app was skipped\xff\n")
    verdict.remember(["check"], environ, said)
    assert verdict.repeated(["check"], environ) == 1
    assert capfdbinary.readouterr() == (b"result\xff\n", b"note: 1 app was skipped\xff\n")


def test_only_the_latest_are_kept(environ: dict[str, str], tmp_path: Path) -> None:
    for at in range(80):
        verdict.remember([str(at)], environ, verdict.Verdict(0, b"", [], {}))
    assert len(list((tmp_path / "cache/remigrate/verdicts").iterdir())) <= 64
    assert kept(environ, "79") is not None


def test_a_folder_that_is_gone_has_no_verdict(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "gone"
    place.mkdir()
    monkeypatch.chdir(place)
    place.rmdir()
    assert kept(environ, "check") is None
    monkeypatch.chdir(tmp_path)


def test_nothing_half_written_stays_behind(as_nobody: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(as_nobody)}
    (as_nobody / "remigrate" / "verdicts").mkdir(parents=True)
    (as_nobody / "remigrate" / "verdicts").chmod(0o500)
    verdict.remember(["check"], environ, verdict.Verdict(0, b"", [], {}))
    assert list((as_nobody / "remigrate" / "verdicts").iterdir()) == []
