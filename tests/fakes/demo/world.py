"""What the demo's GitHub holds: an epic from its idea to production, over ten days.

Story 110 is done by pull request 123, whose CI fails, whose reviewer asks for changes, and whose
first deployment to production fails. Story 111 is done by one from a fork, through the merge queue.

Pull request and run have the names of docs/reference/identity.md, so ids that are shown are test
vectors.
"""

from __future__ import annotations

from tests.fakes.demo.runs import add_runs
from tests.fakes.world import World, deployment_status, happened, sha_of

REPOSITORY = "acme/shop"
FORK = "mona/shop"
EPIC, VAT_STORY, INVOICE_STORY = 100, 110, 111
VAT_CHANGE, INVOICE_CHANGE = 123, 131
TITLE = "Sell in other countries"

_BASE = sha_of("main before the epic")
_FIRST_COMMIT = sha_of("round the VAT")


def demo_world() -> World:
    """Return the world as it is once all of it is over."""
    world = World(REPOSITORY)
    world.repository(FORK, fork=True, owner_type="User")
    _add_items(world)
    _add_vat_change(world)
    _add_invoice_change(world)
    merges = (_merge(VAT_CHANGE), _merge(INVOICE_CHANGE))
    world.history(_BASE, *merges)
    for environment in ("staging", "production"):
        world.deployment(
            environment,
            sha=_BASE,
            created_at="2025-10-30T13:00:00Z",
            statuses=[deployment_status("success", after=140)],
        )
    add_runs(world, base=_BASE, first_commit=_FIRST_COMMIT)
    return world


def _add_items(world: World) -> None:
    world.issue(
        EPIC,
        TITLE,
        type="Epic",
        author="carol",
        opened_at="2025-11-03T08:12:00Z",
        closed_at="2025-11-13T10:05:00Z",
        timeline=[happened("assigned", at="2025-11-03T09:40:00Z", by="carol", subject="carol")],
    )
    world.issue(
        VAT_STORY,
        "Prices with the VAT of the buyer's country",
        type="Story",
        parent=EPIC,
        author="carol",
        opened_at="2025-11-03T09:10:00Z",
        closed_at="2025-11-06T09:18:42Z",
        timeline=[happened("assigned", at="2025-11-04T08:30:00Z", by="carol", subject="alice")],
    )
    world.issue(
        INVOICE_STORY,
        "Invoices in the buyer's language",
        type="Story",
        parent=EPIC,
        author="carol",
        opened_at="2025-11-03T09:25:00Z",
        closed_at="2025-11-11T14:21:11Z",
        timeline=[happened("assigned", at="2025-11-06T13:00:00Z", by="carol", subject="mona")],
    )


def _add_vat_change(world: World) -> None:
    head = sha_of(f"head of pull request {VAT_CHANGE}")
    world.pull_request(
        VAT_CHANGE,
        branch="round-vat-once",
        title="Round the VAT of a cart once",
        closes=[VAT_STORY],
        opened_at="2025-11-04T15:20:07Z",
        merged_at="2025-11-06T09:18:40Z",
        merged_by="bob",
        merge_commit_sha=_merge(VAT_CHANGE),
        sha=head,
        commits=[_FIRST_COMMIT],
        timeline=[
            happened("committed", at="2025-11-04T15:18:30Z", subject=_FIRST_COMMIT),
            happened("ready_for_review", at="2025-11-04T16:02:10Z"),
            happened("review_requested", at="2025-11-04T16:02:12Z", subject="bob"),
            happened("reviewed", at="2025-11-05T10:41:00Z", by="bob", review="changes_requested"),
            happened("committed", at="2025-11-05T14:05:21Z", subject=head),
            happened("reviewed", at="2025-11-05T16:30:45Z", by="bob", review="approved"),
        ],
    )


def _add_invoice_change(world: World) -> None:
    head = sha_of(f"head of pull request {INVOICE_CHANGE}")
    world.pull_request(
        INVOICE_CHANGE,
        branch="translate-invoice",
        head_repository=FORK,
        author="mona",
        title="Translate the invoice",
        closes=[INVOICE_STORY],
        opened_at="2025-11-07T19:44:03Z",
        merged_at="2025-11-11T14:21:09Z",
        merged_by="alice",
        merge_commit_sha=_merge(INVOICE_CHANGE),
        sha=head,
        additions=214,
        deletions=3,
        changed_files=9,
        timeline=[
            happened("committed", at="2025-11-07T19:40:00Z", by="mona", subject=head),
            happened("reviewed", at="2025-11-10T09:15:30Z", by="bob", review="commented"),
            happened("commented", at="2025-11-10T12:20:00Z", by="mona"),
            happened("reviewed", at="2025-11-11T13:48:00Z", by="alice", review="approved"),
            happened("added_to_merge_queue", at="2025-11-11T14:14:50Z"),
        ],
    )


def _merge(number: int) -> str:
    return sha_of(f"merge of pull request {number}")
