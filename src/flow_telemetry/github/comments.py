"""The comment of this program on a pull request: found by its marker and author, and written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

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
    """A comment with its text, and the address of its page."""

    id: int
    body: str
    url: str


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


def own_comments(
    client: GitHubClient, repository: str, number: int, *, author: str
) -> Iterator[Comment]:
    """Yield the comments of ``author`` that begin with the marker, the oldest first.

    Anybody can write the marker, so the author is compared as well.

    Raises:
        UnavailableError: there are more comments than are read.
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.get`.
    """
    what = f"the comments on pull request {repository}#{number}"
    pages = client.fresh.pages(f"/repos/{repository}/issues/{number}/comments", None, what)
    for count, page in enumerate(pages, start=1):
        for item in page:
            payload = item if isinstance(item, dict) else {}
            comment_id, body = read.number(payload, "id"), read.text(payload, "body") or ""
            by = read.text(read.child(payload, "user"), "login")
            if comment_id and by == author and body.startswith(MARKER):
                url = read.text(payload, "html_url") or ""
                yield Comment(id=comment_id, body=body, url=url)
        if count == MOST_PAGES and len(page) == PAGE_SIZE:
            # A second comment would be written for each export.
            raise UnavailableError(
                f"ours is not among the first {MOST_PAGES * PAGE_SIZE:,} comments on pull request "
                f"{repository}#{number}, and more are not read"
            )


def write_comment(client: GitHubClient, repository: str, number: int, text: str) -> None:
    """Write the one comment of this program on a pull request, or replace its text.

    The comment is looked up before each try: one whose response was lost may have created it.

    Raises:
        AccessDeniedError: the token may not write it, or the conversation is locked.
        SourceError, DeadlineExceeded, BudgetExceeded: as `GitHubClient.write`.
    """
    author, body = read_own_login(client), f"{MARKER}\n{text}"
    what = f"the comment on pull request {repository}#{number}"
    created = False

    def choose() -> WriteRequest | None:
        nonlocal created
        comment = next(own_comments(client, repository, number, author=author), None)
        if comment is None:
            created = True
            path = f"/repos/{repository}/issues/{number}/comments"
            return WriteRequest(method="POST", path=path, body={"body": body})
        return _update(repository, comment, body)

    client.write(what, choose)
    if not created:
        return
    # The export of another run may have created one at the same time. The older one stays.
    ours = [*own_comments(client, repository, number, author=author)]
    for other in ours[1:]:
        pointer = f"Written at the same time as {ours[0].url}, which is kept up to date."
        client.write(what, partial(_update, repository, other, pointer))
    if ours[1:]:
        client.write(what, choose)


def _update(repository: str, comment: Comment, body: str) -> WriteRequest | None:
    # The browser of a person who edited it sends other line ends.
    if comment.body.replace("\r\n", "\n") == body:
        return None
    path = f"/repos/{repository}/issues/comments/{comment.id}"
    return WriteRequest(method="PATCH", path=path, body={"body": body})
