"""Where traces go: the inputs, and OpenTelemetry's standard variables in their place."""

from __future__ import annotations

import pytest
from tests.settings.loading import load, target

from flow_telemetry.errors import SettingsError
from flow_telemetry.telemetry import Signal

BASE = "OTEL_EXPORTER_OTLP_"
OWN = "OTEL_EXPORTER_OTLP_TRACES_"
INPUT = "https://input.example.com"


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://o.example.com", "https://o.example.com/v1/traces"),
        (" https://o.example.com:4318/ ", "https://o.example.com:4318/v1/traces"),
        ("https://o.example.com/otlp", "https://o.example.com/otlp/v1/traces"),
        ("https://o.example.com/v1/traces", "https://o.example.com/v1/traces"),
        ("https://o.example.com/otlp/v1/traces/", "https://o.example.com/otlp/v1/traces"),
        ("https://o.example.com/v1/logs", "https://o.example.com/v1/traces"),
        ("https://o.example.com/v1/metrics?key=1", "https://o.example.com/v1/traces?key=1"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
    ],
)
def test_the_path_of_the_signal_is_appended_once(endpoint: str, url: str) -> None:
    """The input and the variable for all signals give a base, which may have the path already."""
    assert target(otlp_endpoint=endpoint).url == url
    assert target({f"{BASE}ENDPOINT": endpoint}).url == url


def test_the_signals_own_variable_is_used_as_it_is() -> None:
    """OpenTelemetry's specification appends nothing there."""
    assert target({f"{OWN}ENDPOINT": "https://o.example.com/take"}).url == (
        "https://o.example.com/take"
    )


def test_an_input_wins_and_then_the_signals_own_variable() -> None:
    """Input, variable for traces, variable for all."""
    environ = {
        f"{BASE}ENDPOINT": "https://all.example.com",
        f"{OWN}ENDPOINT": "https://traces.example.com/x",
        f"{BASE}HEADERS": "a=all",
        f"{OWN}HEADERS": "a=traces",
    }
    given = target(environ, otlp_endpoint=INPUT, otlp_headers="a=input")
    assert (given.url, given.headers) == (f"{INPUT}/v1/traces", {"a": "input"})
    assert target(environ).url == "https://traces.example.com/x"
    assert target(environ).headers == {"a": "traces"}
    del environ[f"{OWN}ENDPOINT"], environ[f"{OWN}HEADERS"]
    assert target(environ).url == "https://all.example.com/v1/traces"
    assert target(environ).headers == {"a": "all"}


@pytest.mark.parametrize(
    ("endpoint", "headers"),
    [
        ("", {"a": "all"}),
        (INPUT, {"a": "all"}),
        (f"{INPUT}:443/other/path", {"a": "all"}),
        ("https://other.example.com", {}),
        (INPUT.replace("https:", "http:"), {}),
        ("https://[broken", {}),
    ],
)
def test_headers_of_variables_go_to_the_endpoint_of_variables(
    endpoint: str, headers: dict[str, str]
) -> None:
    """To an input they go if the job names no endpoint for them, or one on the same host."""
    environ = {f"{BASE}ENDPOINT": endpoint, f"{BASE}HEADERS": "a=all"}
    assert target(environ, otlp_endpoint=INPUT).headers == headers


@pytest.mark.parametrize(
    "text",
    [
        "o.example.com:4318",
        "//o.example.com",
        "https://",
        "https://:4318",
        "https://o.example.com:port",
        "https://o.example.com:99999",
        "https://[::1",
        "https://o.exa mple.com",
        "https://o.example.com/\x00",
        "not a url",
    ],
)
@pytest.mark.parametrize("name", ["otlp-endpoint", f"{BASE}ENDPOINT", f"{OWN}ENDPOINT"])
def test_an_endpoint_that_is_no_url_is_told(name: str, text: str) -> None:
    """The error names what was set and shows the form, but not the value, which may be a secret."""
    variable = "FLOW_TELEMETRY_OTLP_ENDPOINT" if name == "otlp-endpoint" else name
    with pytest.raises(SettingsError) as caught:
        target({variable: text})
    message = str(caught.value)
    assert name in message
    assert "https://otlp.example.com:4318" in message
    assert text not in message.replace("https://otlp.example.com:4318", "").replace("https://", "")


@pytest.mark.parametrize(
    ("address", "instead"),
    [
        ("http://o.example.com:4317", "http://o.example.com:4318"),
        ("https://o.example.com:4317", "https://o.example.com:4318"),
        ("o.example.com:4317", "http://o.example.com:4318"),
        ("localhost:4317", "http://localhost:4318"),
        ("grpc://o.example.com:4317", "http://o.example.com:4318"),
        ("grpc://o.example.com", "http://o.example.com:4318"),
        ("grpcs://o.example.com:443", "https://o.example.com:443"),
        ("GRPC://[::1]:4317", "http://[::1]:4318"),
        ("grpc://user:s3cret@o.example.com:4317/x", "http://o.example.com:4318"),
    ],
)
@pytest.mark.parametrize(
    "name", ["FLOW_TELEMETRY_OTLP_ENDPOINT", f"{BASE}ENDPOINT", f"{OWN}ENDPOINT"]
)
def test_an_address_of_grpc_is_told_with_that_of_http(
    name: str, address: str, instead: str
) -> None:
    """4317 speaks gRPC nearly everywhere; the request would end in something unreadable."""
    with pytest.raises(SettingsError, match=r"gRPC") as caught:
        target({name: address})
    assert str(caught.value).endswith(f": {instead}")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", [f"{BASE}PROTOCOL", f"{OWN}PROTOCOL"])
@pytest.mark.parametrize("protocol", ["grpc", "http/json", "x"])
def test_another_protocol_is_told_with_what_to_do(name: str, protocol: str) -> None:
    """Only http/protobuf is spoken; an endpoint given as input is meant for us all the same."""
    environ = {f"{BASE}ENDPOINT": "https://o.example.com", name: protocol}
    with pytest.raises(SettingsError, match=rf"{name} is '{protocol}'.*http/protobuf"):
        target(environ)
    assert target(environ, otlp_endpoint=INPUT).url == f"{INPUT}/v1/traces"


def test_the_signals_own_protocol_wins() -> None:
    """As in OpenTelemetry's specification."""
    environ = {
        f"{BASE}ENDPOINT": "https://o.example.com",
        f"{BASE}PROTOCOL": "grpc",
        f"{OWN}PROTOCOL": "HTTP/protobuf",
    }
    assert target(environ, signals="traces").url == "https://o.example.com/v1/traces"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_SDK_DISABLED", "TRUE"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ],
)
def test_what_is_switched_off_has_no_target(variable: str, value: str) -> None:
    """The reason names the variable; an endpoint given as input changes nothing."""
    otlp = load({variable: value}, otlp_endpoint=INPUT).otlp
    assert Signal.TRACES not in otlp.targets
    assert otlp.off[Signal.TRACES] == f"{variable} is {value.lower()}"


def test_each_signal_is_switched_off_alone_or_all_together() -> None:
    """A variable of one signal says nothing of the others; the SDK's own takes all."""
    some = load({"OTEL_LOGS_EXPORTER": "none"}, otlp_endpoint=INPUT, signals="events,metrics").otlp
    assert some.targets.keys() == {Signal.METRICS}
    assert some.off[Signal.TRACES] == "`signals` does not include it"
    assert load({"OTEL_SDK_DISABLED": "true"}, otlp_endpoint=INPUT).otlp.targets == {}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_SDK_DISABLED", "false"),
        ("OTEL_SDK_DISABLED", ""),
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_LOGS_EXPORTER", "none"),
    ],
)
def test_what_is_not_switched_off_has_a_target(variable: str, value: str) -> None:
    """Only `true` disables, and another signal's exporter says nothing of traces."""
    assert target({variable: value}, otlp_endpoint=INPUT).url == f"{INPUT}/v1/traces"


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_without_an_endpoint_there_is_a_reason(blank: str) -> None:
    """Runs of forks and of Dependabot have no secrets: that is no error."""
    otlp = load(otlp_endpoint=blank).otlp
    assert otlp.targets == {}
    assert "`otlp-endpoint` is empty" in otlp.off[Signal.TRACES]
    assert "fork" in otlp.off[Signal.TRACES]


def test_headers_without_an_endpoint_do_not_matter() -> None:
    """Where nothing is sent, a header list whose secret is missing is no error either."""
    assert load(otlp_headers="Authorization=Bearer ").otlp.targets == {}


def test_the_timeout_of_a_request_is_milliseconds() -> None:
    """As in OpenTelemetry's specification; ten seconds unless set."""
    assert target(otlp_endpoint=INPUT).timeout == 10
    assert target({f"{BASE}TIMEOUT": "2500"}, otlp_endpoint=INPUT).timeout == 2.5
    both = {f"{BASE}TIMEOUT": "2500", f"{OWN}TIMEOUT": "1000"}
    assert target(both, otlp_endpoint=INPUT).timeout == 1
    with pytest.raises(SettingsError, match=f"{BASE}TIMEOUT"):
        target({f"{BASE}TIMEOUT": "10s"}, otlp_endpoint=INPUT)


@pytest.mark.parametrize(("given", "used"), [("", "gzip"), ("GZIP", "gzip"), ("none", "none")])
def test_the_compression_is_gzip_unless_set(given: str, used: str) -> None:
    """As backends take it."""
    assert target({f"{BASE}COMPRESSION": given}, otlp_endpoint=INPUT).compression == used
    assert target({f"{OWN}COMPRESSION": given}, otlp_endpoint=INPUT).compression == used


def test_an_unknown_compression_is_told() -> None:
    """The error names the variable and the known ones."""
    with pytest.raises(SettingsError, match=f"{BASE}COMPRESSION must be one of gzip"):
        target({f"{BASE}COMPRESSION": "zstd"}, otlp_endpoint=INPUT)
