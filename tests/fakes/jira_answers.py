"""What Jira says of its issues, Cloud's way or Data Center's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from tests.fakes.jira_world import (
    EPIC_LINK,
    FLAGGED,
    LEVELS,
    STATUSES,
    TEAM,
    Change,
    Comment,
    Entry,
    Issue,
    JiraWorld,
    Json,
    Person,
)

COMMENT_TEXT = "The text of a comment, which belongs to nobody else."
_CATEGORY = {"new": (2, "To Do"), "indeterminate": (4, "In Progress"), "done": (3, "Done")}


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of one Jira, whose address is `url`."""

    world: JiraWorld
    url: str
    cloud: bool

    @property
    def api(self) -> str:
        """The address of the API."""
        return f"{self.url}/rest/api/{3 if self.cloud else 2}"

    def issue(self, issue: Issue, fields: Sequence[str] = ()) -> Json:
        """An issue with the fields that are asked for, or with all."""
        known = self._fields(issue)
        chosen = {name: known[name] for name in known if not fields or name in fields}
        address = f"{self.api}/issue/{issue.number}"
        return {"id": str(issue.number), "self": address, "key": issue.key, "fields": chosen}

    def _fields(self, issue: Issue) -> Json:
        fields: Json = {
            "summary": issue.summary,
            "issuetype": self._type(issue.type),
            "status": self.status(issue.status),
            "project": self._project(issue.project),
            "resolution": self._resolution(issue.resolution),
            "resolutiondate": time_text(issue.resolved_at),
            "created": time_text(issue.created),
            "labels": list(issue.labels),
            "assignee": self.person(issue.assignee) if issue.assignee else None,
            "reporter": self.person(issue.reporter),
            "description": None,
            FLAGGED: [{"id": "10019", "value": "Impediment"}] if issue.flagged else None,
            "issuelinks": [self._link(issue, blocker) for blocker in issue.blockers],
            "components": [
                {"id": str(number), "name": name, "self": f"{self.api}/component/{number}"}
                for number, name in enumerate(issue.components, 10100)
            ],
            "priority": {"id": "3", "name": issue.priority, "self": f"{self.api}/priority/3"},
            TEAM: self._team(issue.team) if issue.team else None,
        }
        if self.cloud:
            fields["statuscategorychangedate"] = time_text(
                issue.category_changed_at or issue.created
            )
        return {**fields, **self._above(issue)}

    def _team(self, name: str) -> Json | str:
        """A team as Cloud returns it; Data Center returns its number alone."""
        team_id = "36885b3c-1bf0-4f85-a357-c5b858c31de4"
        return {"id": team_id, "name": name, "title": name} if self.cloud else "7"

    def _link(self, issue: Issue, blocker: Issue) -> Json:
        link_type = {
            "id": "10000",
            "name": "Blocks",
            "inward": "is blocked by",
            "outward": "blocks",
            "self": f"{self.api}/issueLinkType/10000",
        }
        link_id = f"{issue.number}{blocker.number}"
        other = {
            "id": str(blocker.number),
            "key": blocker.key,
            "self": f"{self.api}/issue/{blocker.number}",
            "fields": {"summary": blocker.summary, "status": self.status(blocker.status)},
        }
        address = f"{self.api}/issueLink/{link_id}"
        return {"id": link_id, "self": address, "type": link_type, "inwardIssue": other}

    def _above(self, issue: Issue) -> Json:
        """Nothing where there is no parent; on Data Center epics stand in a field of their own."""
        if not self.cloud and issue.type != "Sub-task":
            return {EPIC_LINK: issue.parent}
        above = self.world.any_issue(issue.parent) if issue.parent else None
        if above is None:
            return {}
        stub = {
            "summary": above.summary,
            "status": self.status(above.status),
            "issuetype": self._type(above.type),
        }
        address = f"{self.api}/issue/{above.number}"
        parent = {"id": str(above.number), "key": above.key, "self": address, "fields": stub}
        return {"parent": parent}

    def status(self, name: str) -> Json:
        """A status with its category."""
        status_id, key = STATUSES[name]
        number, category = _CATEGORY[key]
        return {
            "self": f"{self.api}/status/{status_id}",
            "description": "",
            "iconUrl": f"{self.url}/images/icons/statuses/generic.png",
            "name": name,
            "id": status_id,
            "statusCategory": {
                "self": f"{self.api}/statuscategory/{number}",
                "id": number,
                "key": key,
                "colorName": "blue-gray",
                "name": category,
            },
        }

    def statuses(self) -> list[Json]:
        """All statuses of the site."""
        return [self.status(name) for name in STATUSES]

    def fields(self) -> list[Json]:
        """Some of the site's fields, the two that need finding among them."""
        summary = {
            "id": "summary",
            "name": "Summary",
            "custom": False,
            "schema": {"type": "string", "system": "summary"},
        }
        greenhopper = "com.pyxis.greenhopper.jira"
        boxes = "com.atlassian.jira.plugin.system.customfieldtypes:multicheckboxes"
        return [
            summary,
            _custom(EPIC_LINK, "Epic Link", "any", f"{greenhopper}:gh-epic-link"),
            _custom("customfield_10009", "Epic Name", "string", f"{greenhopper}:gh-epic-label"),
            self._flag(boxes),
            _custom(TEAM, "Team", "team", "com.atlassian.teams:rm-teams-custom-field-team"),
        ]

    def _flag(self, custom: str) -> Json:
        shown = self.world.translations.get("Flagged", "Flagged")
        flag = _custom(FLAGGED, shown, "array", custom)
        return {**flag, "untranslatedName": "Flagged"} if self.cloud else flag

    def entry(self, entry: Entry) -> Json:
        """One entry of a changelog."""
        return {
            "id": str(entry.id),
            "author": self.person(entry.by),
            "created": time_text(entry.at),
            "items": [self._change(change) for change in entry.changes],
        }

    def comment(self, comment: Comment) -> Json:
        """One comment."""
        body: object = COMMENT_TEXT
        if self.cloud:
            text = {"type": "text", "text": COMMENT_TEXT}
            paragraph = {"type": "paragraph", "content": [text]}
            body = {"type": "doc", "version": 1, "content": [paragraph]}
        return {
            "id": str(comment.id),
            "author": self.person(comment.by),
            "body": body,
            "created": time_text(comment.at),
            "updated": time_text(comment.at),
        }

    def server(self) -> Json:
        """What the site says of itself."""
        told: Json = {
            "baseUrl": self.url if self.cloud else "http://jira.internal:8080",
            "version": "1001.0.0-SNAPSHOT" if self.cloud else "9.12.0",
            "deploymentType": "Cloud" if self.cloud else "Server",
            "buildNumber": 100300,
            "serverTitle": "Jira",
        }
        return told

    def person(self, person: Person) -> Json:
        """Somebody, with the e-mail address that nobody may pass on."""
        told: Json = {
            "self": f"{self.api}/user?name={person.name}",
            "emailAddress": f"{person.name}@example.com",
            "displayName": person.display,
            "active": True,
            "timeZone": "Europe/Berlin",
        }
        if self.cloud:
            told["accountId"] = person.account
            told["accountType"] = "app" if person.app else "atlassian"
            return told
        return {**told, "name": person.name, "key": person.key}

    def _change(self, change: Change) -> Json:
        told: Json = {
            "field": change.field,
            "fieldtype": "custom" if change.custom else "jira",
            "from": self._id(change, change.before[0]),
            "fromString": change.before[1],
            "to": self._id(change, change.after[0]),
            "toString": change.after[1],
        }
        if self.cloud:
            told["fieldId"] = FLAGGED if change.custom else change.field.lower()
            # Cloud leaves out what is null.
            return {name: value for name, value in told.items() if value is not None}
        return told

    def _id(self, change: Change, value: str | None) -> str | None:
        if change.field == "assignee" and value and self.cloud:
            return Person(value.removeprefix("JIRAUSER-"), "").account
        return value

    def _type(self, name: str) -> Json:
        number = str(10000 + list(LEVELS).index(name))
        told: Json = {
            "self": f"{self.api}/issuetype/{number}",
            "id": number,
            "description": "",
            "iconUrl": f"{self.url}/images/icons/issuetypes/{number}.svg",
            "name": name,
            "subtask": name == "Sub-task",
        }
        return {**told, "hierarchyLevel": LEVELS[name]} if self.cloud else told

    def _project(self, key: str) -> Json:
        told = {"self": f"{self.api}/project/10000", "id": "10000", "key": key, "name": key}
        return {**told, "projectTypeKey": "software"}

    def _resolution(self, name: str | None) -> Json | None:
        if name is None:
            return None
        return {
            "self": f"{self.api}/resolution/10000",
            "id": "10000",
            "description": "",
            "name": name,
        }


def page(items: Iterable[Json], key: str, start: int, size: int, *, last: bool = False) -> Json:
    """One page of a list that is paged by position; `last`: it tells whether it is the last."""
    every = list(items)
    part = every[start : start + size]
    told: Json = {"startAt": start, "maxResults": size, "total": len(every), key: part}
    return {**told, "isLast": start + len(part) >= len(every)} if last else told


def time_text(time: datetime | None) -> str | None:
    """A time as Jira writes it: with milliseconds, and no colon in its offset."""
    if time is None:
        return None
    utc = time.astimezone(timezone.utc)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}+0000"


def _custom(field_id: str, name: str, kind: str, custom: str) -> Json:
    number = int(field_id.removeprefix("customfield_"))
    schema = {"type": kind, "custom": custom, "customId": number}
    return {"id": field_id, "name": name, "custom": True, "schema": schema}
