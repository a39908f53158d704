"""What a push, a schedule or another pull request means to those that are open: the whole action,
run as a step of a job, against a GitHub of our own with real git."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from remigrate import action, marks, recheck
from remigrate import demo_shop as project
from remigrate.github import A_PAGE, Pace
from remigrate.local_github import events
from remigrate.local_github.records import BOT, Access
from remigrate.local_github.repository import ZERO, Repository
from remigrate.local_github.server import LocalGitHub
from tests.bot.story import BOT_MAY, HASTE, run
from tests.octokit.description import published

READS: dict[str, Access] = {"contents": "read", "pull-requests": "read"}
AFTER_STOCK = {
    "shop/migrations/0004_colour.py": project.migration("0003_stock", project.added("order", "x"))
}
README = {"README": "More about it.\n"}
DISCOUNT, STOCK = "shop/migrations/0003_discount.py", "shop/migrations/0003_stock.py"


class Done(NamedTuple):
    """What a step left behind."""

    code: int
    log: str
    outputs: str
    summary: str
    report: Mapping[str, Any]

    def codes(self) -> list[str]:
        return [each["code"] for each in self.report["findings"]]


class World(NamedTuple):
    """Main and its pull requests, and a runner for jobs about them."""

    hub: LocalGitHub
    folder: Path
    capture: pytest.CaptureFixture[str]

    def open(
        self,
        branch: str,
        files: Mapping[str, str | None],
        title: str = "A change",
        onto: str = "main",
        of: Repository | None = None,
        **more: Any,
    ) -> int:
        """The number of a new pull request from a branch that was cut from `onto` as it is."""
        by = of.owner if of else "ada"
        self.hub.state.push(branch, files, by=by, onto=onto, to=of)
        return self.hub.state.open(branch, onto, title, by=by, of=of, **more).number

    def push(self, files: Mapping[str, str | None], branch: str = "main", **more: Any) -> Done:
        """Somebody pushes, and the job about it runs."""
        before = self.hub.state.repository.commit_id(branch) or ZERO
        after = self.hub.state.push(branch, files)
        return self.pushed(before, after, branch, **more)

    def merge(self, number: int) -> Done:
        """Somebody merges a pull request, and the job about the push runs."""
        before = self.hub.state.repository.commit_id("main")
        return self.pushed(before, self.hub.state.merge(number, by="ada"))

    def pushed(self, before: str, after: str, branch: str = "main", **more: Any) -> Done:
        payload = events.push(self.hub.shapes, branch, before, after, "ada")
        return self.step("push", payload, after, **more)

    def scheduled(self, **more: Any) -> Done:
        payload = events.schedule(self.hub.shapes, "0 5 * * *")
        return self.step("schedule", payload, self.hub.state.repository.commit_id("main"), **more)

    def checked(self, number: int, name: str = "pull_request", **more: Any) -> Done:
        """The job about a pull request runs."""
        _, pull = self.hub.state.pull(number)
        payload = events.pull_request(self.hub.shapes, number, "synchronize", "ada")
        return self.step(name, payload, pull.test_merge or pull.head, **more)

    def step(
        self,
        name: str,
        payload: Mapping[str, Any],
        sha: str,
        permissions: Mapping[str, Access] = BOT_MAY,
        **inputs: str,
    ) -> Done:
        top = self.folder / f"job-{len(list(self.folder.glob('job-*')))}"
        run("git", "clone", "--quiet", str(self.hub.state.repository.folder), str(top))
        run("git", "fetch", "--quiet", "origin", "+refs/pull/*:refs/pull/*", cwd=top)
        run("git", "checkout", "--quiet", "--detach", sha, cwd=top)
        files = {each: self.folder / each for each in ("event", "output", "step_summary")}
        for place in files.values():
            place.write_text("")
        files["event"].write_text(json.dumps(payload))
        given = {"token": self.hub.token(permissions), "drift": "false", **inputs}
        environ = {
            "PATH": os.environ["PATH"],
            "GITHUB_API_URL": self.hub.api_url,
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(files["event"]),
            "GITHUB_OUTPUT": str(files["output"]),
            "GITHUB_REPOSITORY": "octo/shop",
            "GITHUB_SERVER_URL": self.hub.url,
            "GITHUB_SHA": sha,
            "GITHUB_STEP_SUMMARY": str(files["step_summary"]),
            "GITHUB_WORKSPACE": str(top),
            **{f"INPUT_{key.upper()}": value for key, value in given.items()},
        }
        self.hub.seen.clear()
        self.capture.readouterr()
        code = action.main(environ)
        report = top / ".git/remigrate/report.json"
        return Done(
            code,
            self.capture.readouterr().out,
            files["output"].read_text(),
            files["step_summary"].read_text(),
            json.loads(report.read_text()) if report.exists() else {},
        )

    # What is to be seen afterwards

    def comments(self, number: int) -> list[str]:
        """Ours, below a pull request."""
        said = self.hub.state.comments.values()
        return [each.body for each in said if (each.number, each.author) == (number, BOT)]

    def comment(self, number: int) -> str:
        [only] = self.comments(number)
        return only

    def asked(self) -> list[str]:
        """The requests to the API since the job began."""
        seen = [each for each in self.hub.seen if "git-upload-pack" not in each.path]
        return [
            f"{each.method} {each.path.removeprefix('/repos/octo/shop')}"
            for each in seen
            if not each.path.endswith("/info/refs")
        ]


@pytest.fixture
def world(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setattr("remigrate.github.Pace", lambda: Pace(*HASTE))
    description = published()
    check = None if description is None else description.check
    with LocalGitHub("octo/shop", folder=tmp_path / "github", check=check) as hub:
        hub.state.join("ada", "write")
        hub.state.push("main", project.START, "A shop")
        yield World(hub, tmp_path, capsys)


@pytest.fixture
def rivals(world: World) -> World:
    """Two pull requests, #1 and #2, that are fine alone and not together."""
    assert world.open("discount", project.DISCOUNT) == 1
    assert world.open("stock", project.STOCK) == 2
    return world


# When the base of a pull request moves


def test_a_push_breaks_a_pull_request_and_its_comment_says_so(rivals: World) -> None:
    done = rivals.merge(2)
    assert done.code == 0, done.log
    told = rivals.comment(1)
    assert "RM101" in told
    assert "comment `/reset-migrations`" in told
    assert marks.reported(told).head == rivals.hub.state.repository.commit_id("discount")
    assert "1 comment written" in done.log
    assert "### Open pull requests into `main`" in done.summary
    assert "| #1 | 1 error and 1 warning | written |" in done.summary


def test_where_there_is_nothing_to_say_nothing_is_said(world: World) -> None:
    fine = world.open("discount", project.DISCOUNT)
    done = world.push(README)
    assert not world.comments(fine)
    assert f"| #{fine} | nothing | there is nothing to say |" in done.summary


def test_a_comment_turns_green_when_base_mends_it(rivals: World) -> None:
    rivals.checked(1)
    rivals.checked(2)
    assert "RM401" in rivals.comment(1)
    rivals.hub.state.close(2)
    rivals.scheduled()
    assert "✅ Migrations: no problem found" in rivals.comment(1)
    assert "RM401" in rivals.comment(2), "closed: nobody looks"


def test_the_comments_of_both_tell_of_a_collision_after_a_schedule(rivals: World) -> None:
    rivals.scheduled()
    assert "↳ #2 |" in rivals.comment(1)
    assert "↳ #1 |" in rivals.comment(2)


def test_a_comment_that_says_so_already_is_left_as_it_is(rivals: World) -> None:
    rivals.checked(1)
    before = rivals.hub.state.comments.copy()
    done = rivals.push(README)
    assert rivals.comment(1) == next(iter(before.values())).body
    assert "| #1 | 1 warning | the comment says so already |" in done.summary
    again = rivals.push({"README": "And more.\n"})
    assert "0 comments written" in again.log
    assert not [each for each in rivals.asked() if each.startswith(("PATCH", "POST /issues"))]


def test_the_order_in_which_github_names_them_changes_no_comment(rivals: World) -> None:
    rivals.open("colour", {"shop/migrations/0003_colour.py": project.DISCOUNT[DISCOUNT]})
    rivals.scheduled()
    before = dict(rivals.hub.state.comments)
    for later, number in enumerate((2, 1, 3), 1):
        now = time.time() + later * 60
        rivals.hub.state.clock = lambda now=now: now  # type: ignore[misc]
        rivals.hub.state.change(number, title="Another title")
        rivals.scheduled()
    assert rivals.hub.state.comments == before


def test_few_requests_are_made(world: World) -> None:
    for at in range(3):
        world.open(f"readme-{at}", {"README": str(at)})
    fine = world.open("discount", project.DISCOUNT)
    world.push(README)
    assert world.asked() == ["GET /pulls", f"GET /issues/{fine}/comments"]


def test_what_was_said_of_drift_stands_as_long_as_the_commit_does(rivals: World) -> None:
    """Nothing of a pull request is run when it is looked at again, so nobody knows better."""
    head = rivals.hub.state.repository.commit_id("discount")
    mark = marks.report(head, "0" * 32, ["shop"])
    rivals.hub.state.comment(1, f"### ❌ Migrations: 1 error\n\n{mark}\n", by=BOT)
    rivals.hub.state.close(2)
    rivals.scheduled()
    told = rivals.comment(1)
    assert "RM301" in told
    assert "✅" not in told
    assert marks.reported(told).drift == ("shop",)
    rivals.hub.state.push("discount", README, by="ada")
    rivals.scheduled()
    assert "RM301" not in rivals.comment(1)


def test_drift_that_was_not_asked_for_again_is_said_so(rivals: World) -> None:
    rivals.merge(2)
    assert "Drift was not checked: nothing of a pull request is run" in rivals.comment(1)


def test_drafts_are_looked_at_too(world: World) -> None:
    draft = world.open("discount", project.DISCOUNT, draft=True)
    world.push(project.STOCK)
    assert "RM101" in world.comment(draft)


def test_other_branches_have_pull_requests_as_well(world: World) -> None:
    world.hub.state.push("next", README, onto="main")
    into_main = world.open("discount", project.DISCOUNT)
    into_next = world.open("colour", project.DISCOUNT, onto="next")
    world.push(project.STOCK, "next")
    assert not world.comments(into_main)
    assert "RM101" in world.comment(into_next)


def test_somebody_can_start_it_by_hand(rivals: World) -> None:
    repository = rivals.hub.shapes.repository(rivals.hub.state.repository)
    payload = {"ref": "refs/heads/main", "inputs": None, "repository": repository}
    payload["sender"] = rivals.hub.shapes.named("ada")
    rivals.step("workflow_dispatch", payload, rivals.hub.state.repository.commit_id("main"))
    assert "RM401" in rivals.comment(1)


def test_rules_that_are_not_chosen_say_nothing(rivals: World) -> None:
    done = rivals.scheduled(ignore="RM401")
    assert not rivals.comments(1)
    assert "| #1 | nothing | there is nothing to say |" in done.summary


def test_comments_can_be_switched_off(rivals: World) -> None:
    done = rivals.scheduled(comment="false")
    assert not rivals.asked()
    assert "Open pull requests" not in done.summary


def test_the_folder_that_is_checked_is_the_one_that_is_looked_at(world: World) -> None:
    world.open("discount", project.DISCOUNT)
    world.hub.state.push("main", {"blog/manage.py": "", "blog/README": ""})
    done = world.push(project.STOCK, path="blog")
    assert not world.comments(1)
    assert "1 pull request. None changes migrations." in done.summary


# What may go wrong meanwhile


def test_a_pull_request_that_moves_meanwhile_is_left_alone(rivals: World) -> None:
    def moved() -> None:
        rivals.hub.state.push("discount", README, by="ada")

    rivals.hub.faults.when(moved, "GET", "*/issues/1/comments")
    done = rivals.scheduled()
    assert not rivals.comments(1)
    assert "RM401" in rivals.comment(2)
    assert "a later run tells about it" in done.summary


def test_a_pull_request_that_is_closed_meanwhile_is_left_alone(rivals: World) -> None:
    rivals.hub.faults.when(lambda: rivals.hub.state.close(1), "GET", "*/issues/1/comments")
    done = rivals.scheduled()
    assert not rivals.comments(1)
    assert "RM401" in rivals.comment(2)
    assert "the pull request is closed" in done.summary


def test_a_head_that_is_gone_does_not_stop_the_others(rivals: World) -> None:
    third = rivals.open("colour", {"shop/migrations/0003_colour.py": project.DISCOUNT[DISCOUNT]})

    def gone() -> None:
        rivals.hub.state.delete_branch("discount")
        rivals.hub.state.repository.move("refs/pull/1/head", "")
        rivals.hub.state.repository.move("refs/pull/1/merge", "")
        rivals.hub.state.repository.git("gc", "--quiet", "--prune=now")

    rivals.hub.faults.when(gone, "GET", "*/info/refs")
    done = rivals.scheduled()
    assert "| #1 | could not be looked at |" in done.summary
    assert not rivals.comments(1)
    assert f"↳ #{third} |" in rivals.comment(2)


@pytest.mark.parametrize("kind", ["500", "502", "truncated", "closed"])
def test_trouble_with_one_does_not_stop_the_others(rivals: World, kind: Any) -> None:
    rivals.hub.faults.add(kind, "GET", "*/issues/2/comments", times=20)
    done = rivals.scheduled()
    assert done.code == 0
    assert "RM401" in rivals.comment(1)
    assert "| #2 | could not be looked at |" in done.summary
    assert "Run the job again; " in done.summary
    assert "1 comment written and 1 could not be looked at" in done.log


def test_trouble_with_the_list_is_told_and_the_check_counts(rivals: World) -> None:
    rivals.hub.faults.add("500", "GET", "*/pulls", times=20)
    done = rivals.scheduled()
    assert (done.code, "decision" in done.outputs) == (0, True)
    assert "were not looked at again" in done.summary
    assert "were not looked at again" in done.log


@pytest.mark.parametrize("seed", range(15))
def test_faults_never_make_two_comments(rivals: World, seed: int) -> None:
    rivals.hub.faults.at_random(0.15, seed, seconds=0.02)
    assert rivals.scheduled().code == 0
    rivals.hub.faults.stop()
    assert all(len(rivals.comments(number)) <= 1 for number in (1, 2))
    rivals.scheduled()
    assert all("RM401" in rivals.comment(number) for number in (1, 2))


def test_a_branch_that_is_gone_has_no_pull_requests(rivals: World) -> None:
    before = rivals.hub.state.repository.commit_id("main")
    payload = events.push(rivals.hub.shapes, "main", before, before, "ada")
    rivals.hub.faults.when(
        lambda: rivals.hub.state.repository.move("refs/heads/main", ""), "GET", "*/info/refs"
    )
    done = rivals.step("push", payload, before)
    assert "the branch is gone" in done.summary
    assert not rivals.hub.state.comments


def test_time_has_an_end(rivals: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recheck, "_SECONDS", -1.0)
    done = rivals.scheduled()
    assert "| #1 | could not be looked at | there was no time left" in done.summary
    assert not rivals.hub.state.comments
    told = rivals.checked(1).summary
    assert "Collisions with `#2` were not looked for: there was no time left" in told


def test_a_hundred_pull_requests_are_looked_at_and_no_more(rivals: World) -> None:
    state = rivals.hub.state
    for at in range(A_PAGE + 1):
        state.repository.move(
            f"refs/heads/b{at}", state.push("many", {"README": str(at)}, onto="main")
        )
        state.open(f"b{at}", "main", f"b{at}", by="ada")
    done = rivals.scheduled()
    assert "There may be more: these are the 100 that changed last." in done.summary
    assert not state.comments, "those two were opened first"
    done = rivals.checked(1)
    assert "collisions were looked for among the 100 that changed last" in done.summary


# Tokens that may not


@pytest.mark.parametrize(
    ("permissions", "needed"),
    [(READS, "pull-requests: write"), ({"contents": "read"}, "pull-requests: read")],
)
def test_a_missing_permission_is_told_once_and_is_no_failure(
    rivals: World, permissions: Mapping[str, Access], needed: str
) -> None:
    done = rivals.scheduled(permissions=permissions)
    assert done.code == 0
    line = f"Give the job's token the permission `{needed}` (below `permissions:`)."
    assert done.summary.count(line) == 1
    assert done.summary.find("| #1 |") <= done.summary.find("| #2 |")
    assert not rivals.hub.state.comments


def test_a_job_without_a_token_is_told_so(rivals: World) -> None:
    done = rivals.scheduled(token="")
    assert done.code == 0
    assert "there is no token to write with" in done.summary


# Hostile pull requests


def test_a_forks_pull_request_is_read_and_never_run(world: World) -> None:
    fork = world.hub.state.fork("mallory")
    trace = world.folder / "ran"
    evil = {each: f"open({str(trace)!r}, 'w')\n" for each in ("settings.py", "manage.py")}
    migration = project.DISCOUNT[DISCOUNT] + f"open({str(trace)!r}, 'w')\n"
    number = world.open("evil", {**evil, DISCOUNT: migration}, of=fork)
    world.push(project.STOCK, drift="auto")
    assert "RM101" in world.comment(number)
    assert not trace.exists()


def test_names_that_somebody_else_chose_are_never_obeyed(world: World) -> None:
    fork = world.hub.state.fork("mallory")
    branch = "--upload-pack=touch${IFS}pwned;$(touch${IFS}pwned)"
    name = "shop/migrations/0003_`@ada`::error::x<!-- remigrate:report head=.py"
    files = {name: project.DISCOUNT[DISCOUNT]}
    title = "::set-output name=decision::x @everyone <!-- remigrate:report -->"
    number = world.open(branch, files, title, of=fork)
    world.open("discount", project.DISCOUNT)
    done = world.scheduled()
    assert done.code == 0
    told = world.comment(number)
    assert "\n::error" not in told + done.log
    assert "@everyone" not in told + done.log + done.summary
    assert marks.reported(told).head == world.hub.state.pull(number)[1].head
    assert not list(world.folder.rglob("pwned"))


def test_somebody_elses_copy_of_our_comment_is_not_ours(rivals: World) -> None:
    head = rivals.hub.state.repository.commit_id("discount")
    copy = rivals.hub.state.comment(1, marks.report(head, "0" * 32, ["blog"]), by="mallory")
    rivals.scheduled()
    assert rivals.hub.state.said(copy.id).body == copy.body
    assert "RM401" in rivals.comment(1)
    assert "RM301" not in rivals.comment(1)


def test_links_and_broken_files_are_told_and_stop_nothing(rivals: World) -> None:
    broken = rivals.open("broken", {"shop/migrations/0003_broken.py": "<<<<<<< ours\n"})
    rivals.scheduled()
    assert "RM106" in rivals.comment(broken)
    assert "RM401" in rivals.comment(1)


def test_a_history_without_a_beginning_in_common_is_told(rivals: World) -> None:
    git = rivals.hub.state.repository
    tree = git.git("rev-parse", "discount^{tree}")
    who = {
        f"GIT_{role}_{key}": "m" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")
    }
    git.move("refs/heads/discount", git.git("commit-tree", tree, "-m", "Orphan", identity=who))
    done = rivals.scheduled()
    assert "| #1 | could not be looked at | it was not cut from its base" in done.summary
    assert not rivals.comments(1)


def test_nobody_can_make_us_fetch_all_of_a_long_history(
    rivals: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remigrate.clone._DEPTHS", (1, 2))
    for at in range(4):
        rivals.hub.state.push("main", {"README": str(at)})
    done = rivals.scheduled()
    assert "| #1 | could not be looked at | it was not cut from its base" in done.summary


def test_three_thousand_files_hide_nothing(world: World) -> None:
    """GitHub's own list of a pull request's files ends there."""
    many = {f"a/{at:04}.txt": "" for at in range(3_100)}
    number = world.open("many", {**many, **project.DISCOUNT})
    world.push(project.STOCK)
    assert "RM101" in world.comment(number)


# Collisions, in the check of one pull request


def test_a_check_names_the_open_pull_request_that_it_collides_with(rivals: World) -> None:
    done = rivals.checked(1)
    assert (done.code, done.codes()) == (0, ["RM401"])
    [found] = done.report["findings"]
    assert (found["severity"], found["path"]) == ("warning", DISCOUNT)
    assert f"#2 ({rivals.hub.url}/octo/shop/pull/2)" in found["message"]
    assert [each["path"] for each in found["related"]] == [STOCK]
    assert "::warning file=shop/migrations/0003_discount.py" in done.log
    assert "findings<<" in done.outputs
    assert "RM401" in done.summary
    assert "↳ #2 |" in rivals.comment(1)
    assert not rivals.comments(2)


def test_a_warning_fails_the_step_where_it_shall(rivals: World) -> None:
    assert rivals.checked(1, **{"fail-on": "warning"}).code == 1


def test_a_token_that_reads_is_enough_to_find_collisions(rivals: World) -> None:
    done = rivals.checked(1, permissions=READS)
    assert done.codes() == ["RM401"]
    assert not rivals.hub.state.comments


def test_a_fork_is_a_rival_like_any_other(world: World) -> None:
    fork = world.hub.state.fork("mallory")
    world.open("discount", project.DISCOUNT, of=fork)
    ours = world.open("stock", project.STOCK)
    assert world.checked(ours).codes() == ["RM401"]
    assert world.checked(1, permissions=READS).codes() == ["RM401"]


def test_pull_requests_into_another_branch_are_no_rivals(world: World) -> None:
    world.hub.state.push("next", README, onto="main")
    world.open("discount", project.DISCOUNT, onto="next")
    assert world.checked(world.open("stock", project.STOCK)).codes() == []


def test_a_pull_request_without_new_migrations_asks_nobody(rivals: World) -> None:
    number = rivals.open("readme", README)
    rivals.checked(number)
    assert "GET /pulls" not in rivals.asked()


def test_one_that_is_alone_needs_nothing_from_git(world: World) -> None:
    world.checked(world.open("discount", project.DISCOUNT))
    assert "GET /pulls" in world.asked()
    assert not [each for each in world.hub.seen if "git-upload-pack" in each.path]


def test_nothing_is_asked_where_the_rule_is_not_chosen(rivals: World) -> None:
    assert rivals.checked(1, ignore="RM4").codes() == []
    assert "GET /pulls" not in rivals.asked()


def test_one_that_is_built_on_the_other_does_not_collide_with_it(world: World) -> None:
    world.open("stock", project.STOCK)
    number = world.open("colour", {**project.STOCK, **AFTER_STOCK})
    assert world.checked(number).codes() == []
    assert world.checked(1).codes() == []


def test_collisions_that_could_not_be_looked_for_are_told_and_fail_nothing(rivals: World) -> None:
    done = rivals.checked(1, permissions={"contents": "read"})
    assert (done.code, done.codes()) == (0, [])
    assert "Collisions with other open pull requests were not looked for" in done.summary
    line = "Give the job's token the permission `pull-requests: read` (below `permissions:`)."
    assert done.summary.count(line) == 1


def test_a_rival_that_could_not_be_read_is_told(rivals: World) -> None:
    def gone() -> None:
        rivals.hub.state.repository.move("refs/heads/stock", "")
        rivals.hub.state.repository.move("refs/pull/2/head", "")
        rivals.hub.state.repository.move("refs/pull/2/merge", "")
        rivals.hub.state.repository.git("gc", "--quiet", "--prune=now")

    rivals.hub.faults.when(gone, "GET", "*/info/refs")
    done = rivals.checked(1)
    assert done.codes() == []
    assert "Collisions with `#2` were not looked for" in done.summary
