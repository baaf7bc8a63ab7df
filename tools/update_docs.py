"""Generated documents: `make docs` rewrites them from the tables in the code.

The folder `reference` is in `docs/`.

    reference/attributes.md    from mapping/attributes.py and mapping/job_attributes.py
    reference/events.md        the tables of events, from mapping/event_types.py
    reference/metrics.md       the tables of metrics, from mapping/instruments.py and its neighbours
    reference/conventions.md   the tables that compare both with OpenTelemetry's conventions
    reference/backends.md      the table of presets, from settings/backends.py
    reference/command-line.md  the reference of commands and flags, from their parsers
    README.md                  the table of common inputs, from settings/inputs.py
    reference/settings.md      the tables of inputs and of other settings, from settings/inputs.py
    action.yml                 its inputs and their variables, from settings/inputs.py
    telemetry.yml              its inputs and its `with:`, from settings/inputs.py
    CONTRIBUTING.md            the map of the code, from the first lines of the modules

The tests fail while a document differs from its tables.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools import conventions
from tools.architecture import code_map

from flow_telemetry.cli.main import build_parser
from flow_telemetry.cli.options import FLAGS, SECTIONS, Flag
from flow_telemetry.cli.parser import CommandParser
from flow_telemetry.mapping import limits
from flow_telemetry.mapping.attributes import ATTRIBUTES, Attribute
from flow_telemetry.mapping.event_attributes import EVENT_ATTRIBUTES
from flow_telemetry.mapping.event_types import (
    COMMON_ATTRIBUTES,
    EVENT_TYPES,
    EventSubject,
    EventType,
)
from flow_telemetry.mapping.instruments import INSTRUMENTS
from flow_telemetry.mapping.job_attributes import (
    COVERAGE_ATTRIBUTES,
    LOG_ATTRIBUTES,
    MACHINE_ATTRIBUTES,
    PROCESS_ATTRIBUTES,
)
from flow_telemetry.mapping.metric_attributes import (
    DELIVERY_ATTRIBUTES,
    EXTRA_ATTRIBUTES,
    METRIC_ATTRIBUTES,
)
from flow_telemetry.mapping.suite_attributes import TEST_ATTRIBUTES
from flow_telemetry.mapping.work_attributes import FLOW_ATTRIBUTES
from flow_telemetry.otlp.series import boundaries
from flow_telemetry.settings.backends import PRESETS, Backend, BackendPreset
from flow_telemetry.settings.inputs import ACTION_INPUTS, INPUTS, Input
from flow_telemetry.telemetry import Durations, Instrument

ROOT = Path(__file__).resolve().parents[1]
README, ACTION, CONTRIBUTING = "README.md", "action.yml", "CONTRIBUTING.md"
ATTRIBUTES_PAGE, COMMANDS_PAGE = "docs/reference/attributes.md", "docs/reference/command-line.md"
EVENTS_PAGE, METRICS_PAGE = "docs/reference/events.md", "docs/reference/metrics.md"
CONVENTIONS_PAGE, BACKENDS_PAGE = "docs/reference/conventions.md", "docs/reference/backends.md"
SETTINGS_PAGE = "docs/reference/settings.md"
WORKFLOW = ".github/workflows/telemetry.yml"

# The attributes of spans and log records.
SPAN_ATTRIBUTES: tuple[Attribute, ...] = (
    *ATTRIBUTES,
    *FLOW_ATTRIBUTES,
    *PROCESS_ATTRIBUTES,
    *MACHINE_ATTRIBUTES,
    *COVERAGE_ATTRIBUTES,
    *TEST_ATTRIBUTES,
    *LOG_ATTRIBUTES,
    *EVENT_ATTRIBUTES,
)
# Where each attribute is sent, those of metrics included.
SENT_ON = conventions.sent_on(
    (*SPAN_ATTRIBUTES, *DELIVERY_ATTRIBUTES), (*METRIC_ATTRIBUTES, *EXTRA_ATTRIBUTES)
)

# Settings that are not inputs of the action.
OTHER_SETTINGS = tuple(row for row in INPUTS if row not in ACTION_INPUTS)
# What most users set, in the README.
COMMON_INPUTS = tuple(
    row
    for row in ACTION_INPUTS
    if row.name
    in {
        *("otlp-endpoint", "otlp-headers", "backend", "settings", "export", "trace-scope"),
        *("reports", "jira-token", "page", "comment", "fail-on-error"),
    }
)
# Inputs of the action that a caller of the workflow cannot set.
NOT_IN_WORKFLOW = frozenset(
    {
        # They are about one thing, which the event chooses.
        *("target", "feature-key"),
        # They are for a step inside the run that is exported.
        *("export", "needs", "measure", "inject-endpoint", "reports", "trace-files"),
        # The workflow sets them, or its time limit depends on their defaults.
        *("fail-on-error", "timeout"),
        # They need a step that uploads the file, and a permission to write.
        *("page", "comment"),
        # They are secrets.
        *("otlp-headers", "github-token", "jira-token"),
    }
)
# The workflow passes them in lines of its own: one may be a secret, and it adds to the other.
_PASSED_OTHERWISE = ("otlp-endpoint", "settings")
# A caller usually sweeps by a schedule.
WORKFLOW_DEFAULTS = {"since": "last"}

# The first word of the column `on` of an attribute, and the title of its group.
GROUPS = {
    "resource": "Resource",
    "all": "All spans",
    "run": "Runs",
    "job": "Jobs",
    "step": "Steps",
    "spans": "Spans within jobs",
    "change": "Pull requests",
    "phase": "Phases",
    "work": "Work items",
    "status": "Statuses",
    "the": "Features in their feature trace",
    "deployment": "Deployments",
    "command": "Measured commands",
    "measured": "Measured jobs and steps",
    "test": "Tests",
    "event": "Events of spans",
    "records": "Records of events",
    "record": "Records of closings",
    "lines": "Lines of logs",
    "links": "Links",
    "relayed": "Relayed data of tools",
}
_EVENT_GROUPS = {
    EventSubject.CHANGE: "Pull requests",
    EventSubject.WORK_ITEM: "Work items",
    EventSubject.FEATURE: "Features",
    EventSubject.DEPLOYMENT: "Deployments",
    EventSubject.RUN: "Runs",
}
_ACTION_INPUTS = re.compile(r"^inputs:\n.*?(?=^outputs:)", re.MULTILINE | re.DOTALL)
_ACTION_VARIABLES = re.compile(r"(?:^ {8}\w+: \$\{\{ inputs\.[\w-]+ \}\}\n)+", re.MULTILINE)
_WORKFLOW_INPUTS = re.compile(r"^    inputs:\n.*?(?=^    secrets:)", re.MULTILINE | re.DOTALL)
_WORKFLOW_SECRET = re.compile(
    r"^      ([\w-]+):\n        description: >-\n(?: {10}.*\n)+", re.MULTILINE
)
_WORKFLOW_PASSED = re.compile(r"(?:^ {10}[\w-]+: \$\{\{ inputs\.[\w-]+ \}\}\n)+", re.MULTILINE)
_RUNNER_INPUT = """\
      runs-on:
        description: >-
          Runner of the job: a label, or a JSON list of labels such as ["self-hosted", "linux"].
          Default: ubuntu-slim for an event, ubuntu-latest for a sweep.
        type: string
        default: ""
"""
# GITHUB_TOKEN, $RUNNER_TEMP/flow-telemetry, ./folder, a.b={c}, {curly}: shown as code.
_CODE = re.compile(
    r"`[^`]*`|(?<![\w/.`$])(?:\$?[A-Z][A-Z0-9]*(?:_[A-Z0-9*]+)+(?:/[\w-]+)?|\./[\w-]+|\{\w+\})(?!\w)"
)


def main() -> int:
    """Rewrite and name each document that differs from its tables; returns the exit status."""
    for name, text in documents().items():
        path = ROOT / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            sys.stdout.write(f"rewrote {name}\n")
    return 0


def documents() -> dict[str, str]:
    """Return the content of each generated document, by its path below the root."""
    return {
        README: with_inputs((ROOT / README).read_text(encoding="utf-8"), COMMON_INPUTS),
        SETTINGS_PAGE: with_settings(
            with_inputs(
                (ROOT / SETTINGS_PAGE).read_text(encoding="utf-8"), ACTION_INPUTS, SETTINGS_PAGE
            ),
            OTHER_SETTINGS,
        ),
        ACTION: with_action_inputs((ROOT / ACTION).read_text(encoding="utf-8"), ACTION_INPUTS),
        WORKFLOW: with_workflow_inputs(
            (ROOT / WORKFLOW).read_text(encoding="utf-8"), ACTION_INPUTS
        ),
        ATTRIBUTES_PAGE: attributes_page(SPAN_ATTRIBUTES),
        EVENTS_PAGE: with_events((ROOT / EVENTS_PAGE).read_text(encoding="utf-8"), EVENT_TYPES),
        METRICS_PAGE: with_metrics((ROOT / METRICS_PAGE).read_text(encoding="utf-8"), INSTRUMENTS),
        CONVENTIONS_PAGE: with_conventions(
            (ROOT / CONVENTIONS_PAGE).read_text(encoding="utf-8"), SENT_ON, INSTRUMENTS
        ),
        BACKENDS_PAGE: with_presets((ROOT / BACKENDS_PAGE).read_text(encoding="utf-8"), PRESETS),
        COMMANDS_PAGE: with_commands(
            (ROOT / COMMANDS_PAGE).read_text(encoding="utf-8"), build_parser()
        ),
        CONTRIBUTING: with_map((ROOT / CONTRIBUTING).read_text(encoding="utf-8"), code_map()),
    }


def with_inputs(page: str, inputs: Iterable[Input[Any]], name: str = README) -> str:
    """Return a page, by default the README, with a new table of inputs.

    Raises:
        ValueError: the comments that enclose the table are missing.
    """
    return _with_content(name, page, "inputs", _table_of("input", inputs))


def with_settings(page: str, settings: Iterable[Input[Any]]) -> str:
    """Return the page of settings with a new table of those that are not inputs.

    Raises:
        ValueError: the comments that enclose the table are missing.
    """
    return _with_content(SETTINGS_PAGE, page, "settings", _table_of("setting", settings))


def _table_of(kind: str, rows: Iterable[Input[Any]]) -> str:
    return table(
        (kind, "default", "meaning"),
        (
            (f"`{row.name}`", f"`{row.default}`" if row.default else "", row.description)
            for row in rows
        ),
    )


def _with_content(name: str, page: str, mark: str, content: str) -> str:
    """Return the page with other content between its comments `<!-- mark -->` and `<!-- /mark -->`.

    Raises:
        ValueError: one of the comments is missing; the text names the page.
    """
    opening, closing = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, start, rest = page.partition(opening)
    _, end, after = rest.partition(closing)
    if not start or not end:
        raise ValueError(f"{name} has no place for the {mark}: {opening} … {closing}")
    return f"{before}{start}\n{content}{end}{after}"


def with_action_inputs(action: str, inputs: Sequence[Input[Any]]) -> str:
    """Return ``action.yml`` with its inputs, and the variables that carry them, replaced.

    Raises:
        ValueError: the inputs, or the variables of a step for each shell, are not found.
    """
    described = "inputs:\n" + "".join(map(_action_input, inputs)) + "\n"
    carried = "".join(f"        {i.variable}: ${{{{ inputs.{i.name} }}}}\n" for i in inputs)
    made, blocks = _ACTION_INPUTS.subn(lambda _: described, action)
    made, steps = _ACTION_VARIABLES.subn(lambda _: carried, made)
    if (blocks, steps) != (1, 2):
        raise ValueError(f"{ACTION} has no block `inputs:` before `outputs:`, or not two of `env:`")
    return made


def _action_input(row: Input[Any]) -> str:
    default = row.input_default or json.dumps("")
    return f"  {row.name}:\n{_description(row, 4)}    default: {default}\n"


def _description(row: Input[Any], indent: int) -> str:
    """The description as a folded text of YAML."""
    text = textwrap.fill(
        row.explanation,
        width=100,
        initial_indent=" " * (indent + 2),
        subsequent_indent=" " * (indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{' ' * indent}description: >-\n{text}\n"


def with_workflow_inputs(workflow: str, inputs: Sequence[Input[Any]]) -> str:
    """Return ``telemetry.yml`` with its inputs, descriptions of secrets and `with:` replaced.

    Raises:
        ValueError: the inputs, or the lines that pass them to the action, are not found.
    """
    by_name = {row.name: row for row in inputs}
    rows = [row for row in inputs if row.name not in NOT_IN_WORKFLOW]
    described = "    inputs:\n" + "".join(map(_workflow_input, rows)) + _RUNNER_INPUT
    passed = "".join(
        f"          {row.name}: ${{{{ inputs.{row.name} }}}}\n"
        for row in rows
        if row.name not in _PASSED_OTHERWISE
    )
    before, mark, secrets = workflow.partition("\n    secrets:\n")
    secrets = _WORKFLOW_SECRET.sub(
        lambda match: f"      {match[1]}:\n{_description(by_name[match[1]], 8)}", secrets
    )
    made, blocks = _WORKFLOW_INPUTS.subn(lambda _: described, f"{before}{mark}{secrets}")
    made, steps = _WORKFLOW_PASSED.subn(lambda _: passed, made)
    if (blocks, steps) != (1, 1):
        raise ValueError(f"{WORKFLOW} has no block `inputs:` before `secrets:`, or no `with:`")
    return made


def _workflow_input(row: Input[Any]) -> str:
    # A boolean cannot be empty, and would always count more than the same setting in `settings`.
    default = WORKFLOW_DEFAULTS.get(row.name) or json.dumps("")
    return (
        f"      {row.name}:\n{_description(row, 8)}        type: string\n"
        f"        default: {default}\n"
    )


def attributes_page(attributes: Sequence[Attribute]) -> str:
    """Return the reference of attributes, grouped by the entity that has them.

    Raises:
        ValueError: an attribute is on an entity without a group.
    """
    grouped: dict[str, list[Attribute]] = {title: [] for title in GROUPS.values()}
    for attribute in attributes:
        first = re.split(r"[ ,]", attribute.on)[0]
        if first not in GROUPS:
            raise ValueError(f"{attribute.name} is on {attribute.on}: add a group to GROUPS")
        grouped[GROUPS[first]].append(attribute)
    sections = (
        f"## {title}\n\n"
        + table(
            ("attribute", "type", "on", "source", "meaning"),
            ((f"`{a.name}`", a.type, a.on, a.source, a.meaning) for a in rows),
        )
        for title, rows in grouped.items()
        if rows
    )
    return "\n".join([_attributes_introduction(), *sections])


def _attributes_introduction() -> str:
    limits_text = textwrap.fill(
        f"All backends take {limits.MOST_ATTRIBUTES} attributes and {limits.MOST_EVENTS} events a "
        f"span, names of {limits.LONGEST_NAME} characters and values of "
        f"{limits.LONGEST_VALUE_BYTES:,} bytes, so no more is sent: longer text is truncated and "
        f"ends in `…`. A log record has at most {limits.MOST_RECORD_ATTRIBUTES} attributes.",
        100,
    )
    return f"""\
{_made_from("attributes.py and job_attributes.py in src/flow_telemetry/mapping")}

# Attributes

An attribute whose value is unknown is not set. Names come from OpenTelemetry's semantic conventions
if these define one ([comparison](conventions.md)). Other data of GitHub is under `github.*`, and
everything else is under `flow.*`. No name is made from data.

{limits_text}
"""


def _bounds() -> str:
    text = f"""\
A span has at most {limits.MOST_ATTRIBUTES} attributes and {limits.MOST_EVENTS} events, which all
backends accept. Names are truncated to {limits.LONGEST_NAME} characters and values to
{limits.LONGEST_VALUE_BYTES:,} bytes; truncated text ends in `…`."""
    return textwrap.fill(text, 100)


def with_events(page: str, events: Sequence[EventType]) -> str:
    """Return the page on events with new tables.

    Raises:
        ValueError: the comments that enclose the tables are missing.
    """
    every = ", ".join(f"`{name}`" for name in COMMON_ATTRIBUTES)
    sections = "\n".join(
        f"### {_EVENT_GROUPS[subject]}\n\n"
        + table(
            ("event", "what happened", "`events: live` by", "CDEvents", "attributes of its own"),
            (_event_row(event) for event in events if event.subject is subject),
        )
        for subject in EventSubject
    )
    common = textwrap.fill(f"Every record can have {every}.", 100, break_on_hyphens=False)
    return _with_content(EVENTS_PAGE, page, "events", f"{common}\n\n{sections}")


def _event_row(event: EventType) -> tuple[str, ...]:
    own = ", ".join(f"`{name}`" for name in event.attributes)
    # A text with a blank explains why CDEvents has no such event.
    cdevent = event.cdevents
    cdevent = f"`{cdevent}`" if cdevent and " " not in cdevent else cdevent or "-"
    return (f"`{event.name}`", event.meaning, event.live or "-", cdevent, own or "-")


def with_metrics(page: str, instruments: Iterable[Instrument]) -> str:
    """Return the page on metrics with new tables.

    Raises:
        ValueError: the comments that enclose the tables are missing.
    """
    head = ("metric", "instrument", "unit", "attributes", "sent with", "from", "meaning")
    sections = (
        "## All metrics\n\n" + table(head, map(_metric_row, instruments)),
        "## Buckets of the durations\n\n"
        "Upper boundaries of the buckets of the histograms in seconds:\n\n"
        + table(("boundaries", "histograms"), _bucket_rows(INSTRUMENTS)),
        "## Their attributes\n\n" + _meanings(METRIC_ATTRIBUTES.items()),
        "## Attributes that you may add\n\n" + _meanings(EXTRA_ATTRIBUTES.items()),
        "## What the four keys are made of\n\n"
        "The records of a delivery and of a deployment's success ([events](events.md)) have the "
        "values behind the "
        "numbers:"
        "\n\n" + _meanings((each.name, each.meaning) for each in DELIVERY_ATTRIBUTES),
    )
    return _with_content(METRICS_PAGE, page, "metrics", "\n" + "\n".join(sections) + "\n")


def _metric_row(instrument: Instrument) -> tuple[str, ...]:
    name, unit = f"`{instrument.name}`", f"`{instrument.unit}`"
    attributes = ", ".join(f"`{attribute}`" for attribute in instrument.attributes)
    source = "flow-telemetry" if instrument.name.startswith("flow.") else "OpenTelemetry"
    kind = instrument.kind.value
    return (name, kind, unit, attributes, instrument.sent, source, instrument.description)


def _bucket_rows(instruments: Iterable[Instrument]) -> Iterable[tuple[str, str]]:
    for durations in Durations:
        own = [each for each in instruments if each.durations is durations]
        bounds = ", ".join(map(_format_boundary, boundaries(own[0])))
        yield bounds, ", ".join(f"`{each.name}`" for each in own)


def _format_boundary(seconds: float) -> str:
    day = 86_400
    return f"{seconds / day:g} d" if seconds >= day / 4 else f"{seconds:g}"


def _meanings(rows: Iterable[tuple[str, str]]) -> str:
    return table(("attribute", "meaning"), ((f"`{name}`", meaning) for name, meaning in rows))


def with_conventions(
    page: str, sent_on: Mapping[str, str], instruments: Sequence[Instrument]
) -> str:
    """Return the page on the conventions with new tables.

    Raises:
        LookupError: a name is not in the conventions, or a difference has no reason.
        ValueError: the comments that enclose the tables are missing.
    """
    tables = {
        "followed": (
            ("attribute", "in the conventions", "sent on", "how"),
            conventions.followed_rows(sent_on),
        ),
        "values": (
            ("attribute", "well-known values", "of these, we send", "others"),
            conventions.value_rows(sent_on),
        ),
        "not-sent": (
            ("attribute", "in the conventions", "why it is not sent"),
            conventions.not_sent_rows(sent_on),
        ),
        "ours": (("attributes", "nearest", "why"), conventions.our_rows(sent_on)),
        "our-values": (("attribute", "values"), conventions.our_value_rows()),
        "metrics": (
            ("metric", "in the conventions", "defined as", "sent as", "how"),
            conventions.metric_rows(instruments),
        ),
        "metrics-not-sent": (
            ("metric", "in the conventions", "why it is not sent"),
            conventions.metrics_not_sent_rows(instruments),
        ),
        "our-metrics": (("metrics", "nearest", "why"), conventions.our_metric_rows(instruments)),
        "proposal": (
            ("name", "kind", "ours today", "brief"),
            conventions.proposal_rows(conventions.model_groups()),
        ),
    }
    for mark, (head, rows) in tables.items():
        page = _with_content(CONVENTIONS_PAGE, page, mark, table(head, rows))
    text = f"The package that this project uses has release {conventions.release()}."
    return _with_content(CONVENTIONS_PAGE, page, "release", f"{text}\n")


def with_presets(page: str, presets: Mapping[Backend, BackendPreset]) -> str:
    """Return the page on backends with a new table of presets.

    Raises:
        ValueError: the comments that enclose the table are missing.
    """
    rows = (
        (
            f"`{backend.value}`",
            ", ".join(f"`{name}: {value}`" for name, value in preset.settings.items()) or "nothing",
            " or ".join(f"`{name}`" for name in preset.headers) or "-",
            ", ".join(f"`*{host}`" for host in preset.hosts) or "-",
        )
        for backend, preset in presets.items()
    )
    head = ("`backend`", "sets", "header of its endpoint", "hosts by which it is recognized")
    return _with_content(BACKENDS_PAGE, page, "presets", table(head, rows))


def with_map(page: str, code: Iterable[tuple[str, str]]) -> str:
    """Return the page for contributors with a new map of the code.

    Raises:
        ValueError: the comments that enclose the map are missing.
    """
    rows = ((f"`{path}`", purpose) for path, purpose in code)
    return _with_content(CONTRIBUTING, page, "map", table(("path", "purpose"), rows))


def with_commands(
    page: str, parser: CommandParser, sections: Mapping[str, Sequence[Flag]] = SECTIONS
) -> str:
    """Return the page with the reference of all commands: shared flags once, then each command's.

    Raises:
        ValueError: the comments that enclose the reference are missing.
    """
    commands = list(_commands(parser))
    flags = (_shared_flags(title, flags, commands) for title, flags in sections.items())
    reference = [
        f"## Commands\n\n{_command_list(parser)}",
        *(_command(command, text) for command, text in commands),
        "## Shared flags\n\nEach has an effect on the commands in the second column only.\n",
        *flags,
    ]
    return _with_content(COMMANDS_PAGE, page, "commands", "\n" + "\n".join(reference) + "\n")


def _command_list(parser: CommandParser) -> str:
    rows = ((f"`{name}`", text) for name, (text, _) in parser.subcommands.items())
    return table(("command", "what it does"), rows)


def _commands(parser: CommandParser, text: str = "") -> Iterator[tuple[CommandParser, str]]:
    """The commands with their short help, depth first; not the kinds of one for any kind."""
    if not parser.subcommands:
        yield parser, text
    for short, command in parser.subcommands.values():
        if command.any_kind is None:
            yield from _commands(command, short)
        else:
            yield command.any_kind, short


def _kinds(parser: CommandParser) -> Iterator[tuple[str, str]]:
    """The usage of the kinds of a command, each with its meaning."""
    for _, command in build_parser().subcommands.values():
        if command.any_kind is not None and command.any_kind.prog == parser.prog:
            for _, kind in command.subcommands.values():
                target = kind.positionals[0].action.help or ""
                usage = kind.format_usage().removeprefix("usage: ").removesuffix(" [FLAGS]\n")
                yield f"`{usage}`", f"{kind.description} TARGET: {target}."


def _shared_flags(
    title: str, flags: Sequence[Flag], commands: Iterable[tuple[CommandParser, str]]
) -> str:
    """The table of one section: each flag with the commands that it has an effect on."""
    arguments = {
        argument.action.dest: argument
        for command, _ in commands
        for argument in command.listed
        if argument.action.option_strings
    }
    rows = (
        (
            ", ".join(f"`{form}`" for form in arguments[flag.name].forms),
            _described_commands(flag.commands),
            (arguments[flag.name].action.help or "").replace("%%", "%"),
        )
        for flag in flags
    )
    head = ("flag", "commands", "meaning")
    return f"### {title[0].upper()}{title[1:]}\n\n{table(head, rows)}"


def _described_commands(commands: Sequence[str]) -> str:
    """The commands of a flag, with one word for all kinds of one command."""
    every = {
        name: {each for flag in FLAGS.values() for each in flag.commands if each.startswith(name)}
        for name in ("export ", "explain ")
    }
    words: dict[str, None] = {}
    for command in commands:
        word = command.partition(" ")[0]
        kinds = every.get(f"{word} ")
        words[word if kinds and kinds <= set(commands) else command] = None
    return ", ".join(words)


def _command(parser: CommandParser, text: str) -> str:
    rows = [
        (
            ", ".join(f"`{form}`" for form in argument.forms),
            (argument.action.help or "").replace("%%", "%"),
        )
        for argument in parser.listed
        if argument.action.dest not in FLAGS and argument.action.dest != argparse.SUPPRESS
    ]
    usage = parser.format_usage().removeprefix("usage: ")
    own = f"\n{table(('argument', 'meaning'), rows)}" if rows else ""
    kinds = list(_kinds(parser))
    own += f"\n{table(('kind', 'meaning'), kinds)}" if kinds else ""
    example = f"\n```text\n{parser.epilog}```\n" if parser.epilog else ""
    return (
        f"### {parser.prog}\n\n{_prose(parser.description or text)}\n\n"
        f"```text\n{usage}```\n{own}{example}"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = itertools.chain([head, ["---"] * len(head)], (map(_cell, row) for row in rows))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    # argparse's help has %% for %.
    return _prose(text.replace("%%", "%")).replace("|", "\\|").replace("\n", " ")


def _prose(text: str) -> str:
    """The text with names of variables, paths and placeholders as code."""
    return _CODE.sub(lambda match: f"`{match[0].strip('`')}`", text)


def _made_from(source: str) -> str:
    return f"<!-- Made by `make docs` from {source}; edit there. -->"


if __name__ == "__main__":
    sys.exit(main())
