"""The state of one repository on GitHub, and what people and programs do to it.

Branches are those of real git repositories. Whoever moves one with git does what a push does: the
pull requests are told by `refresh`, which the server calls before it answers anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.local_github import repository
from remigrate.local_github.records import BOT, Issue, Pull, Token, User
from remigrate.local_github.refusal import Refusal, invalid
from remigrate.local_github.talk import Talk, fits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from remigrate.local_github.records import Access, Role
    from remigrate.local_github.repository import Repository

_GHOST = User(10137, "ghost")


class State(Talk):
    """Users, tokens, git, issues and pull requests of ``owner/name``."""

    def __init__(self, folder: Path, owner: str, name: str) -> None:
        super().__init__()
        self._folder = folder
        self.is_private = True
        self.lets_workflows_propose = True
        """"Allow GitHub Actions to create and approve pull requests", in the settings."""
        self.users: dict[str, User] = {}
        self.tokens: dict[str, Token] = {}
        self.repository = repository.create(folder, next(self.ids), owner, name)
        self.forks: dict[int, Repository] = {}
        self.join(owner, "admin")
        self.users[BOT] = User(41898282, BOT, "none", "Bot")

    # Who

    def join(self, login: str, role: Role = "none", *, is_bot: bool = False) -> User:
        """Have somebody, with this role; who is there already gets another one."""
        there = self.users.get(login)
        id = there.id if there else next(self.ids)
        self.users[login] = User(id, login, role, "Bot" if is_bot else "User")
        return self.users[login]

    def user(self, login: str) -> User:
        """Somebody; nobody is a ghost."""
        return self.users.get(login, _GHOST)

    def token(self, login: str = BOT, **permissions: Access) -> str:
        """A new token with these permissions of GitHub Actions; without any it reads names only."""
        value = f"ghs_{next(self.ids):036d}"
        self.tokens[value] = Token(value, login, **permissions)
        return value

    def _person(self, login: str) -> repository.Person:
        user = self.user(login)
        address = f"{user.id}+{login}@users.noreply.github.com"
        return repository.Person(login, address, int(self.clock()))

    # Branches

    def fork(self, login: str) -> Repository:
        """Somebody's fork of the repository."""
        if login not in self.users:
            self.join(login)
        made = repository.create(
            self._folder, next(self.ids), login, self.repository.name, self.repository
        )
        self.forks[made.id] = made
        return made

    def delete_fork(self, fork: Repository) -> None:
        """Take a fork away; its pull requests stay."""
        del self.forks[fork.id]
        self.refresh()

    def repositories(self) -> list[Repository]:
        """This one, and its forks."""
        return [self.repository, *self.forks.values()]

    def push(
        self,
        branch: str,
        files: Mapping[str, str | None],
        message: str = "A commit",
        *,
        by: str = "",
        onto: str = "",
        to: Repository | None = None,
    ) -> str:
        """One more commit on a branch, as somebody's push; `onto` starts a new branch."""
        there = to or self.repository
        made = there.commit(branch, files, message, self._person(by or there.owner), onto)
        self.refresh()
        return made

    def delete_branch(self, branch: str, to: Repository | None = None) -> None:
        """Delete a branch. Pull requests from it close."""
        (to or self.repository).move(f"refs/heads/{branch}", "")
        self.refresh()

    # Pull requests

    def ask(self, title: str, body: str = "", *, by: str) -> Issue:
        """A new issue that is no pull request."""
        return self._issue(title, body, by, None)

    def open(
        self,
        branch: str,
        onto: str,
        title: str,
        body: str = "",
        *,
        by: str,
        of: Repository | None = None,
        draft: bool = False,
    ) -> Issue:
        """A new pull request from a branch, also of a fork."""
        if by == BOT and not self.lets_workflows_propose:
            raise Refusal(
                403, "GitHub Actions is not permitted to create or approve pull requests."
            )
        source = of or self.repository
        head, base = source.commit_id(f"refs/heads/{branch}"), self._branch(onto)
        if not head or not base:
            raise invalid("PullRequest", "base" if head else "head")
        pull = Pull(source.id, source.owner, branch, onto, head, base, is_draft=draft)
        self._may_open(pull)
        made = self._issue(title, body, by, pull)
        self._follow(made, pull)
        return self.issues[made.number]

    def _may_open(self, pull: Pull) -> None:
        """Refuse a second pull request for the same, and one of nothing."""
        for issue, there in self.pulls():
            same = (there.label, there.base_branch) == (pull.label, pull.base_branch)
            if same and issue.state == "open":
                said = f"A pull request already exists for {pull.label}."
                raise invalid("PullRequest", code="custom", message=said)
        self._bring(pull, "refs/fetched")
        if pull.head_repository in self.forks:
            self.repository.move("refs/fetched", "")
        if not self.repository.since(pull.base, pull.head):
            said = f"No commits between {pull.base_branch} and {pull.head_branch}"
            raise invalid("PullRequest", code="custom", message=said)

    def _bring(self, pull: Pull, ref: str) -> None:
        """Have the commits of a head in the repository itself."""
        fork = self.forks.get(pull.head_repository or 0)
        if fork is not None:
            self.repository.take(fork, pull.head, ref)

    def _issue(self, title: str, body: str, by: str, pull: Pull | None) -> Issue:
        if not title.strip():
            raise invalid("PullRequest" if pull else "Issue", "title", "missing_field")
        fits(body, "PullRequest" if pull else "Issue")
        number, now = len(self.issues) + 1, self.now()
        made = Issue(number, next(self.ids), by, title, body, now, now, pull=pull)
        self.issues[number] = made
        return made

    def change(
        self,
        number: int,
        *,
        title: str | None = None,
        body: str | None = None,
        state: str | None = None,
        base: str | None = None,
    ) -> Issue:
        """Another title, text or base of a pull request; close it, or open it again."""
        issue, pull = self.pull(number)
        if body is not None:
            fits(body, "PullRequest")
        if state not in (None, "open", "closed"):
            raise invalid("PullRequest", "state")
        if base is not None and not self._branch(base):
            raise invalid("PullRequest", "base")
        if state == "open" and issue.state == "closed":
            self._may_open_again(pull)
        changes: dict[str, Any] = {"title": title, "body": body, "state": state}
        if state is not None and state != issue.state:
            changes["closed_at"] = self.now() if state == "closed" else ""
        if base is not None:
            changes["pull"] = pull._replace(base_branch=base)
        self._put(issue, **{key: value for key, value in changes.items() if value is not None})
        if base is not None or state == "open":
            issue, pull = self.pull(number)
            now = self._branch(pull.base_branch)
            self._follow(issue, pull._replace(head=self._head(pull) or pull.head, base=now))
        return self.issues[number]

    def _may_open_again(self, pull: Pull) -> None:
        if pull.merged_at or not self._head(pull):
            said = "state cannot be changed. The pull request cannot be reopened."
            raise invalid("PullRequest", "state", message=said)

    def close(self, number: int) -> Issue:
        """Close a pull request without merging it."""
        return self.change(number, state="closed")

    def merge(self, number: int, *, by: str) -> str:
        """Merge a pull request as the green button does: a merge commit on its base."""
        self.refresh()
        issue, pull = self.pull(number)
        message = f"Merge pull request #{number} from {pull.label.replace(':', '/')}"
        made = issue.state == "open" and self.repository.merged(
            pull.base, pull.head, f"{message}\n\n{issue.title}", self._person(by)
        )
        if not made:
            raise Refusal(405, "Pull Request is not mergeable")
        self.repository.move(f"refs/heads/{pull.base_branch}", made)
        self._merged(issue, pull, made, by)
        self.refresh()
        return made

    def _merged(self, issue: Issue, pull: Pull, commit: str, by: str) -> None:
        now = self.now()
        merged = pull._replace(merged_at=now, merged_by=by, merge_commit=commit)
        self._put(issue, state="closed", closed_at=now, pull=merged)

    # What a push means to the pull requests

    def refresh(self) -> None:
        """Let the pull requests see the branches as they are now."""
        branches = {each.id: each.refs() for each in self.repositories()}
        for issue, pull in self.pulls():
            if pull.head_repository and pull.head_repository not in branches:
                pull = pull._replace(head_repository=None)  # a deleted fork
                self._put(issue, pull=pull)
            if issue.state == "open":
                there = branches.get(pull.head_repository or 0, {})
                head = there.get(f"refs/heads/{pull.head_branch}", "")
                base = branches[self.repository.id].get(f"refs/heads/{pull.base_branch}", "")
                self._see(self.issues[issue.number], pull, head, base)

    def _see(self, issue: Issue, pull: Pull, head: str, base: str) -> None:
        if not base or (not head and pull.head_repository):
            self._put(issue, state="closed", closed_at=self.now())
            return
        now = pull._replace(head=head or pull.head, base=base)
        if now == pull:
            return
        self._follow(issue, now)
        if base != pull.base and self.repository.is_ancestor(now.head, base):
            self._merged(*self.pull(issue.number), base, self.repository.owner)

    def _head(self, pull: Pull) -> str:
        for each in self.repositories():
            if each.id == pull.head_repository:
                return each.commit_id(f"refs/heads/{pull.head_branch}")
        return ""

    def _branch(self, name: str) -> str:
        return self.repository.commit_id(f"refs/heads/{name}") if name else ""

    def _follow(self, issue: Issue, pull: Pull) -> None:
        """Have the refs of a pull request name its head and the test merge of it."""
        ref = f"refs/pull/{issue.number}"
        self._bring(pull, f"{ref}/head")
        self.repository.move(f"{ref}/head", pull.head)
        message = f"Merge {pull.head} into {pull.base}"
        test = self.repository.merged(pull.base, pull.head, message, self._person(issue.author))
        if test:  # after a conflict the old one stays, as on GitHub
            self.repository.move(f"{ref}/merge", test)
        self._put(issue, pull=pull._replace(test_merge=test))
