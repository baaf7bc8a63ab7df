"""Every input takes its good values, and names itself where a value cannot be used."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.settings.loading import load

from flow_telemetry.errors import SettingsError
from flow_telemetry.identity import TraceIdentity
from flow_telemetry.settings import (
    Detail,
    EntryPoint,
    Export,
    LogLevel,
    Mode,
    Settings,
    TraceScope,
    load_settings,
    wants_failure,
)

LARGEST = str(2**63 - 1)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("mode", "run", Mode.RUN),
        ("mode", " AUTO ", Mode.AUTO),
        ("repository", "Acme/shop.js", "Acme/shop.js"),
        ("run_id", "17", 17),
        ("run_id", LARGEST, int(LARGEST)),
        ("run_attempt", " 2\n", 2),
        ("export", "rest", Export.REST),
        ("tracing.detail", "Job", Detail.JOB),
        ("tracing.scope", "run", TraceScope.RUN),
        ("tracing.namespace", " acme-prod ", "acme-prod"),
        ("service_name", "ci-{workflow}", "ci-{workflow}"),
        ("resource_attributes", "a.b=1,c = d%2Ce", {"a.b": "1", "c": "d,e"}),
        ("resource_attributes", "a=1\nb=2\n", {"a": "1", "b": "2"}),
        ("resource_attributes", "service.name=x,service.version=1,a=b=c", {"a": "b=c"}),
        (
            "tracing.trace_url",
            "https://b.example.com/{trace_id}",
            "https://b.example.com/{trace_id}",
        ),
        ("summary", "False", False),
        ("fail_on_error", "TRUE", True),
        ("timeout", "90", 90.0),
        ("timeout", "1.5 s", 1.5),
        ("timeout", "15m", 900.0),
        ("timeout", "1H", 3600.0),
        ("timeout", "2d", 172_800.0),
        ("spool_path", "some/folder", Path("some/folder")),
        ("log_level", "warning", LogLevel.WARNING),
    ],
)
def test_a_good_value_is_taken(name: str, text: str, expected: object) -> None:
    """Blanks around it do not count, nor does the case of a word."""
    given_name = {"tracing.scope": "trace_scope"}.get(name, name.rpartition(".")[2])
    assert attrgetter(name)(load(**{given_name: text})) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mode", "sweep!"),
        ("repository", "acme"),
        ("repository", "acme/shop/x"),
        ("repository", "acme/.."),
        ("repository", "acme/sh op"),
        ("repository", "https://github.com/acme/shop"),
        ("run_id", "0"),
        ("run_id", "-1"),
        ("run_id", "1.5"),
        ("run_id", "9" * 20),
        ("run_id", "\u0661\u0667"),
        ("run_id", "latest"),
        ("run_attempt", "0"),
        ("run_attempt", "first"),
        ("export", "jobs"),
        ("detail", "steps"),
        ("trace_scope", "pr"),
        ("feature_key", "no key"),
        ("namespace", "a\nb"),
        ("fail_on_error", "ture"),
        ("timeout", "0"),
        ("timeout", "-5"),
        ("timeout", "soon"),
        ("timeout", "nan"),
        ("timeout", "1e3"),
        ("timeout", "9" * 400),
        ("timeout", "9999999h"),
        ("github_token", "two tokens"),
        ("github_token", "token\u00e9"),
    ],
)
def test_a_bad_value_names_its_input(name: str, text: str) -> None:
    """The error is one short line that begins with the input; a typing error is never false."""
    with pytest.raises(SettingsError) as caught:
        load(**{name: text})
    message = str(caught.value)
    assert message.startswith(f"`{name.replace('_', '-')}` ")
    assert "\n" not in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("resource_attributes", "a"),
        ("resource_attributes", "=b"),
        ("resource_attributes", "\udcff=b"),
        ("summary", "yes"),
        ("summary", "1"),
        ("log_level", "trace"),
        ("jira_url", "https://jira.example.com:port"),
        ("jira_url", "http://[::1"),
        ("jira_url", "https://"),
        ("jira_url", "ftp://jira.example.com"),
        ("jira_url", "https://jira example.com"),
        ("jira_url", "https://jira.example.com\n/x"),
        ("jira_url", "https://jira..example.com"),
        ("jira_url", "https://jira.example.com:0"),
        ("jira_url", "https://" + "\u00e9" * 100 + ".example"),
        ("jira_url", "https://" + "a" * 300 + ".example"),
        ("trace_url", "javascript:alert(1)"),
        ("trace_url", "https://[{trace_id}"),
        ("status_categories", "Review=somewhere"),
        ("measure", "yes"),
        ("logs", "some"),
        ("log_limit", "much"),
    ],
)
def test_a_bad_value_of_an_optional_input_stops_nothing(name: str, text: str) -> None:
    """The export goes on without the feature, as if the input had not been given."""
    settings = load(**{name: text})
    (error,) = settings.errors
    assert error.startswith(f"`{name.replace('_', '-')}` ")
    assert error.isprintable()
    assert len(error) < 400
    expected = load()
    trackers = replace(settings.trackers, has_jira_url=False)
    assert replace(settings, errors=(), trackers=trackers) == expected


def test_a_wrong_address_of_jira_changes_no_parent() -> None:
    """Keys of Jira still count, so that a run keeps its place below its work item."""
    trackers = load(jira_url="https://jira.example.com:port").trackers
    assert trackers.jira is None
    assert trackers.uses_jira


@pytest.mark.parametrize(
    "text",
    [
        "https://user:canary-5f3a9c@jira.example.com:port",
        "https://jira.example.com:port/?key=canary-5f3a9c",
        "canary-5f3a9c",
    ],
)
def test_no_error_quotes_what_may_be_a_secret(text: str) -> None:
    """A password, a query, or a token in the wrong input."""
    (error,) = load(jira_url=text).errors
    assert "canary" not in error


@pytest.mark.parametrize("name", ["GITHUB_API_URL", "GITHUB_SERVER_URL"])
@pytest.mark.parametrize("text", ["https://ghe.example.com:port", "http://[::1", "ghe", "https://"])
def test_an_address_of_github_that_cannot_be_used_is_an_error(name: str, text: str) -> None:
    """Nothing can be exported without GitHub."""
    with pytest.raises(SettingsError, match=f"^`{name}` is not a URL"):
        load({name: text})


@given(
    st.sampled_from(
        ["mode", "repository", "run_id", "export", "detail", "trace_scope", "feature_key"]
    )
    | st.sampled_from(["namespace", "resource_attributes", "summary", "timeout", "log_level"])
    | st.sampled_from(["otlp_endpoint", "otlp_headers", "github_token"])
    | st.sampled_from(["jira_url", "trace_url", "status_categories", "logs", "log_limit"]),
    st.text(st.characters(), max_size=30),
)
def test_any_text_is_a_value_or_one_line_that_names_the_input(name: str, text: str) -> None:
    """No input brings a traceback."""
    message = error_of(name, text)
    assert message is None or message.startswith(f"`{name.replace('_', '-')}`")
    assert message is None or message.isprintable()


def error_of(name: str, text: str) -> str | None:
    """Return the error about an input's value."""
    try:
        settings = load(**{name: text})
    except SettingsError as error:
        return str(error)
    return settings.errors[0] if settings.errors else None


def test_without_inputs_the_defaults_are_those_of_the_table() -> None:
    """An empty input is one that was not given."""
    settings = load(mode="", summary=" ", timeout="", feature_key="")
    assert (settings.mode, settings.export, settings.tracing.detail) == (
        Mode.AUTO,
        Export.RUN,
        Detail.STEP,
    )
    assert (settings.tracing.scope, settings.summary) == (TraceScope.CHANGE, True)
    assert (settings.fail_on_error, settings.log_level) == (False, LogLevel.INFO)
    assert settings == load()


def test_a_feature_key_chooses_the_scope() -> None:
    """The feature is the root where one is named, unless another scope is asked for."""
    assert load(feature_key="ACME-42").tracing.scope is TraceScope.FEATURE
    assert load(feature_key="ACME-42", trace_scope="run").tracing.scope is TraceScope.RUN


def test_the_timeout_is_a_minute_in_a_workflow_and_none_elsewhere() -> None:
    """A build waits no longer than a minute for its telemetry; a person decides alone."""
    assert load().timeout == 60
    assert load({}, EntryPoint.COMMAND_LINE).timeout is None
    assert load({}, EntryPoint.COMMAND_LINE, timeout="5").timeout == 5


def test_the_spool_is_where_the_place_of_use_keeps_files(tmp_path: Path) -> None:
    """A runner's folder for temporary files, else the working folder; an input wins."""
    runner = {"RUNNER_TEMP": str(tmp_path)}
    assert load(runner).spool_path == tmp_path / "flow-telemetry" / "spool"
    assert load(runner, spool_path="kept").spool_path == Path("kept")
    assert load(runner, EntryPoint.COMMAND_LINE).spool_path == Path("flow-telemetry-spool")
    assert load().spool_path == Path("flow-telemetry-spool")


def test_a_service_name_of_the_environment_counts_on_the_command_line_only() -> None:
    """A job may set OTEL_SERVICE_NAME for its own tests."""
    environ = {"OTEL_SERVICE_NAME": "shop"}
    assert load(environ).service_name is None
    assert load(environ, EntryPoint.COMMAND_LINE).service_name == "shop"
    assert load(environ, EntryPoint.COMMAND_LINE, service_name="ci").service_name == "ci"


def test_resource_attributes_of_the_environment_count_where_no_input_is_given() -> None:
    """The standard variable works in place of the input, and is named in errors."""
    environ = {"OTEL_RESOURCE_ATTRIBUTES": "team=a"}
    assert load(environ).resource_attributes == {"team": "a"}
    assert load(environ, resource_attributes="team=b").resource_attributes == {"team": "b"}
    settings = load({"OTEL_RESOURCE_ATTRIBUTES": "team"})
    assert "OTEL_RESOURCE_ATTRIBUTES" in settings.errors[0]
    assert settings.resource_attributes == {}


def test_debug_mode_of_the_runner_tells_more() -> None:
    """`Enable debug logging` of a re-run works; a wrong level is told all the same."""
    assert load({"RUNNER_DEBUG": "1"}, log_level="error").log_level is LogLevel.DEBUG
    settings = load({"RUNNER_DEBUG": "1"}, log_level="loud")
    assert "log-level" in settings.errors[0]
    assert settings.log_level is LogLevel.DEBUG


def test_a_flag_wins_over_the_environment() -> None:
    """An empty flag is none."""
    environ = {"FLOW_TELEMETRY_DETAIL": "job", "FLOW_TELEMETRY_EXPORT": "rest"}
    flags = {"detail": "run", "export": ""}
    settings = load_settings(environ, EntryPoint.COMMAND_LINE, flags)
    assert (settings.tracing.detail, settings.export) == (Detail.RUN, Export.REST)


@pytest.mark.parametrize(
    ("text", "fails"),
    [("true", True), (" True ", True), ("false", False), ("", False), ("x", False)],
)
def test_whether_to_fail_is_known_even_where_nothing_else_is(text: str, fails: bool) -> None:
    """The answer to `fail-on-error` does not depend on other inputs being right."""
    environ = {"FLOW_TELEMETRY_FAIL_ON_ERROR": text, "FLOW_TELEMETRY_MODE": "nonsense"}
    assert wants_failure(environ) is fails


@pytest.mark.parametrize("name", ["GITHUB_API_URL", "GITHUB_SERVER_URL"])
@pytest.mark.parametrize(
    "text", ["github", "ftp://github.com", "http://", "http://[", "http://a:b"]
)
def test_an_address_of_github_that_is_no_url_is_named(name: str, text: str) -> None:
    """A runner never sets one; a shell may."""
    with pytest.raises(SettingsError, match=name):
        load({name: text})


def test_the_token_is_the_inputs_else_the_shells() -> None:
    """GITHUB_TOKEN serves the command line."""
    environ = {"GITHUB_TOKEN": "from-the-shell"}
    assert load(environ).github.token == "from-the-shell"
    assert load(environ, github_token="given").github.token == "given"


def test_what_the_runner_says_is_read_or_missing() -> None:
    """A number that is none counts as missing."""
    settings: Settings = load(
        {
            "GITHUB_RUN_ID": "999",
            "GITHUB_RUN_ATTEMPT": "\u00b2",
            "FLOW_TELEMETRY_CHECK_RUN_ID": "",
            "FLOW_TELEMETRY_STARTED_AT": "9" * 19,
        }
    )
    runner = settings.runner
    assert (runner.run_id, runner.run_attempt) == (999, None)
    assert (runner.check_run_id, runner.step_started_at) == (None, None)


@pytest.mark.parametrize(("text", "known"), [("true", True), ("false", False), ("", None)])
def test_whose_token_it_is_may_be_unknown(text: str, known: bool | None) -> None:
    """The action says so, and the command line cannot."""
    assert load({"FLOW_TELEMETRY_TOKEN_OF_WORKFLOW": text}).runner.token_of_workflow is known
    assert load().runner.token_of_workflow is None


@pytest.mark.parametrize(("text", "percent"), [("", 50), ("1", 1), (" 100 ", 100), ("25%", 25)])
def test_the_share_of_a_limit_is_a_percentage(text: str, percent: int) -> None:
    """Half of it by default."""
    assert load(rate_limit_share=text).sweep.rate_limit_share == percent


@pytest.mark.parametrize("text", ["0", "101", "0.5", "half", "-5"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    """With the name of the setting."""
    with pytest.raises(SettingsError, match=r"rate-limit-share.* must be a number"):
        load(rate_limit_share=text)


def test_a_namespace_reaches_the_ids_trimmed() -> None:
    """`acme-prod` and ` acme-prod ` meet in one trace."""
    namespace = load(namespace=" acme-prod ").tracing.namespace
    trace = TraceIdentity(root="jira/ACME-42", namespace=namespace)
    assert trace.trace_id == "139b0be4f966e9d8f031e8875551cdc7"
