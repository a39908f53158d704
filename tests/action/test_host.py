"""host/action.yml: the same action in the job's own Python, its steps run as a runner would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from remigrate import untrusted
from tests.action.conftest import Shop, Step, commit, run_git

ONLY_IN_THE_CONTAINER = {
    "python-version": "it builds the environment; on the host the job did",
    "install": "the same",
    "apt-packages": "the job installs its own",
}
ONLY_ON_THE_HOST = {"python": "in the container the interpreter is the one that was built"}
SAID_OTHERWISE = {"drift", "env"}
"""Inputs of both, whose descriptions differ as the sandbox is in one only."""


@pytest.fixture(scope="session")
def container(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / "action.yml").read_text())
    return found


@pytest.fixture(scope="session")
def host(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / "host/action.yml").read_text())
    return found


def test_both_have_the_same_inputs(container: dict[str, Any], host: dict[str, Any]) -> None:
    theirs, ours = container["inputs"], host["inputs"]
    assert theirs.keys() - ours.keys() == ONLY_IN_THE_CONTAINER.keys()
    assert ours.keys() - theirs.keys() == ONLY_ON_THE_HOST.keys()
    for name in theirs.keys() & ours.keys():
        assert theirs[name]["default"] == ours[name]["default"], name
        same = theirs[name]["description"] == ours[name]["description"]
        assert same == (name not in SAID_OTHERWISE), name


def test_both_have_the_same_outputs(container: dict[str, Any], host: dict[str, Any]) -> None:
    described = {name: {"description": row["description"]} for name, row in host["outputs"].items()}
    assert described == container["outputs"]
    for name, row in host["outputs"].items():
        assert row["value"] == f"${{{{ steps.check.outputs.{name} }}}}"


def test_every_input_is_handed_over_as_a_variable_and_none_in_a_command(
    host: dict[str, Any],
) -> None:
    check = host["runs"]["steps"][-1]
    given = {name: value for name, value in check["env"].items() if name.startswith("INPUT_")}
    expected = {f"INPUT_{name.upper()}": f"${{{{ inputs.{name} }}}}" for name in host["inputs"]}
    assert given == expected
    assert check["env"][untrusted.ON_HOST]
    for step in host["runs"]["steps"]:
        assert "${{" not in step["run"]
        for line in re.findall(r".*\bpython\b.*", step["run"]):
            assert " -I " in line, "files of the workspace must not be imported"


def test_the_steps_run_in_a_workspace_that_shadows_everything(
    root: Path, host: dict[str, Any], tmp_path: Path
) -> None:
    workspace, temp = tmp_path / "workspace", tmp_path / "temp"
    for folder in (workspace, temp):
        folder.mkdir()
    shout = "import pathlib; pathlib.Path('shadowed').touch()\n"
    for name in ("venv.py", "pip.py", "json.py", "remigrate.py", "sitecustomize.py", "git.py"):
        (workspace / name).write_text(shout)
    git = ("git", "-C", str(workspace))
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message=start"], check=True)
    (tmp_path / "output").write_text("")
    environ = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": os.environ["HOME"],
        "RUNNER_TEMP": str(temp),
        "GITHUB_ACTION_PATH": str(root / "host"),
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_EVENT_NAME": "workflow_dispatch",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))},
    }
    for step in host["runs"]["steps"]:
        given = {name: filled(host, value) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=workspace,
            env=environ | given,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "decision" in (tmp_path / "output").read_text()
    assert not (workspace / "shadowed").exists()


def filled(host: dict[str, Any], value: str) -> str:
    """A variable's value where no input is given."""
    name = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", value)
    if name is None:
        return value
    default: str = host["inputs"][name[1]]["default"]
    return "" if "${{" in default else default


# The project's code on the host

PROJECT = {
    "manage.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "config")\n',
    "config.py": "import os\nassert not {'INPUT_TOKEN', 'GITHUB_SHA', 'AWS_KEY'} & {*os.environ}\n"
    "SECRET_KEY = os.environ['SHOP_KEY']\nINSTALLED_APPS = ['shop']\n"
    "DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\n",
    "shop/__init__.py": "",
    "shop/models.py": "from django.db import models\n\n\nclass Shop(models.Model):\n    pass\n",
    "shop/migrations/__init__.py": "",
}
INPUTS = {"INPUT_PYTHON": sys.executable, "INPUT_ENV": "SHOP_KEY=1", untrusted.ON_HOST: "true"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    run_git(folder, "init", "--quiet")
    commit(folder, PROJECT, "start")
    return folder


@pytest.mark.parametrize("name", untrusted.TRUSTED)
def test_what_is_on_a_branch_is_asked_without_the_jobs_variables(
    step: Step, project: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_KEY", "secret")
    event = {"before": "0" * 40}
    head = run_git(project, "rev-parse", "HEAD").strip()
    more = {"GITHUB_REF": "refs/heads/main", "AWS_KEY": "secret", **INPUTS}
    outcome = step(project, name, event, **more, GITHUB_SHA=head)
    assert [finding["code"] for finding in outcome.report["findings"]] == ["RM301"], outcome.log
    outcome = step(project, name, event, **more, GITHUB_SHA="f" * 40)
    assert "Drift was not checked" in outcome.summary, "what is checked out is not what was pushed"


@pytest.mark.parametrize(
    ("name", "ref"),
    [
        ("pull_request", "refs/pull/1/merge"),
        ("pull_request_target", "refs/heads/main"),
        ("workflow_run", "refs/heads/main"),
        ("merge_group", "refs/heads/gh-readonly-queue/main/pr-1"),
        ("push", "refs/tags/v1"),
        ("", "refs/heads/main"),
    ],
)
def test_code_that_is_not_trusted_is_not_run_without_a_sandbox(
    shop: Shop, step: Step, tmp_path: Path, name: str, ref: str
) -> None:
    trace = tmp_path / "ran"
    files = {**PROJECT, "config.py": f"open({str(trace)!r}, 'w')\n"}
    run_git(shop.origin, "checkout", "--quiet", "--detach", shop.base)
    head = commit(shop.origin, files, "hostile")
    shop.checkout(tmp_path / "w", head)
    event = {
        "pull_request": {"base": {"sha": shop.base}, "head": {"sha": head}},
        "merge_group": {"base_sha": shop.base, "head_sha": head},
        "before": shop.base,
    }
    more = {"GITHUB_SHA": head, "GITHUB_REF": ref, **INPUTS}
    outcome = step(tmp_path / "w", name, event, **more)
    assert "Drift was not checked" in outcome.summary
    assert "no sandbox outside the container" in outcome.summary
    outcome = step(tmp_path / "w", name, event, **more, INPUT_DRIFT="true")
    assert outcome.code == 4
    assert "Use the container action for pull requests" in outcome.log
    assert not trace.exists()


def test_outside_our_container_nothing_is_run_even_for_root(step: Step, project: Path) -> None:
    inputs = {"INPUT_DRIFT": "true", "GITHUB_REF": "refs/heads/main"}
    outcome = step(project, "workflow_dispatch", {}, **inputs)
    assert outcome.code == 4
    assert "the sandbox for the project's code cannot be set up" in outcome.log


def test_drift_can_be_switched_off(step: Step, project: Path) -> None:
    outcome = step(project, "workflow_dispatch", {}, INPUT_DRIFT="false")
    assert outcome.code == 0
    assert "Drift was not checked" not in outcome.summary
