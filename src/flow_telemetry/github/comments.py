"""The comment of this program on a pull request: found by its marker and author, and written."""

from __future__ import annotations

from dataclasses import dataclass

from flow_telemetry.errors import PayloadError, UnavailableError
from flow_telemetry.github.client import PAGE_SIZE, GitHubClient, WriteRequest
from flow_telemetry.http import payload as read

# Readers do not see it. A comment that quotes another one begins with the quotation.
MARKER = "<!-- flow-telemetry: comment of a pull request -->"
# GitHub lists the oldest comments first, and ours is usually among them.
MOST_PAGES = 10
# The user that a token belongs to. REST answers this only to tokens of people.
_VIEWER = "query Viewer { viewer { login } }"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment and its text."""

    id: int
    body: str


def read_own_login(client: GitHubClient) -> str:
    """Return the login of the token's user, such as `github-actions[bot]`.

    Raises:
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.query`.
    """
    what = "the user of the token"
    login = read.text(read.child(client.query(_VIEWER, what).data, "viewer"), "login")
    if not login:
        raise PayloadError(f"GitHub returned no login for {what}")
    return login


def find_comment(
    client: GitHubClient, repository: str, number: int, *, author: str
) -> Comment | None:
    """Return the first comment of ``author`` that begins with the marker; None without one.

    Anybody can write the marker, so the author is compared as well.

    Raises:
        UnavailableError: there are more comments than are read.
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"the comments on pull request {repository}#{number}"
    pages = client.pages(f"/repos/{repository}/issues/{number}/comments", None, what)
    for count, page in enumerate(pages, start=1):
        for item in page:
            payload = item if isinstance(item, dict) else {}
            comment_id, body = read.number(payload, "id"), read.text(payload, "body") or ""
            by = read.text(read.child(payload, "user"), "login")
            if comment_id and by == author and body.startswith(MARKER):
                return Comment(id=comment_id, body=body)
        if count == MOST_PAGES and len(page) == PAGE_SIZE:
            # A second comment would be written for each export.
            raise UnavailableError(
                f"ours is not among the first {MOST_PAGES * PAGE_SIZE:,} comments on pull request "
                f"{repository}#{number}, and more are not read"
            )
    return None


def write_comment(client: GitHubClient, repository: str, number: int, text: str) -> None:
    """Write the one comment of this program on a pull request, or replace its text.

    The comment is looked up before each try: one whose response was lost may have created it.

    Raises:
        AccessDeniedError: the token may not write it, or the conversation is locked.
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.write`.
    """
    author, body = read_own_login(client), f"{MARKER}\n{text}"

    def choose() -> WriteRequest | None:
        comment = find_comment(client, repository, number, author=author)
        if comment is None:
            path = f"/repos/{repository}/issues/{number}/comments"
            return WriteRequest(method="POST", path=path, body={"body": body})
        # The browser of a person who edited it sends other line ends.
        if comment.body.replace("\r\n", "\n") == body:
            return None
        path = f"/repos/{repository}/issues/comments/{comment.id}"
        return WriteRequest(method="PATCH", path=path, body={"body": body})

    client.write(f"the comment on pull request {repository}#{number}", choose)
