"""What the API tells of each record: the JSON of GitHub's REST API v3."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from remigrate.local_github.records import Comment, Issue, Pull, Reaction, Remark, Review, User
    from remigrate.local_github.repository import Changed, Commit, Person, Repository
    from remigrate.local_github.state import State

Json = dict[str, Any]

_OF_USER = (
    *("followers", "following{/other_user}", "gists{/gist_id}", "starred{/owner}{/repo}"),
    *("subscriptions", "orgs:organizations", "repos", "events{/privacy}", "received_events"),
)
_OF_REPOSITORY = (
    *("{archive_format}{/ref}:archive", "assignees{/user}", "git/blobs{/sha}:blobs"),
    *("branches{/branch}", "collaborators{/collaborator}", "comments{/number}", "commits{/sha}"),
    *("compare/{base}...{head}:compare", "contents/{+path}:contents", "contributors"),
    *("deployments", "downloads", "events", "forks", "git/commits{/sha}:git_commits"),
    *("git/refs{/sha}:git_refs", "git/tags{/sha}:git_tags", "hooks"),
    *("issues/comments{/number}:issue_comment", "issues/events{/number}:issue_events"),
    *("issues{/number}", "keys{/key_id}", "labels{/name}", "languages", "merges"),
    *("milestones{/number}", "notifications{?since,all,participating}", "pulls{/number}"),
    *("releases{/id}", "stargazers", "statuses/{sha}:statuses", "subscribers", "subscription"),
    *("tags", "teams", "git/trees{/sha}:trees"),
)


def _urls(base: str, what: tuple[str, ...]) -> Json:
    """``{"gists_url": base/gists{/gist_id}, …}``; what follows a colon is the name."""
    urls = {}
    for each in what:
        path, _, name = each.rpartition(":") if ":" in each else (each, "", "")
        urls[f"{name or path.partition('{')[0]}_url"] = f"{base}/{path}"
    return urls


class Shapes(NamedTuple):
    """Turns records of a state into what is sent."""

    state: State
    web: str
    """Where the pages would be, as in ``http://127.0.0.1:1234``."""
    api: str

    # Who and where

    def user(self, user: User) -> Json:
        base = f"{self.api}/users/{user.login}"
        return {
            "login": user.login,
            "id": user.id,
            "node_id": f"U_{user.id}",
            "avatar_url": f"{self.web}/avatars/u/{user.id}?v=4",
            "gravatar_id": "",
            "url": base,
            "html_url": f"{self.web}/{user.login}",
            **_urls(base, _OF_USER),
            "type": user.kind,
            "user_view_type": "public",
            "site_admin": False,
        }

    def named(self, login: str) -> Json:
        return self.user(self.state.user(login))

    def permission(self, user: User) -> Json:
        rights = ("pull", "triage", "push", "maintain", "admin")
        roles = ("read", "triage", "write", "maintain", "admin")
        may = roles.index(user.role) + 1 if user.role in roles else 0
        return {
            "permission": user.permission,
            "user": {
                **self.user(user),
                "permissions": {name: at < may for at, name in enumerate(rights)},
                "role_name": user.role,
            },
            "role_name": user.role,
        }

    def url(self, *parts: object) -> str:
        return "/".join([f"{self.api}/repos/{self.state.repository.full_name}", *map(str, parts)])

    def page(self, *parts: object) -> str:
        return "/".join([f"{self.web}/{self.state.repository.full_name}", *map(str, parts)])

    def repository(self, there: Repository) -> Json:
        name = there.full_name
        base, page = f"{self.api}/repos/{name}", f"{self.web}/{name}"
        is_open = [each for each in self.state.issues.values() if each.state == "open"]
        count = 0 if there.is_fork else len(is_open)
        zero = ("size", "stargazers_count", "watchers_count", "forks_count", "forks", "watchers")
        return {
            "id": there.id,
            "node_id": f"R_{there.id}",
            "name": there.name,
            "full_name": name,
            "private": self.state.is_private,
            "visibility": "private" if self.state.is_private else "public",
            "owner": self.named(there.owner),
            "html_url": page,
            "description": None,
            "fork": there.is_fork,
            "url": base,
            **_urls(base, _OF_REPOSITORY),
            **{"clone_url": f"{page}.git", "git_url": f"{page}.git", "ssh_url": f"{page}.git"},
            **{"svn_url": page, "mirror_url": None, "homepage": None, "language": "Python"},
            **dict.fromkeys(zero, 0),
            **{"open_issues_count": count, "open_issues": count},
            **{"default_branch": "main", "license": None, "topics": []},
            **{"has_issues": True, "has_projects": False, "has_wiki": False, "has_pages": False},
            **{"has_downloads": False, "has_discussions": False, "is_template": False},
            **{"archived": False, "disabled": False, "allow_forking": True},
            **{"web_commit_signoff_required": False},
            **dict.fromkeys(("pushed_at", "created_at", "updated_at"), "2026-01-01T00:00:00Z"),
        }

    def full_repository(self, there: Repository) -> Json:
        return {**self.repository(there), "network_count": 0, "subscribers_count": 0}

    # Pull requests

    def pull(self, issue: Issue, pull: Pull) -> Json:
        """As a list has it."""
        url, page = self.url("pulls", issue.number), self.page("pull", issue.number)
        comments = self.url("issues", issue.number, "comments")
        links = {
            "self": url,
            "html": page,
            "issue": self.url("issues", issue.number),
            "comments": comments,
            "review_comments": f"{url}/comments",
            "review_comment": self.url("pulls", "comments{/number}"),
            "commits": f"{url}/commits",
            "statuses": self.url("statuses", pull.head),
        }
        return {
            **self._both(issue, "PR"),
            "url": url,
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "issue_url": links["issue"],
            "merged_at": pull.merged_at or None,
            "merge_commit_sha": pull.merge_commit or pull.test_merge or None,
            **{"requested_reviewers": [], "requested_teams": [], "auto_merge": None},
            "draft": pull.is_draft,
            "commits_url": links["commits"],
            "review_comments_url": links["review_comments"],
            "review_comment_url": links["review_comment"],
            "comments_url": comments,
            "statuses_url": links["statuses"],
            "head": self._end(pull.head_repository, pull.head_owner, pull.head_branch, pull.head),
            "base": self._end(
                self.state.repository.id,
                self.state.repository.owner,
                pull.base_branch,
                pull.base,
            ),
            "_links": {name: {"href": link} for name, link in links.items()},
        }

    def full_pull(self, issue: Issue, pull: Pull) -> Json:
        """As it is told alone."""
        git = self.state.repository
        changes = git.changes(pull.base, pull.head)
        said = [each for each in self.state.comments.values() if each.number == issue.number]
        reviews = [each for each in self.state.reviews.values() if each.number == issue.number]
        is_clean = bool(pull.test_merge)
        return {
            **self.pull(issue, pull),
            "merged": bool(pull.merged_at),
            "mergeable": None if pull.merged_at else is_clean,
            "rebaseable": None if pull.merged_at else is_clean,
            "mergeable_state": "unknown" if pull.merged_at else "clean" if is_clean else "dirty",
            "merged_by": self.named(pull.merged_by) if pull.merged_by else None,
            "comments": len(said),
            "review_comments": sum(len(each.remarks) for each in reviews),
            "maintainer_can_modify": False,
            "commits": len(git.since(pull.base, pull.head)),
            "additions": sum(each.additions for each in changes),
            "deletions": sum(each.deletions for each in changes),
            "changed_files": len(changes),
        }

    def _end(self, id: int | None, owner: str, branch: str, sha: str) -> Json:
        there = next((each for each in self.state.repositories() if each.id == id), None)
        return {
            "label": f"{owner}:{branch}",
            "ref": branch,
            "sha": sha,
            "user": self.named(owner),
            "repo": self.repository(there) if there else None,
        }

    def _both(self, issue: Issue, kind: str) -> Json:
        """What issues and pull requests have in common."""
        return {
            "id": issue.id,
            "node_id": f"{kind}_{issue.id}",
            "number": issue.number,
            "state": issue.state,
            "locked": False,
            "title": issue.title,
            "user": self.named(issue.author),
            "body": issue.body or None,
            "created_at": issue.created_at,
            "updated_at": issue.updated_at,
            "closed_at": issue.closed_at or None,
            **{"assignee": None, "assignees": [], "milestone": None, "active_lock_reason": None},
            "labels": [self.label(name) for name in issue.labels],
            "author_association": self.association(issue.author),
        }

    def issue(self, issue: Issue) -> Json:
        """An issue, or a pull request as one, as events have them."""
        url, page = self.url("issues", issue.number), self.page("issues", issue.number)
        said = [each for each in self.state.comments.values() if each.number == issue.number]
        shown = {
            **self._both(issue, "I"),
            "url": url,
            "repository_url": self.url(),
            **_urls(url, ("labels{/name}", "comments", "events", "timeline")),
            "html_url": page,
            "comments": len(said),
            "reactions": {"url": f"{url}/reactions", "total_count": 0} | dict.fromkeys(_COUNTED, 0),
            **{"performed_via_github_app": None, "state_reason": None},
        }
        if issue.pull is None:
            return shown
        page = self.page("pull", issue.number)
        pull = {
            "url": self.url("pulls", issue.number),
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": issue.pull.merged_at or None,
        }
        return {**shown, "html_url": page, "draft": issue.pull.is_draft, "pull_request": pull}

    def association(self, login: str) -> str:
        """What nobody should trust: somebody's relation to the repository."""
        if login == self.state.repository.owner:
            return "OWNER"
        return "NONE" if self.state.user(login).role == "none" else "COLLABORATOR"

    def label(self, name: str) -> Json:
        id = self.state.labels[name]
        return {
            "id": id,
            "node_id": f"LA_{id}",
            "url": self.url("labels", name),
            "name": name,
            **{"description": None, "color": "ededed", "default": False},
        }

    # What is said

    def comment(self, comment: Comment) -> Json:
        issue = self.state.issue(comment.number)
        page = self.page("pull" if issue.pull else "issues", issue.number)
        url = self.url("issues/comments", comment.id)
        mine = [each for each in self.state.reactions.values() if each.comment == comment.id]
        counts = {name: sum(each.content == name for each in mine) for name in _COUNTED}
        return {
            "url": url,
            "html_url": f"{page}#issuecomment-{comment.id}",
            "issue_url": self.url("issues", issue.number),
            "id": comment.id,
            "node_id": f"IC_{comment.id}",
            "user": self.named(comment.author),
            "created_at": comment.created_at,
            "updated_at": comment.updated_at,
            "author_association": self.association(comment.author),
            "body": comment.body,
            "reactions": {"url": f"{url}/reactions", "total_count": len(mine), **counts},
            "performed_via_github_app": None,
        }

    def reaction(self, reaction: Reaction) -> Json:
        return {
            "id": reaction.id,
            "node_id": f"REA_{reaction.id}",
            "user": self.named(reaction.author),
            "content": reaction.content,
            "created_at": reaction.created_at,
        }

    def review(self, review: Review) -> Json:
        page, url = self.page("pull", review.number), self.url("pulls", review.number)
        html = f"{page}#pullrequestreview-{review.id}"
        states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED"}
        pending = "COMMENTED" if review.event else "PENDING"
        return {
            "id": review.id,
            "node_id": f"PRR_{review.id}",
            "user": self.named(review.author),
            "body": review.body,
            "state": states.get(review.event, pending),
            "html_url": html,
            "pull_request_url": url,
            "author_association": self.association(review.author),
            "_links": {"html": {"href": html}, "pull_request": {"href": url}},
            "submitted_at": review.created_at,
            "commit_id": review.commit,
        }

    def remark(self, review: Review, remark: Remark) -> Json:
        """What a review says about lines; `line` is null once they are not as they were."""
        git, (_, pull) = self.state.repository, self.state.pull(review.number)
        now = git.line_now(review.commit, pull.head, remark.path, remark.line)
        start = remark.start_line if remark.start_line != remark.line else None
        page, url = self.page("pull", review.number), self.url("pulls/comments", remark.id)
        html, pull_url = f"{page}#discussion_r{remark.id}", self.url("pulls", review.number)
        links = {"self": url, "html": html, "pull_request": pull_url}
        return {
            **{"url": url, "html_url": html, "pull_request_url": pull_url},
            "id": remark.id,
            "node_id": f"PRRC_{remark.id}",
            "pull_request_review_id": review.id,
            "diff_hunk": git.patch(pull.base, review.commit, remark.path),
            "path": remark.path,
            **{"commit_id": pull.head if now else review.commit, "subject_type": "line"},
            "original_commit_id": review.commit,
            **{"line": now, "original_line": remark.line, "side": "RIGHT"},
            **{"start_line": start, "original_start_line": start, "start_side": None},
            "user": self.named(review.author),
            "body": remark.body,
            **{"created_at": review.created_at, "updated_at": review.created_at},
            "author_association": self.association(review.author),
            "_links": {name: {"href": link} for name, link in links.items()},
        }

    # Git

    def file(self, file: Changed, commit: str, patch: str) -> Json:
        return {
            "sha": file.sha,
            "filename": file.path,
            "status": file.status,
            "additions": file.additions,
            "deletions": file.deletions,
            "changes": file.additions + file.deletions,
            "blob_url": self.page("blob", commit, file.path),
            "raw_url": self.page("raw", commit, file.path),
            "contents_url": self.url(f"contents/{file.path}?ref={commit}"),
            **({"patch": patch} if patch else {}),
            **({"previous_filename": file.previous} if file.previous else {}),
        }

    def commit(self, commit: Commit) -> Json:
        url = self.url("commits", commit.sha)
        trees, commits = self.url("git/trees"), self.url("git/commits")
        return {
            "sha": commit.sha,
            "node_id": f"C_{commit.sha}",
            "commit": {
                "author": _person(commit.author),
                "committer": _person(commit.committer),
                "message": commit.message,
                "tree": {"sha": commit.tree, "url": f"{trees}/{commit.tree}"},
                "url": f"{commits}/{commit.sha}",
                "comment_count": 0,
            },
            "url": url,
            "html_url": self.page("commit", commit.sha),
            "comments_url": f"{url}/comments",
            "author": self._account(commit.author),
            "committer": self._account(commit.committer),
            "parents": [
                {
                    "sha": parent,
                    "url": self.url("commits", parent),
                    "html_url": self.page("commit", parent),
                }
                for parent in commit.parents
            ],
        }

    def _account(self, person: Person) -> Json | None:
        login = person.email.partition("@")[0].partition("+")[2]
        return self.named(login) if login in self.state.users else None


_COUNTED = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def _person(person: Person) -> Json:
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(person.when))
    return {"name": person.name, "email": person.email, "date": when}
