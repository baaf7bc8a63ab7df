"""What the user decides about trackers of work items: which, with what credentials, what counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from flow_telemetry.errors import SettingsError
from flow_telemetry.identity import fold
from flow_telemetry.model import StatusCategory
from flow_telemetry.settings import values
from flow_telemetry.settings.choices import TrackerChoice
from flow_telemetry.settings.inputs import given
from flow_telemetry.settings.jira import JiraSettings

_CATEGORY_WORDS = {
    "to do": StatusCategory.TO_DO,
    "in progress": StatusCategory.IN_PROGRESS,
    "done": StatusCategory.DONE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerSettings:
    """``jira`` is None without `jira-url`; ``jira_projects`` counts without it too.

    ``feature_types`` are in lower case, as are the names in ``status_categories``. ``aliases``
    maps what is called so now to the name whose ids are kept: `owner/name` or a Jira key.
    """

    choice: TrackerChoice
    feature_types: frozenset[str]
    aliases: Mapping[str, str]
    status_project: str
    status_categories: Mapping[str, StatusCategory]
    jira: JiraSettings | None
    jira_projects: frozenset[str]

    @property
    def uses_github(self) -> bool:
        """Whether GitHub's issues count as work items."""
        return self.choice in (TrackerChoice.AUTO, TrackerChoice.GITHUB)

    @property
    def uses_jira(self) -> bool:
        """Whether keys that look like Jira's are taken for such."""
        configured = self.jira is not None or bool(self.jira_projects)
        return self.choice in (TrackerChoice.AUTO, TrackerChoice.JIRA) and configured


def tracker_settings(inputs: Mapping[str, str], authorities: str = "") -> TrackerSettings:
    """Return what the inputs say of trackers; ``authorities`` is as in `JiraSettings`.

    Raises:
        SettingsError: a value cannot be used; the text names the input.
    """
    projects = frozenset(each.upper() for each in values.words(given(inputs, "jira-projects")))
    types = values.words(given(inputs, "feature-types"))
    return TrackerSettings(
        choice=values.choice("tracker", given(inputs, "tracker"), TrackerChoice),
        feature_types=frozenset(each.lower() for each in types),
        aliases=_aliases(inputs),
        status_project=given(inputs, "status-project"),
        status_categories=_categories(inputs),
        jira=_jira(inputs, projects, authorities),
        jira_projects=projects,
    )


def _aliases(inputs: Mapping[str, str]) -> Mapping[str, str]:
    name = "identity-aliases"
    found = {}
    for line in given(inputs, name).splitlines():
        now, equals, before = (part.strip() for part in line.partition("="))
        if not line.strip():
            continue
        if not (equals and now and before) or ("/" in now) != ("/" in before):
            raise SettingsError(
                f"input {name} must have one NEW=OLD a line, such as acme/new=acme/old or "
                f"CORE-9=ACME-57, not {values.shown(line)}"
            )
        found[fold(now) if "/" in now else now.upper()] = before
    return found


def _categories(inputs: Mapping[str, str]) -> Mapping[str, StatusCategory]:
    """Names of statuses and what they mean: GitHub's three, and those given over them."""
    name = "status-categories"
    found = dict(_CATEGORY_WORDS) | {"todo": StatusCategory.TO_DO}
    for status, word in values.pairs(name, given(inputs, name)).items():
        category = _CATEGORY_WORDS.get(word.lower().replace("_", " "))
        if category is None:
            raise SettingsError(
                f"input {name} must map statuses to to do, in progress or done, "
                f"not to {values.shown(word)}"
            )
        found[status.lower()] = category
    return found


def _jira(
    inputs: Mapping[str, str], projects: frozenset[str], authorities: str
) -> JiraSettings | None:
    url = given(inputs, "jira-url").rstrip("/")
    email, token = given(inputs, "jira-email"), given(inputs, "jira-token")
    if not url:
        if email or token:
            raise SettingsError("input jira-url is missing beside jira-email or jira-token")
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(
            "input jira-url is no URL: it must begin with https:// and name a host, such as "
            "https://acme.atlassian.net"
        )
    if any(not "!" <= c <= "~" for c in token):
        raise SettingsError("input jira-token holds a blank or a character that no token has")
    return JiraSettings(
        url=url, email=email, token=token, projects=projects, authorities=authorities
    )
