"""The dashboard Pull requests: phases, waits, throughput, and what is open."""

from __future__ import annotations

from tools.dashboards import panels
from tools.dashboards.panels import (
    GREEN,
    HOURS_AND_DAYS,
    INTERVAL,
    NUMBER,
    RANGE,
    RED,
    YELLOW,
    Column,
    Sheet,
    Target,
)
from tools.dashboards.promql import Part, Query
from tools.dashboards.shared import (
    REPOSITORY,
    at_least_zero,
    metric_variables,
    sweep_variable,
    values_of,
)

OPEN = Query((REPOSITORY,))
CHANGES = Query((REPOSITORY, ("flow.change.author.kind=~", "$author|")))
MERGED = CHANGES.only({"vcs.change.state": "merged"})
BY_REPOSITORY = ("github.repository",)
DAY = 86_400
WAIT_STEPS = ((None, GREEN), (DAY, YELLOW), (3 * DAY, RED))


def sheet() -> Sheet:
    """Return the dashboard."""
    made = Sheet(
        uid="flow-pull-requests",
        title="Pull requests",
        description="Phases, waits, age and throughput of pull requests.",
        variables=metric_variables(
            panels.labels(
                "author",
                "Author",
                values_of("flow_change_count", "flow_change_author_kind"),
                "Kind of the author: human, bot or agent.",
                every=".*",
            ),
            sweep_variable(),
        ),
        tags=("pull-requests",),
    )
    _now(made)
    _throughput(made)
    _phases(made)
    _waits(made)
    _open(made)
    return made


def _now(made: Sheet) -> None:
    made.row("Now")
    awaiting = OPEN.only({"flow.phase": "awaiting-review"})
    ready = OPEN.only({"vcs.change.state": "open"})
    merge = "flow.change.time_to_merge"
    for panel in (
        panels.number(
            "Open",
            "Open pull requests without drafts, as the last sweep found them. More than two or "
            "three for each developer means that reviews do not keep up.",
            Target(ready.state("vcs.change.count", "$sweep")),
            unit=NUMBER,
        ),
        panels.number(
            "Wait for a review",
            "Open pull requests that nobody has reviewed yet. Take one before you open the next.",
            Target(awaiting.state("flow.change.phase.load", "$sweep")),
            unit=NUMBER,
        ),
        panels.number(
            "Longest wait for a review",
            "The open pull request that has waited longest. After three days its author has "
            "forgotten half of it: review it today.",
            Target(awaiting.state("flow.change.phase.age", "$sweep", aggregate="max")),
            unit=HOURS_AND_DAYS,
            steps=WAIT_STEPS,
        ),
        panels.number(
            "Merged",
            "Pull requests that were merged in the time range. Compare it with the open ones.",
            Target(MERGED.total("flow.change.count", RANGE)),
            unit=NUMBER,
        ),
        panels.number(
            "Closed without merge",
            "Work that was thrown away. Many of them: discuss earlier, in smaller pieces.",
            Target(
                at_least_zero(
                    CHANGES.only({"vcs.change.state": "closed"}).total("flow.change.count", RANGE)
                )
            ),
            unit=NUMBER,
        ),
        panels.number(
            "Mean time to merge",
            "From opening to merge. The phases below show which part to shorten.",
            Target(MERGED.mean(merge, RANGE)),
            unit=HOURS_AND_DAYS,
            steps=((None, GREEN), (2 * DAY, YELLOW), (7 * DAY, RED)),
        ),
    ):
        made.add(panel, width=4, height=4)


def _throughput(made: Sheet) -> None:
    made.row("How many get through, and how fast?")
    made.add(
        panels.bars(
            "Merged pull requests by repository",
            "A repository that falls silent is done, or stuck: compare it with its open ones.",
            Target(
                MERGED.total("flow.change.count", INTERVAL, BY_REPOSITORY), "{{github_repository}}"
            ),
            unit=NUMBER,
        ),
        width=12,
    )
    name = "flow.change.time_to_merge"
    made.add(
        panels.lines(
            "Time to merge",
            "Half and nine tenths of the merged pull requests took less; of seven days at each "
            "point. The distance between both is how unpredictable a merge is. Gauges have only "
            "the mean.",
            Target(MERGED.quantile(0.5, name, "7d"), "p50"),
            Target(MERGED.quantile(0.9, name, "7d"), "p90"),
            Target(MERGED.mean(name, "7d"), "mean"),
            unit=HOURS_AND_DAYS,
        ),
        width=12,
    )


def _phases(made: Sheet) -> None:
    made.row("Where does the time of a pull request go?")
    phases = CHANGES.total("flow.change.phase.duration", RANGE, ("flow.phase",), Part.SUM)
    count = CHANGES.total("flow.change.count", RANGE)
    made.add(
        panels.ranking(
            "Mean time in each phase",
            "Time in a phase, divided by all closed pull requests. The longest bar is the one to "
            "work on; it is usually a wait.",
            Target(f"{phases} / on () group_left () {count}", "{{flow_phase}}"),
            unit=HOURS_AND_DAYS,
        ),
        width=8,
    )
    made.add(
        panels.bars(
            "Time in each phase by week",
            "Sums of all pull requests that were closed in the week: whether waits become shorter.",
            Target(
                CHANGES.total("flow.change.phase.duration", INTERVAL, ("flow.phase",), Part.SUM),
                "{{flow_phase}}",
            ),
            unit=HOURS_AND_DAYS,
            smallest="7d",
        ),
        width=8,
    )
    made.add(
        panels.shares(
            "States of pull requests",
            "Each second between opening and closing belongs to one state, so that waiting for "
            "people and waiting for machines are apart (docs/guides/work-items.md).",
            Target(
                CHANGES.total("flow.change.time", RANGE, ("flow.time.state",)),
                "{{flow_time_state}}",
            ),
            unit=HOURS_AND_DAYS,
        ),
        width=8,
    )


def _waits(made: Sheet) -> None:
    made.row("Which repositories wait?")
    first, approval = "flow.change.time_to_first_review", "flow.change.time_to_approval"
    waiting = CHANGES.only({"flow.phase": "awaiting-review"})
    made.add(
        panels.rows(
            "Waits by repository",
            "One row for each repository. A long wait for the first review is a matter of habits; "
            "many rounds are a matter of size and agreement.",
            {"github_repository": "Repository"},
            Column("Merged", MERGED.total("flow.change.count", RANGE, BY_REPOSITORY), NUMBER),
            Column(
                "To first review",
                CHANGES.mean(first, RANGE, BY_REPOSITORY),
                HOURS_AND_DAYS,
                WAIT_STEPS,
            ),
            Column(
                "Half within", CHANGES.quantile(0.5, first, RANGE, BY_REPOSITORY), HOURS_AND_DAYS
            ),
            Column("To approval", CHANGES.mean(approval, RANGE, BY_REPOSITORY), HOURS_AND_DAYS),
            Column(
                "To merge",
                MERGED.mean("flow.change.time_to_merge", RANGE, BY_REPOSITORY),
                HOURS_AND_DAYS,
            ),
            Column(
                "Longest wait",
                waiting.longest("flow.change.phase.duration", RANGE, BY_REPOSITORY),
                HOURS_AND_DAYS,
            ),
            Column(
                "Review rounds",
                CHANGES.mean("flow.change.review_rounds", RANGE, BY_REPOSITORY),
                NUMBER,
            ),
            Column("Files", CHANGES.mean("flow.change.files", RANGE, BY_REPOSITORY), NUMBER),
            sort="To first review",
        ),
        width=14,
    )
    made.add(
        panels.lines(
            "Time to first review by repository",
            "Mean of seven days at each point. Agree on a day as the aim, and look at it weekly.",
            Target(CHANGES.mean(first, "7d", BY_REPOSITORY), "{{github_repository}}"),
            unit=HOURS_AND_DAYS,
        ),
        width=10,
    )


def _open(made: Sheet) -> None:
    made.row("What is open?")
    made.add(
        panels.lines(
            "Open pull requests by phase",
            "Of the 100 oldest of each repository, at each sweep. A growing `awaiting-review` "
            "means that more is opened than reviewed.",
            Target(
                OPEN.state("flow.change.phase.load", INTERVAL, ("flow.phase",)), "{{flow_phase}}"
            ),
            unit=NUMBER,
        ),
        width=8,
    )
    made.add(
        panels.lines(
            "Age of the oldest open pull request",
            "Without drafts. A line that rises with the days is one forgotten pull request: merge "
            "or close it.",
            Target(
                OPEN.only({"vcs.change.state": "open"}).state(
                    "flow.change.age", INTERVAL, BY_REPOSITORY, "max"
                ),
                "{{github_repository}}",
            ),
            unit=HOURS_AND_DAYS,
        ),
        width=8,
    )
    made.add(
        panels.ranking(
            "Longest time in the present phase",
            "As the last sweep found it, by repository and phase. Begin with the longest bar.",
            Target(
                OPEN.state(
                    "flow.change.phase.age", "$sweep", (*BY_REPOSITORY, "flow.phase"), "max"
                ),
                "{{github_repository}} {{flow_phase}}",
            ),
            unit=HOURS_AND_DAYS,
            steps=WAIT_STEPS,
        ),
        width=8,
    )
