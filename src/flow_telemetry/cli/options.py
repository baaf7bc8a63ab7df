"""Flags of the commands: which settings have an effect on which command, and what they load."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flow_telemetry.cli.git_remote import read_remote
from flow_telemetry.cli.parser import GENERAL, CommandParser
from flow_telemetry.settings import EntryPoint, Settings, load_settings
from flow_telemetry.settings.inputs import INPUT, INPUTS, Input
from flow_telemetry.settings.shared import read_settings_file

# Names of commands, as they are written.
RUN, CHANGE, ITEM, FEATURE = "export run", "export change", "export item", "export feature"
SWEEP, PLAN, CHECK, REPLAY, DEMO = "sweep", "plan", "check", "replay", "demo"
EXPLAIN_RUN, EXPLAIN_CHANGE = "explain run", "explain change"
EXPLAIN_ITEM, EXPLAIN_DEPLOYMENT = "explain item", "explain deployment"

_EXPORTS = (RUN, CHANGE, ITEM, FEATURE, SWEEP)
_EXPLAIN = (EXPLAIN_RUN, EXPLAIN_CHANGE, EXPLAIN_ITEM, EXPLAIN_DEPLOYMENT)
_READING = (*_EXPORTS, *_EXPLAIN, CHECK)
_SENDING = (*_EXPORTS, CHECK, REPLAY, DEMO)
# Those that send telemetry, which `check` does not.
_SENT = (*_EXPORTS, REPLAY, DEMO)
_RUNS = (RUN, SWEEP)
_ITEMS = (ITEM, FEATURE, SWEEP)
_FROM_GITHUB = (*_READING, PLAN)
_ALL = (*_FROM_GITHUB, REPLAY, DEMO)


@dataclass(frozen=True, slots=True)
class Flag:
    """The flag of a setting: the commands that it has an effect on.

    The short help of a command has the ``common`` flags. ``help`` replaces the setting's
    description, if that is about the action.
    """

    name: str
    commands: tuple[str, ...]
    common: bool = False
    help: str = ""
    metavar: str = ""
    short: str = ""


# Each setting of the command line once, by the section of the help. A setting that is in no section
# has no flag, and a test fails.
SECTIONS: Mapping[str, tuple[Flag, ...]] = {
    "what to read": (
        Flag(
            "repository",
            _READING,
            common=True,
            metavar="OWNER/NAME",
            short="--repo",
            help="Repository. Default: that of the target, else that of the git remote `origin` "
            "of the current folder.",
        ),
        Flag(
            "github-token",
            _FROM_GITHUB,
            common=True,
            help="Token for GitHub, sent to its own host only. Default: GITHUB_TOKEN or GH_TOKEN "
            "for github.com and *.ghe.com, or for the host of GITHUB_SERVER_URL; "
            "GH_ENTERPRISE_TOKEN for the host in GH_HOST. Another host needs --github-url too.",
        ),
        Flag("run-id", (RUN, EXPLAIN_RUN), help="Id of the run; TARGET is the same."),
        Flag("run-attempt", (RUN, EXPLAIN_RUN), help="Attempt of the run. Default: the latest."),
        Flag("number", (CHANGE, EXPLAIN_CHANGE), help="Number of the pull request, like TARGET."),
        Flag(
            "snapshot",
            (FEATURE,),
            common=True,
            help="Send an open feature as of now, with separate ids.",
        ),
        Flag("organization", (SWEEP, PLAN), common=True),
        Flag("sweep-repositories", (SWEEP, PLAN), metavar="PATTERNS"),
        Flag("shards", (PLAN,), common=True),
        Flag("shard", (SWEEP,)),
        Flag(
            "since",
            (SWEEP, PLAN),
            common=True,
            help="Begin of the period: a duration such as 7d, a timestamp, or last, which is the "
            "end of the last sweep in the ledger. Default: last.",
        ),
        Flag(
            "ledger",
            (SWEEP, PLAN),
            common=True,
            metavar="FILE",
            help="File that records what was exported, so that the next sweep exports nothing "
            "twice. Default: none.",
        ),
        Flag("sweep-runs", (SWEEP, PLAN), common=True, help="Export runs too."),
        Flag("sweep-jira", (SWEEP, CHECK)),
        Flag("workflows", _RUNS),
        Flag("branches", _RUNS),
        Flag("repositories", (FEATURE, SWEEP)),
        Flag("max-requests", (FEATURE, SWEEP)),
        Flag("rate-limit-share", (SWEEP,)),
        Flag("export", (RUN,)),
    ),
    "where to send": (
        Flag(
            "otlp-endpoint",
            _SENDING,
            common=True,
            metavar="URL",
            help="Base URL of the OTLP/HTTP endpoint, such as https://otlp.example.com:4318. "
            "Default: OTEL_EXPORTER_OTLP_ENDPOINT.",
        ),
        Flag(
            "otlp-headers",
            _SENDING,
            common=True,
            metavar="K=V,K=V",
            help="Headers for the endpoint: k=v,k=v, or a JSON object. "
            "Default: OTEL_EXPORTER_OTLP_HEADERS.",
        ),
        Flag("backend", _SENDING),
        Flag("signals", _SENDING, metavar="LIST"),
        Flag("spool-path", (*_EXPORTS, DEMO), metavar="FOLDER"),
        Flag("max-span-age", _EXPORTS),
        Flag("on-old-span", _EXPORTS),
        Flag("event-time", _SENT),
        Flag("metric-shape", _SENT),
    ),
    "traces and spans": (
        Flag("detail", (RUN, CHANGE, SWEEP)),
        Flag("trace-scope", (*_EXPORTS, *_EXPLAIN)),
        Flag("feature-trace", _EXPORTS),
        Flag("span-names", _EXPORTS),
        Flag("namespace", (*_EXPORTS, *_EXPLAIN)),
        Flag("identity-aliases", (*_EXPORTS, *_EXPLAIN, PLAN)),
        Flag("phases", (CHANGE, *_RUNS)),
        Flag("ancestors", _RUNS),
        Flag("boilerplate-steps", (CHANGE, FEATURE, *_RUNS)),
        Flag("max-spans", (*_RUNS, FEATURE)),
        Flag("service-name", (CHANGE, FEATURE, *_RUNS)),
        Flag("resource-attributes", (CHANGE, FEATURE, *_RUNS)),
        Flag("trace-url", _EXPORTS),
    ),
    "work items": (
        Flag("feature-key", (RUN, CHANGE, ITEM, SWEEP, *_EXPLAIN)),
        Flag("work-item-key", (RUN, CHANGE, EXPLAIN_RUN, EXPLAIN_CHANGE, EXPLAIN_DEPLOYMENT)),
        Flag("tracker", _READING),
        Flag("feature-types", (*_EXPORTS, *_EXPLAIN)),
        Flag("jira-url", _READING),
        Flag("jira-email", _READING),
        Flag("jira-token", _READING),
        Flag("jira-projects", _READING),
        Flag("status-project", _ITEMS),
        Flag("status-categories", (*_ITEMS, CHECK)),
        Flag("blocked-names", _ITEMS),
        Flag("flow-types", _ITEMS),
    ),
    "deployments": (
        Flag("deployment-environments", (FEATURE, *_RUNS, EXPLAIN_DEPLOYMENT)),
        Flag("production-environments", (FEATURE, *_RUNS)),
        Flag("lead-time-from", (FEATURE, *_RUNS)),
    ),
    "events and metrics": (
        Flag("events", _EXPORTS),
        Flag("compare", _RUNS),
        Flag("metric-attributes", _EXPORTS),
        Flag("prices", (CHANGE, FEATURE, *_RUNS)),
    ),
    "inside of jobs": (
        Flag("logs", _RUNS),
        Flag("log-limit", _RUNS),
        Flag("trace-files", _RUNS),
        Flag("trace-artifacts", _RUNS),
        Flag("fork-artifacts", _RUNS),
    ),
    "privacy": (
        Flag("actors", _EXPORTS),
        Flag("redact", _ALL),
    ),
    GENERAL: (
        Flag(
            "settings",
            _ALL,
            common=True,
            metavar="FILE",
            help="File of settings, a line `name: value` for each, of at most 64 kB. Flags take "
            "precedence.",
        ),
        Flag("timeout", _ALL, help="Seconds for everything, or 90s, 15m, 1h. Default: none."),
        Flag("log-level", _ALL),
    ),
}
FLAGS: Mapping[str, Flag] = {flag.name: flag for flags in SECTIONS.values() for flag in flags}


def settings_of(command: str) -> frozenset[str]:
    """Return the names of the settings that have an effect on a command."""
    return frozenset(flag.name for flag in FLAGS.values() if command in flag.commands)


def commands_with(flag: str) -> tuple[str, ...]:
    """Return the commands that the flag of a setting has an effect on; none if there is no such."""
    names = {name: each for each in FLAGS.values() for name in _names(each)}
    return names[flag].commands if flag in names else ()


def _names(flag: Flag) -> tuple[str, ...]:
    return (*([flag.short] if flag.short else []), f"--{flag.name}")


def add_flags(
    parser: CommandParser,
    commands: Iterable[str],
    *,
    sections: Mapping[str, tuple[Flag, ...]] = SECTIONS,
    inputs: Mapping[str, Input[Any]] = INPUT,
) -> None:
    """Add the flags of the settings that have an effect on one of the commands."""
    chosen = frozenset(commands)
    if not chosen.isdisjoint(_FROM_GITHUB):
        parser.add_flag(
            "what to read",
            "--github-url",
            common=False,
            default="",
            metavar="URL",
            help="Address of GitHub. Default: that of GITHUB_SERVER_URL, else of the target, else "
            "of the git remote, else https://github.com.",
        )
    for section, flags in sections.items():
        for flag in flags:
            if not chosen.isdisjoint(flag.commands):
                # What has no effect on one of the kinds is not common to them.
                common = flag.common and chosen.issubset(flag.commands)
                _add_flag(parser, section, replace(flag, common=common), inputs[flag.name])
    parser.add_full_help()


def _add_flag(parser: CommandParser, section: str, flag: Flag, row: Input[Any]) -> None:
    # argparse formats the help with `%`.
    text = (flag.help or row.explanation).replace("%", "%%")
    if row.switch:
        parser.add_flag(
            section,
            *_names(flag),
            common=flag.common,
            dest=row.name,
            action="store_const",
            const="true",
            default="",
            help=text,
        )
        return
    parser.add_flag(
        section,
        *_names(flag),
        common=flag.common,
        values=row.values,
        dest=row.name,
        default="",
        metavar=flag.metavar or row.name.rpartition("-")[2].upper(),
        help=text,
    )


def load(options: argparse.Namespace, environ: Mapping[str, str], **more: str) -> Settings:
    """Return the settings of the flags and the environment.

    ``more`` are inputs, by their names with underscores.

    Raises:
        SettingsError: a value is unusable, or the file of `--settings` cannot be read.
    """
    flags = dict(_flags(options))
    if flags.get("settings"):
        flags["settings"] = read_settings_file(flags["settings"])
    return load_settings(
        environ,
        EntryPoint.COMMAND_LINE,
        {**flags, **{name.replace("_", "-"): value for name, value in more.items()}},
        github_url=getattr(options, "github_url", ""),
        remote=read_remote() if hasattr(options, "github_url") else None,
    )


def _flags(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    for row in INPUTS:
        text = getattr(options, row.name, "")
        if isinstance(text, str) and text:
            yield row.name, text


def given_flags(options: argparse.Namespace) -> list[str]:
    """Return the names of the settings whose flags are given."""
    return [name for name, _ in _flags(options)]
