"""The documentation says what the code does: made pages, tables, the README's commands."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
import yaml

from remigrate import arguments, command, errors, options, parsing
from remigrate.outcome import Strategy
from remigrate.report import replies, reset_words
from tests.drift.store import Store
from tests.reset.store import Bookshop


@pytest.fixture(scope="module")
def made(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_make", root / "docs/make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_the_rules_is_what_the_rules_say(root: Path, made: ModuleType) -> None:
    assert (root / "docs/rules.md").read_text() == made.rules_page(), "run: python docs/make.py"


def test_the_page_of_what_the_bot_says_is_what_it_says(root: Path, made: ModuleType) -> None:
    assert (root / "docs/bot-says.md").read_text() == made.bot_page(), "run: python docs/make.py"


@pytest.mark.parametrize("name", ["proof.svg", "session.svg"])
def test_a_picture_shows_what_the_program_shows(root: Path, made: ModuleType, name: str) -> None:
    assert (root / "docs" / name).read_text() == made.PICTURES[name](), "run: python docs/make.py"


@pytest.mark.parametrize("shell", parsing.SHELLS)
def test_what_a_shell_completes_is_the_command_line(
    root: Path, made: ModuleType, shell: str
) -> None:
    text = (root / f"src/remigrate/completions/remigrate.{shell}").read_text()
    assert text == made.completion(shell), "run: python docs/make.py"


def test_the_tables_of_the_readme_are_those_of_the_action(root: Path, made: ModuleType) -> None:
    assert (root / "README.md").read_text() == made.readme(), "run: python docs/make.py"


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


def blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", readme, re.M | re.S)


def commands(readme: str) -> list[list[str]]:
    return [
        shlex.split(line, comments=True)
        for block in blocks(readme, "sh")
        for line in block.splitlines()
    ]


def table(readme: str, comment: str) -> dict[str, str]:
    rows = readme.partition(f"<!-- {comment}")[2].partition("\n\n")[0].splitlines()[3:]
    cells = [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]
    return {row[0]: row[-1] for row in cells}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with a branch `topic` and a database, as somebody has who reads the README."""
    upstream = Store.open(tmp_path_factory.mktemp("upstream") / "store").path
    clone = tmp_path_factory.mktemp("home") / "shop"
    for words in (
        ["clone", "--quiet", upstream, clone],
        ["-C", clone, "branch", "topic"],
    ):
        subprocess.run(["git", *map(str, words)], check=True, timeout=60)
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(migrate, cwd=clone, check=True, timeout=60)
    return clone


def test_every_remigrate_command_of_the_readme_works(readme: str, project: Path) -> None:
    own = [words for words in commands(readme) if words[0] == "remigrate" and not _resets(words)]
    assert len(own) > 5
    for words in own:
        done = subprocess.run(words, cwd=project, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), (words, done.stderr)
    assert (project / "report.json").is_file()


def _resets(words: list[str]) -> bool:
    return words[:2] == ["remigrate", "reset"]


@pytest.fixture
def conflict(tmp_path: Path) -> Bookshop:
    """A clone whose branch has taken in another migration after the same one."""
    topic = Bookshop.forked(tmp_path)
    topic.git("pull", "--quiet", "--no-rebase", "--no-edit")
    return topic


def test_every_reset_of_the_readme_works(readme: str, conflict: Bookshop, tmp_path: Path) -> None:
    own = [words for words in commands(readme) if _resets(words)]
    assert len(own) > 5
    for number, words in enumerate(own):
        if "--finish" not in words:  # the second of two steps
            shop = conflict.again(tmp_path / str(number))
        done = subprocess.run(words, cwd=shop.path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (words, done.stdout + done.stderr)
        assert bool(shop.status()) != ("--dry-run" in words), words
        shop.git("add", "--all")
        shop.git("commit", "--quiet", "--allow-empty", "--message", " ".join(words))
    assert "--finish" in own[-1]


def test_the_commands_of_the_page_on_resets_are_ones(root: Path) -> None:
    own = commands((root / "docs/reset.md").read_text())
    assert own
    for words in own:
        assert _resets(words)
        arguments.parser().parse_args(words[1:])


def test_the_commands_of_the_page_on_databases_are_ones(root: Path) -> None:
    own = commands((root / "docs/backup.md").read_text())
    assert own
    for words in own:
        arguments.parser().parse_args(words[1:])


def test_the_checks_of_the_readme_are_those_of_the_program(readme: str) -> None:
    assert list(table(readme, "checks")) == list(reset_words.MEANINGS)


def test_what_the_readme_says_of_resets_holds_when_nothing_is_configured(
    readme: str, tmp_path: Path
) -> None:
    [block] = [block for block in blocks(readme, "toml") if "strategy" in block]
    config = tmp_path / "pyproject.toml"
    config.write_text(block)
    read = options.from_file(os.fspath(config), os.fspath(tmp_path))
    assert set(read.values) == {"strategy", "guard", "migrate_time_limit"}
    assert options.merged({}, read.values) == options.Options()


def test_the_strategies_of_the_page_on_resets_are_those_of_the_program(root: Path) -> None:
    text = (root / "docs/reset.md").read_text()
    rows = re.findall(r"^\| `(\w+)`(?: \(default\))? \|", text, re.M)
    assert rows[: len(options.STRATEGIES)] == list(options.STRATEGIES)


def test_the_words_of_the_bot_are_those_of_its_page(root: Path) -> None:
    page = (root / "docs/bot.md").read_text()
    told = page.partition("a test -->\n")[2].partition("<!-- end of help -->")[0]
    assert told == replies.HELP
    flags = set(re.findall(r"`([a-z-]+)(?:=[a-zA-Z]+)?`", told))
    assert {*command.FLAGS, "all", "strategy", "sha"} <= flags
    assert set(re.findall(r"`strategy=([a-z]+)`", told)) == set(get_args(Strategy))


def test_the_other_commands_are_those_that_ci_and_the_hooks_run(readme: str, root: Path) -> None:
    others = [words for words in commands(readme) if words[0] != "remigrate"]
    assert others == [
        ["make", "demo"],
        ["make", "test"],
        ["pipx", "install", "git+https://github.com/remigrate/remigrate"],
    ]
    ci = (root / ".ci/run").read_text()
    assert "make demo" in ci
    assert "make test" in ci


def test_the_workflow_of_the_readme_is_one(readme: str, tmp_path: Path) -> None:
    workflow = tmp_path / "migrations.yml"
    schema = ["--builtin-schema", "vendor.github-workflows"]
    for at in (0, 2):
        workflow.write_text(blocks(readme, "yaml")[at])
        subprocess.run(["check-jsonschema", *schema, workflow], check=True, timeout=60)


def test_the_hooks_of_the_readme_are_the_ones_that_there_are(
    readme: str, root: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(blocks(readme, "yaml")[1])
    subprocess.run(["pre-commit", "validate-config", config], check=True, timeout=60)
    hooks = yaml.safe_load(config.read_text())["repos"][0]["hooks"]
    manifest = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks] == [hook["id"] for hook in manifest]


def test_the_exit_codes_of_the_readme_are_those_of_the_program(readme: str) -> None:
    own = {errors.OK, errors.FINDINGS, errors.BUG, errors.INTERRUPTED}
    own |= {failure.exit_code for failure in errors.Failure.__subclasses__()}
    assert {int(code) for code in table(readme, "exit codes")} == own


def test_the_configuration_of_the_readme_is_accepted(readme: str, tmp_path: Path) -> None:
    config = tmp_path / "pyproject.toml"
    accepted = []
    for block in blocks(readme, "toml"):
        config.write_text(block)
        read = options.from_file(os.fspath(config), os.fspath(tmp_path))
        accepted.append(options.merged({}, read.values))
    assert [one.fail_on for one in accepted] == ["error", "warning", "error"]
    assert [one.time_limit for one in accepted] == [300, 300, 600]


@pytest.mark.parametrize(
    "page", ["README.md", "docs/bot.md", "docs/backup.md", "docs/monorepos.md", "docs/reset.md"]
)
def test_every_link_leads_somewhere(page: str, root: Path) -> None:
    for target, heading in re.findall(r"\]\(([^)#]*)(?:#([^)]+))?\)", (root / page).read_text()):
        if target.startswith("https://"):
            continue
        file = (root / page).parent / target if target else root / page
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", file.read_text(), re.M)
            named = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
            assert heading in named, (target, heading)
