"""Settings of the OTLP exporters: the inputs, and the standard variables that replace them.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/ names the variables and their meaning.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from flow_telemetry.errors import SettingsError
from flow_telemetry.settings import parse
from flow_telemetry.telemetry import Signal, SignalTarget

NO_ENDPOINT = (
    "`otlp-endpoint` is empty. A run of a fork or of Dependabot gets no secrets; otherwise set "
    "`otlp-endpoint`, or OTEL_EXPORTER_OTLP_ENDPOINT"
)
_GRPC_PORT, _HTTP_PORT = 4317, 4318
_GRPC_SCHEMES = {"grpc": "http", "grpcs": "https"}
_COMPRESSIONS = ("gzip", "deflate", "none")
_DEFAULT_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpSettings:
    """The targets of the enabled signals, and why the others are off.

    ``off`` has a reason for each signal that is disabled, or has no endpoint.
    """

    targets: Mapping[Signal, SignalTarget]
    off: Mapping[Signal, str]


def otlp_settings(
    inputs: Mapping[str, str], environ: Mapping[str, str], enabled: Collection[Signal]
) -> OtlpSettings:
    """Return the target of each enabled signal.

    Raises:
        SettingsError: an endpoint, header list, protocol, timeout or file of certificate
            authorities cannot be used.
    """
    targets, off, trusted = {}, {}, parse.authorities(environ)
    for signal in Signal:
        if signal not in enabled:
            off[signal] = "`signals` does not include it"
            continue
        exporter_variable = f"OTEL_{signal.value.upper()}_EXPORTER"
        if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            off[signal] = "OTEL_SDK_DISABLED is true"
        elif environ.get(exporter_variable, "").strip().lower() == "none":
            off[signal] = f"{exporter_variable} is none"
        elif target := _target(signal, inputs, environ, trusted):
            targets[signal] = target
        else:
            off[signal] = NO_ENDPOINT
    return OtlpSettings(targets=targets, off=off)


def _target(
    signal: Signal, inputs: Mapping[str, str], environ: Mapping[str, str], trusted: str
) -> SignalTarget | None:
    endpoint = _endpoint(signal, inputs, environ)
    if endpoint is None:
        return None
    name, url = endpoint
    _check_protocol(signal, name, environ)
    header_name, header_text = _headers(signal, url, inputs, environ)
    timeout_name, timeout = _first(*_variables(signal, "TIMEOUT", environ))
    compression_name, compression = _first(*_variables(signal, "COMPRESSION", environ))
    if compression and compression.lower() not in _COMPRESSIONS:
        raise SettingsError(
            f"{compression_name} must be one of {', '.join(_COMPRESSIONS)}, not "
            f"{parse.shown(compression)}"
        )
    seconds = _DEFAULT_TIMEOUT_SECONDS
    if timeout:  # The specification gives the variable in milliseconds.
        seconds = parse.named(timeout_name, parse.positive_integer, timeout) / 1000
    return SignalTarget(
        signal=signal,
        url=url,
        headers=parse.named(header_name, parse.headers, header_text),
        timeout=seconds,
        compression=compression.lower() or "gzip",
        certificate=_path(signal, "CERTIFICATE", environ) or trusted,
        client_certificate=_path(signal, "CLIENT_CERTIFICATE", environ),
        client_key=_path(signal, "CLIENT_KEY", environ),
    )


def _variables(
    signal: Signal, ending: str, environ: Mapping[str, str]
) -> tuple[tuple[str, str], tuple[str, str]]:
    """The variable for the signal, then the one for all signals, each with its value."""
    own = f"OTEL_EXPORTER_OTLP_{signal.value.upper()}_{ending}"
    common = f"OTEL_EXPORTER_OTLP_{ending}"
    return (own, environ.get(own, "")), (common, environ.get(common, ""))


def _first(*candidates: tuple[str, str]) -> tuple[str, str]:
    return next(((n, v.strip()) for n, v in candidates if v.strip()), (candidates[0][0], ""))


def _endpoint(
    signal: Signal, inputs: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[str, str] | None:
    own, common = _variables(signal, "ENDPOINT", environ)
    text = inputs.get("otlp-endpoint", "").strip()
    if not text and own[1].strip():
        _parse_endpoint(*own)
        return own[0], own[1].strip()
    name, text = _first(("otlp-endpoint", text), common)
    if not text:
        return None
    address = _parse_endpoint(name, text)
    # The path of the signal is appended, unless the address already ends in one of the three.
    path = address.path.rstrip("/")
    for other in Signal:
        path = path.removesuffix(f"/v1/{other.value}")
    return name, address._replace(path=f"{path}/v1/{signal.value}").geturl()


def _headers(
    signal: Signal, url: str, inputs: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[str, str]:
    """The name and text of the header list for an address.

    If the job has set an endpoint of another backend, its variables hold the credentials of that
    backend, which must not be sent to this address.
    """
    own = ("otlp-headers", inputs.get("otlp-headers", ""))
    endpoint = _first(*_variables(signal, "ENDPOINT", environ))[1]
    if endpoint and parse.origin(endpoint) != parse.origin(url):
        return _first(own)
    return _first(own, *_variables(signal, "HEADERS", environ))


def _parse_endpoint(name: str, text: str) -> SplitResult:
    _check_not_grpc(name, text)
    return parse.named(name, lambda value: parse.url(value, "https://otlp.example.com:4318"), text)


def _check_not_grpc(name: str, text: str) -> None:
    """Refuse an address of OTLP over gRPC, and name that of OTLP over HTTP of the same receiver."""
    # Collectors' configurations and other SDKs have `localhost:4317`, without a scheme.
    is_bare = "://" not in text
    try:
        parts = urlsplit(f"//{text}" if is_bare else text)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError:
        return
    is_grpc = scheme in _GRPC_SCHEMES
    if not host or not (is_grpc or port == _GRPC_PORT):
        return
    scheme = _GRPC_SCHEMES.get(scheme, scheme) or "http"
    # The address of another port may be any; that of 4317 usually has a neighbour.
    port = _HTTP_PORT if port in (None, _GRPC_PORT) else port
    address = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    what = f"scheme {parts.scheme}" if is_grpc else f"port {_GRPC_PORT}"
    raise SettingsError(
        f"`{name}` has {what}, which is OTLP over gRPC, but this program sends OTLP over HTTP. Use "
        f"the HTTP port of the same receiver, usually {_HTTP_PORT}: {address}"
    )


def _check_protocol(signal: Signal, endpoint_name: str, environ: Mapping[str, str]) -> None:
    """Refuse another protocol, but only if the endpoint comes from a variable too.

    A job may set the protocol for its own tests; an input is meant for this program.
    """
    if endpoint_name == "otlp-endpoint":
        return
    name, text = _first(*_variables(signal, "PROTOCOL", environ))
    if text and text.lower() != "http/protobuf":
        raise SettingsError(
            f"{name} is {parse.shown(text)}, but this program sends http/protobuf only. Set the "
            "variable to http/protobuf, or set `otlp-endpoint`"
        )


def _path(signal: Signal, ending: str, environ: Mapping[str, str]) -> str:
    """The path of a file in PEM, which is read when the first request is sent."""
    return _first(*_variables(signal, ending, environ))[1]
