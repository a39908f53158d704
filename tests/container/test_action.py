"""The action as GitHub runs it: the real image, a real engine, a real git server."""

from __future__ import annotations

import json
import stat
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.container.runner import REPOSITORY, TOKEN, git, migration

if TYPE_CHECKING:
    from pathlib import Path

    from tests.container.runner import Origin, PullRequest, Run, Runner

pytestmark = pytest.mark.needs("container")

CONFLICT = {"shop/migrations/0002_stock.py": migration("Stock", "0001_initial")}
CLEAN = {"shop/migrations/0003_stock.py": migration("Stock", "0002_prices")}


def event(pull: PullRequest, *, head_repository: dict[str, Any] | None) -> dict[str, Any]:
    """The part of GitHub's payload that says which commits a pull request is about."""
    ours = {"id": 1, "full_name": REPOSITORY, "fork": False}
    return {
        "action": "synchronize",
        "number": 7,
        "pull_request": {
            "number": 7,
            "state": "open",
            "merge_commit_sha": pull.merge,
            "head": {"ref": "stock", "sha": pull.head, "repo": head_repository},
            "base": {"ref": "main", "sha": pull.base, "repo": ours},
        },
        "repository": ours | {"default_branch": "main"},
        "sender": {"login": "ada", "type": "User"},
    }


def own(pull: PullRequest) -> dict[str, Any]:
    return event(pull, head_repository={"id": 1, "full_name": REPOSITORY, "fork": False})


def foreign_files(folder: Path) -> list[Path]:
    """Files of the workspace that the runner could not remove after the job."""
    uid = folder.stat().st_uid
    return [path for path in folder.rglob("*") if path.lstat().st_uid != uid]


OF_OTHER_RUNS = {"matrix", "plan", "reset-pull-request", "reset-branch"}
"""Outputs that a check does not have."""


def says_conflict(run: Run) -> None:
    assert run.code == 1, run.log
    [annotation] = [line for line in run.annotations if "RM101" in line]
    assert annotation.startswith("::error file=shop/migrations/0002_stock.py,line=")
    assert "RM101" in run.summary
    assert "0002_stock" in run.summary
    assert run.outputs["errors"] == "1"
    assert json.loads(run.outputs["conflicts"]) == ["shop"]
    assert run.artifact("report")["summary"]["errors"] == 1
    results = run.artifact("sarif")["runs"][0]["results"]
    assert [row["level"] for row in results if row["ruleId"] == "RM101"] == ["error"]


def test_a_conflicting_pull_request_fails_with_annotations_summary_and_outputs(
    runner: Runner, origin: Origin, root: Path
) -> None:
    pull = origin.pull_request(CONFLICT)
    runner.checkout(pull.merge)
    run = runner.run(own(pull), sha=pull.merge)
    says_conflict(run)
    assert run.artifact("report")["base"] == pull.base
    described = yaml.safe_load((root / "action.yml").read_text())["outputs"].keys()
    assert run.outputs.keys() == described - OF_OTHER_RUNS
    assert any(path.endswith("/git-upload-pack") for path in origin.requests)


def test_a_clean_pull_request_passes(runner: Runner, origin: Origin) -> None:
    pull = origin.pull_request(CLEAN)
    runner.checkout(pull.merge)
    run = runner.run(own(pull), sha=pull.merge)
    assert run.code == 0, run.log
    assert run.annotations == []
    assert (run.outputs["findings"], run.outputs["errors"]) == ("0", "0")
    assert json.loads(run.outputs["conflicts"]) == []
    assert run.artifact("report")["base"] == pull.base


def test_a_landed_migration_that_a_pull_request_removes_is_seen_in_a_checkout_of_one_commit(
    runner: Runner, origin: Origin
) -> None:
    pull = origin.pull_request({"shop/migrations/0001_initial.py": None})
    runner.checkout(pull.merge)
    run = runner.run(own(pull), sha=pull.merge)
    assert run.code == 1, run.log
    assert "RM202" in "\n".join(run.annotations)


def test_without_a_network_the_tree_alone_is_checked_and_the_run_says_so(
    runner: Runner, origin: Origin
) -> None:
    pull = origin.pull_request(CONFLICT)
    runner.checkout(pull.merge)
    run = runner.run(own(pull), sha=pull.merge, network="none")
    says_conflict(run)
    assert run.artifact("report")["base"] is None
    assert "Checked without a base" in run.log
    assert "Checked without a base" in run.summary
    assert origin.requests == []


def test_modules_of_the_pull_request_are_not_imported(runner: Runner, origin: Origin) -> None:
    shout = (
        "import pathlib, sys\n"
        "print('shadowed by', __name__, file=sys.stderr)\n"
        "pathlib.Path('/github/home/shadowed').touch()\n"
    )
    names = ("git.py", "github/__init__.py", "remigrate/__init__.py", "sitecustomize.py", "json.py")
    pull = origin.pull_request(CONFLICT | dict.fromkeys(names, shout))
    runner.checkout(pull.merge)
    run = runner.run(own(pull), sha=pull.merge)
    says_conflict(run)
    assert "shadowed" not in run.log
    assert not (runner.mounts()["/github/home"] / "shadowed").exists()


@pytest.mark.parametrize(
    "repository",
    [{"id": 2, "full_name": "eve/shop", "fork": True}, None],
    ids=["a fork", "a fork that was deleted"],
)
def test_a_pull_request_from_a_fork_is_checked_like_any_other(
    runner: Runner, origin: Origin, repository: dict[str, Any] | None
) -> None:
    pull = origin.pull_request(CONFLICT)
    runner.checkout(pull.merge)
    says_conflict(runner.run(event(pull, head_repository=repository), sha=pull.merge))


def test_the_workspace_is_left_as_it_was(runner: Runner, origin: Origin) -> None:
    pull = origin.pull_request(CONFLICT)
    runner.checkout(pull.merge)
    config = (runner.workspace / ".git/config").read_bytes()
    runner.run(own(pull), sha=pull.merge)
    assert (runner.workspace / ".git/config").read_bytes() == config
    assert foreign_files(runner.workspace) == []
    safe = f"safe.directory={runner.workspace}"
    assert git(runner.workspace, "-c", safe, "status", "--porcelain", "--ignored") == ""


def test_the_token_goes_to_the_server_and_nowhere_else(runner: Runner, origin: Origin) -> None:
    pull = origin.pull_request(CONFLICT)
    runner.checkout(pull.merge)
    run = runner.run(own(pull), sha=pull.merge)
    assert origin.requests
    written = [run.log, run.summary, *run.outputs.values()]
    for path in runner.folder.rglob("*"):
        if stat.S_ISREG(path.lstat().st_mode):
            written.append(path.read_bytes().decode("latin-1"))
    assert not [text for text in written if TOKEN in text]


@pytest.mark.parametrize(
    ("inputs", "code", "found"),
    [
        ({"fail-on": "never"}, 0, ["RM101", "RM104"]),
        ({"select": "RM104"}, 0, ["RM104"]),
        ({"select": "RM104", "fail-on": "warning"}, 1, ["RM104"]),
        ({"ignore": "multiple-leaves"}, 0, ["RM104"]),
        ({"path": "shop"}, 1, ["RM101", "RM104"]),
        ({"config": "strict.toml"}, 1, ["RM104"]),
        ({"sarif-file": "out/shop.sarif"}, 1, ["RM101", "RM104"]),
    ],
    ids=str,
)
def test_inputs_do_what_they_say(
    runner: Runner, origin: Origin, inputs: dict[str, str], code: int, found: list[str]
) -> None:
    strict = '[tool.remigrate]\nselect = ["RM104"]\nfail-on = "warning"\n'
    pull = origin.pull_request(CONFLICT | {"strict.toml": strict})
    runner.checkout(pull.merge)
    run = runner.run(own(pull), sha=pull.merge, inputs=inputs)
    assert run.code == code, run.log
    assert sorted({row["code"] for row in run.artifact("report")["findings"]}) == found
    if "sarif-file" in inputs:
        assert run.outputs["sarif"] == inputs["sarif-file"]
    assert len(run.artifact("sarif")["runs"][0]["results"]) == len(found)


def test_a_push_to_main_is_checked(runner: Runner, origin: Origin) -> None:
    main = git(origin.folder, "rev-parse", "main")
    runner.checkout(main)
    before = git(origin.folder, "rev-parse", "main^")
    payload = {"ref": "refs/heads/main", "before": before, "after": main}
    run = runner.run(payload, sha=main, name="push")
    assert run.code == 0, run.log
    assert run.outputs["findings"] == "0"


def test_the_image_runs_as_root_from_an_absolute_isolated_interpreter(image: str) -> None:
    asked = subprocess.run(
        ["docker", "image", "inspect", image], capture_output=True, text=True, check=True
    )
    config = json.loads(asked.stdout)[0]["Config"]
    assert config["User"] == ""
    assert config["Entrypoint"] == ["/opt/remigrate/bin/python", "-I", "-m", "remigrate.action"]


def test_the_image_carries_compiled_modules(image: str) -> None:
    program = (
        "import json, sys, remigrate.action\n"
        "specs = [getattr(module, '__spec__', None) for module in sys.modules.values()]\n"
        "print(json.dumps({spec.name: spec.cached for spec in specs if spec and spec.cached}))"
    )
    isolated = ["docker", "run", "--rm", "--network=none", "--read-only"]
    python = "--entrypoint=/opt/remigrate/bin/python"
    asked = subprocess.run(
        [*isolated, python, image, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    cached = json.loads(asked.stdout)
    assert "remigrate.action" in cached
    script = 'for file in "$@"; do test -e "$file" || echo "$file"; done'
    missing = subprocess.run(
        [*isolated, "--entrypoint=/bin/sh", image, "-c", script, "sh", *cached.values()],
        capture_output=True,
        text=True,
        check=True,
    )
    assert missing.stdout == ""
