"""The dashboard DORA: the four keys with the bands of DORA's report of 2024.

The bands: https://dora.dev/research/2024/dora-report/ (Software delivery performance). The report
of 2025 has none. They are the answers of groups of teams, not limits of good and bad: in 2024 the
medium group had fewer failures (10 %) than the high one (20 %).
"""

from __future__ import annotations

from tools.dashboards import panels
from tools.dashboards.panels import (
    GREEN,
    HOURS_AND_DAYS,
    INTERVAL,
    LIGHT_GREEN,
    NUMBER,
    ORANGE,
    PERCENT,
    YELLOW,
    Column,
    Sheet,
    Steps,
    Target,
)
from tools.dashboards.promql import Query
from tools.dashboards.shared import REPOSITORY, at_least_zero, metric_variables, values_of

PRODUCTION = Query(
    (
        REPOSITORY,
        ("flow.deployment.production", "true"),
        ("deployment.environment.name=~", "$environment"),
    )
)
SUCCEEDED = PRODUCTION.only({"deployment.status": "succeeded"})
ENDED = PRODUCTION.only({"deployment.status!=": "cancelled"})
TAKEN_BACK = PRODUCTION.only({"flow.deployment.kind=~": "rollback|revert"})
BY_REPOSITORY = ("github.repository",)
HOUR, DAY, WEEK, MONTH = 3600, 86_400, 7 * 86_400, 30 * 86_400
WINDOWS = {"7 days": ("7d", 7), "30 days": ("30d", 30)}
YEAR = "2024"

# Deployments for each day, and the time that a change or a repair takes.
FREQUENCY: Steps = ((None, ORANGE), (1 / 30, YELLOW), (1 / 7, LIGHT_GREEN), (1, GREEN))
LEAD_TIME: Steps = ((None, GREEN), (DAY, LIGHT_GREEN), (WEEK, YELLOW), (MONTH, ORANGE))
# The medium and the high group overlap.
FAILURES: Steps = ((None, GREEN), (0.05, LIGHT_GREEN), (0.2, YELLOW), (0.4, ORANGE))
# The high and the medium group both need less than a day, the low one a week or more.
RESTORE: Steps = ((None, GREEN), (HOUR, LIGHT_GREEN), (DAY, YELLOW), (WEEK, ORANGE))


def sheet() -> Sheet:
    """Return the dashboard."""
    made = Sheet(
        uid="flow-dora",
        title="DORA",
        description="The four keys of software delivery, with the bands of DORA's report of 2024.",
        variables=metric_variables(
            panels.labels(
                "environment",
                "Environment",
                values_of(
                    "flow_deployment_count",
                    "deployment_environment_name",
                    'flow_deployment_production="true"',
                ),
                "Production environments.",
                every=".*",
            ),
        ),
        period="now-90d",
        tags=("dora",),
    )
    _keys(made)
    _lines(made)
    _places(made)
    return made


def frequency(window: str, days: int, by: tuple[str, ...] = ()) -> str:
    """Return the successful deployments for each day."""
    return f"{SUCCEEDED.total('flow.deployment.count', window, by)} / {days}"


def failure_rate(window: str, by: tuple[str, ...] = ()) -> str:
    """Return the failed and taken back deployments, among those that ended."""
    ended = ENDED.total("flow.deployment.count", window, by)
    failed = PRODUCTION.total("flow.deployment.failures", window, by)
    taken_back = TAKEN_BACK.total("flow.deployment.remediations", window, by)
    return f"(({failed} or 0 * {ended}) + ({taken_back} or 0 * {ended})) / {ended}"


def _keys(made: Sheet) -> None:
    made.row("The four keys, last 30 days")
    lead, restore = "flow.deployment.lead_time", "flow.deployment.restore_time"
    for panel in (
        panels.number(
            "Deployments a day",
            f"Successful deployments to production. Bands of {YEAR}: elite several times a day, "
            "high at least weekly, medium at least monthly. To get there, make changes smaller.",
            Target(frequency("30d", 30), "a day"),
            unit=NUMBER,
            steps=FREQUENCY,
        ),
        panels.number(
            "Lead time for changes",
            "From the first commit of a pull request to the deployment that delivers it. Bands of "
            f"{YEAR}: elite less than a day, high a week, medium a month. The dashboard Pull "
            "requests shows which part of it is waiting.",
            Target(PRODUCTION.quantile(0.5, lead, "30d"), "median"),
            Target(PRODUCTION.mean(lead, "30d"), "mean"),
            unit=HOURS_AND_DAYS,
            steps=LEAD_TIME,
        ),
        panels.number(
            "Change failure rate",
            "Deployments that failed, were rolled back or delivered a revert. Groups of "
            f"{YEAR}: elite 5 %, medium 10 %, high 20 %, low 40 %. Look at the failures in the "
            "table below before you look at the number.",
            Target(failure_rate("30d"), "failed"),
            unit=PERCENT,
            steps=FAILURES,
        ),
        panels.number(
            "Time to restore",
            f"From a failed deployment to the next success in the same place. Bands of {YEAR}: "
            "elite less than an hour, high and medium less than a day. A rehearsed rollback "
            "helps most.",
            Target(PRODUCTION.quantile(0.5, restore, "30d"), "median"),
            Target(PRODUCTION.mean(restore, "30d"), "mean"),
            unit=HOURS_AND_DAYS,
            steps=RESTORE,
        ),
    ):
        made.add(panel, width=6, height=5)


def _lines(made: Sheet) -> None:
    made.row("Do they get better?")
    lead, restore = "flow.deployment.lead_time", "flow.deployment.restore_time"
    note = "The coloured areas are the bands of 2024; compare the line with its own past."

    def windowed(expression: object) -> list[Target]:
        return [
            Target(expression(window, days), name)  # type: ignore[operator]
            for name, (window, days) in WINDOWS.items()
        ]

    for panel in (
        panels.lines(
            "Deployments a day over time",
            f"Successful deployments to production for each day, of 7 and of 30 days. {note}",
            *windowed(frequency),
            unit=NUMBER,
            steps=FREQUENCY,
        ),
        panels.lines(
            "Lead time over time",
            f"Mean of 7 and of 30 days, and the median of 30 days if there are buckets. {note}",
            *windowed(lambda window, _: PRODUCTION.mean(lead, window)),
            Target(PRODUCTION.quantile(0.5, lead, "30d"), "30 days, median"),
            unit=HOURS_AND_DAYS,
            steps=LEAD_TIME,
        ),
        panels.lines(
            "Change failure rate over time",
            f"Of 7 and of 30 days. With few deployments one failure is a peak. {note}",
            *windowed(lambda window, _: failure_rate(window)),
            unit=PERCENT,
            steps=FAILURES,
        ),
        panels.lines(
            "Time to restore over time",
            f"Mean of 7 and of 30 days, and the median of 30 days if there are buckets. {note}",
            *windowed(lambda window, _: PRODUCTION.mean(restore, window)),
            Target(PRODUCTION.quantile(0.5, restore, "30d"), "30 days, median"),
            unit=HOURS_AND_DAYS,
            steps=RESTORE,
        ),
    ):
        made.add(panel, width=12)


def _places(made: Sheet) -> None:
    made.row("Where?")
    lead, restore = "flow.deployment.lead_time", "flow.deployment.restore_time"
    made.add(
        panels.rows(
            "The four keys by repository, last 30 days",
            "One row for each repository. Do not rank teams by it: a library and a web shop have "
            "other needs.",
            {"github_repository": "Repository"},
            Column("Deployments a day", frequency("30d", 30, BY_REPOSITORY), NUMBER, FREQUENCY),
            Column(
                "Lead time", PRODUCTION.mean(lead, "30d", BY_REPOSITORY), HOURS_AND_DAYS, LEAD_TIME
            ),
            Column("Failure rate", failure_rate("30d", BY_REPOSITORY), PERCENT, FAILURES),
            Column(
                "Time to restore",
                PRODUCTION.mean(restore, "30d", BY_REPOSITORY),
                HOURS_AND_DAYS,
                RESTORE,
            ),
            sort="Deployments a day",
        ),
        width=14,
    )
    rework = PRODUCTION.total("flow.deployment.remediations", "30d")
    made.add(
        panels.number(
            "Rework",
            "Repairing deployments of 30 days: rollbacks, reverts and redeployments after a "
            "failure, among the successful ones. DORA's rework rate, the fifth key since 2024.",
            Target(
                f"({at_least_zero(rework)}) / {SUCCEEDED.total('flow.deployment.count', '30d')}",
                "repairs",
            ),
            unit=PERCENT,
        ),
        width=4,
    )
    made.add(
        panels.bars(
            "Deployments by result",
            "Deployments to production for each week. Look at failed ones in the traces of their "
            "pull requests.",
            Target(
                PRODUCTION.total("flow.deployment.count", INTERVAL, ("deployment.status",)),
                "{{deployment_status}}",
            ),
            unit=NUMBER,
            smallest="7d",
        ),
        width=6,
    )
