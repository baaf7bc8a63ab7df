"""Parsers of single values; their errors name the input."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from flow_telemetry.errors import SettingsError

Choice = TypeVar("Choice", bound=Enum)
Value = TypeVar("Value")

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|m|h|d)?")
# Beyond some centuries a socket refuses its timeout.
_LONGEST_DURATION_SECONDS = 366 * 24 * 3600
_SECONDS = {None: 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)\s*(b|kb|mb|gb|kib|mib|gib)?")
_BYTES = {
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
}
_LARGEST_SIZE_BYTES = 2**40
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
_SHOWN = 80
_LONGEST_URL = 8_192
_HOST_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")


def shown(text: str) -> str:
    """Return a value as an error may quote it: on one line and truncated."""
    line = "".join(c if c.isprintable() else "?" for c in text)
    return repr(line if len(line) <= _SHOWN else line[:_SHOWN] + "…")


def or_default(
    warnings: list[str], parse: Callable[[], Value], default: Value, consequence: str
) -> Value:
    """Return the value of an optional setting, or its default and a warning if it is unusable.

    An optional setting must not stop the export: ``consequence`` says what happens instead.
    """
    try:
        return parse()
    except SettingsError as error:
        warnings.append(f"{error}. {consequence}")
        return default


def origin(url: str) -> str:
    """Return scheme, host and port of an address, without a default port: the part to be shown."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "an address that cannot be read"
    if ":" in host:
        host = f"[{host}]"
    is_default = port in (None, {"http": 80, "https": 443}.get(parts.scheme))
    return f"{parts.scheme}://{host}" + ("" if is_default else f":{port}")


def url(name: str, text: str, example: str) -> SplitResult:
    """Return the parts of an HTTP address; this is the only validator of addresses.

    Raises:
        SettingsError: an HTTP client could not use the address. The text quotes the value only if
            no credential can be in it.
    """
    text = text.strip()
    try:
        parts = urlsplit(text)
        # `port` raises ValueError if it is not a number; port 0 cannot be connected to.
        usable = parts.scheme in ("http", "https") and parts.port != 0
        usable = usable and _is_host(parts.hostname or "")
    except ValueError:  # also UnicodeError, for a host that is not a domain name
        usable = False
    # urlsplit silently removes tabs and line breaks.
    if usable and text.isprintable() and " " not in text and len(text) <= _LONGEST_URL:
        return parts
    # Any other text may be a secret that was put into the wrong input.
    plain = text.startswith(("http://", "https://")) and not set("@?#") & set(text)
    raise SettingsError(
        f"`{name}` is not a URL{f' ({shown(text)})' if plain else ''}: "
        f"it must begin with https:// or http:// and name a host, such as {example}"
    )


def _is_host(host: str) -> bool:
    if ":" in host:  # An IPv6 address: urlsplit has removed its brackets.
        return re.fullmatch(r"[0-9A-Fa-f:.]+(%[0-9A-Za-z._-]+)?", host) is not None
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    labels = host.removesuffix(".").split(".")
    return len(host) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in labels)


def boolean(name: str, text: str) -> bool:
    """Return the value of a boolean input; a misspelled one is an error, not false."""
    value = text.strip().lower()
    if value not in ("true", "false"):
        raise SettingsError(f"`{name}` must be true or false, not {shown(text)}")
    return value == "true"


def choice(name: str, text: str, choices: type[Choice]) -> Choice:
    """Return the member of an enumeration that the text names."""
    try:
        return choices(text.strip().lower())
    except ValueError:
        allowed = ", ".join(str(member.value) for member in choices)
        raise SettingsError(f"`{name}` must be one of {allowed}, not {shown(text)}") from None


def positive_integer(name: str, text: str) -> int:
    """Return a number above zero in decimal digits."""
    value = text.strip()
    if not (value.isascii() and value.isdigit() and len(value) <= 19 and int(value) > 0):
        raise SettingsError(f"`{name}` must be a number above zero, not {shown(text)}")
    return int(value)


def size(name: str, text: str) -> int:
    """Return bytes; ``500000``, ``500kB``, ``1MB``, ``1MiB`` and ``2GB`` are understood."""
    match = _SIZE.fullmatch(text.strip().lower())
    found = int(float(match.group(1)) * _BYTES[match.group(2) or "b"]) if match else 0
    if not 0 < found <= _LARGEST_SIZE_BYTES:
        raise SettingsError(f"`{name}` must be a size such as 500kB or 1MB, not {shown(text)}")
    return found


def lines(text: str) -> tuple[str, ...]:
    """Return the lines of a text, trimmed, without empty ones."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def duration(name: str, text: str) -> float:
    """Return seconds; ``90``, ``90s``, ``15m``, ``1h`` and ``7d`` are understood."""
    match = _DURATION.fullmatch(text.strip().lower())
    seconds = float(match.group(1)) * _SECONDS[match.group(2)] if match else 0
    if not 0 < seconds <= _LONGEST_DURATION_SECONDS:
        raise SettingsError(
            f"`{name}` must be a duration above zero and of a year at most, in seconds or with "
            f"the unit s, m, h or d, not {shown(text)}"
        )
    return seconds


def words(text: str) -> tuple[str, ...]:
    """Return the entries of a list, separated by commas or lines."""
    return tuple(word.strip() for word in re.split(r"[,\n]", text) if word.strip())


def repository(name: str, text: str) -> str:
    """Return ``owner/name``."""
    value = text.strip()
    if not _REPOSITORY.fullmatch(value) or {".", ".."} & set(value.split("/")):
        raise SettingsError(f"`{name}` must be OWNER/NAME, not {shown(text)}")
    return value


def pairs(name: str, text: str) -> Mapping[str, str]:
    """Return the pairs of a ``k=v,k=v`` list, values percent-decoded.

    The form is that of ``OTEL_RESOURCE_ATTRIBUTES``:
    https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable
    """
    found = {}
    for part in re.split(r"[,\n]", text):
        if not part.strip():
            continue
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not key.strip().isprintable():
            raise SettingsError(f"`{name}` must be a list k=v,k=v; {shown(part)} has no `key=`")
        found[key.strip()] = unquote(value.strip())
    return found


def headers(name: str, text: str) -> Mapping[str, str]:
    """Return HTTP headers from a ``k=v,k=v`` list, lines of ``k=v``, or a JSON object.

    Errors quote no value, nor a part that may be one, because headers contain credentials.

    Raises:
        SettingsError: the text has another form, or HTTP does not allow a name or value. A blank
            value is an error too: usually its secret is not set.
    """
    text = text.strip()
    found = _headers_from_json(name, text) if text[:1] == "{" else _headers_from_list(name, text)
    for key, value in found.items():
        if not _HEADER_NAME.fullmatch(key):
            raise SettingsError(f"`{name}` has a header whose name is not a valid header name")
        _check_header_value(name, key, value)
    return found


def _headers_from_json(name: str, text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise SettingsError(
            f"`{name}` begins like JSON but is not a JSON object of text values. "
            'Write {"NAME": "VALUE"}, with a name and a value for each header'
        )
    return {key.strip(): value.strip() for key, value in found.items()}


def _headers_from_list(name: str, text: str) -> dict[str, str]:
    parts = text.splitlines() if "\n" in text else text.split(",")
    found = {}
    for position, part in enumerate((p for p in parts if p.strip()), start=1):
        key, equals, value = part.partition("=")
        if not equals:
            raise SettingsError(
                f"`{name}` is malformed: part {position} has no `=`. Write k=v,k=v, or one k=v "
                "per line if a value contains a comma, or a JSON object"
            )
        found[key.strip()] = unquote(value).strip()  # HTTP allows no blank at the ends.
    return found


def _check_header_value(name: str, key: str, value: str) -> None:
    scheme_alone = value.strip().lower() in ("bearer", "basic", "apikey", "api-key", "token")
    if not value.strip() or scheme_alone:
        raise SettingsError(
            f"`{name}`: the value of header {key} is blank. Usually its secret is not set, or "
            "not available to this run (runs of forks and Dependabot get no secrets)"
        )
    if not all(" " <= c <= "~" or c == "\t" or "\xa0" <= c <= "\xff" for c in value):
        raise SettingsError(
            f"`{name}`: the value of header {key} contains a character that HTTP does not allow, "
            "such as a line break"
        )


# Certificate authorities that are trusted instead of the bundled ones.

# In the order in which `requests` reads them, then OpenSSL's.
_CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")

_PEM_MARK = b"CERTIFICATE-----"


def authorities(environ: Mapping[str, str]) -> str:
    """Return the file or folder with the authorities to trust; empty for the bundled ones.

    Raises:
        SettingsError: a variable names a file that does not exist or contains no certificate.
    """
    named = ((name, environ.get(name, "").strip()) for name in _CERTIFICATE_VARIABLES)
    name, path = next(((n, p) for n, p in named if p), ("", ""))
    if not path:
        return ""
    try:
        if name != "SSL_CERT_FILE" and Path(path).is_dir():
            return path
        # OpenSSL would take longer to load a hundred authorities than the rest of a start takes.
        problem = "" if _PEM_MARK in Path(path).read_bytes() else "contains no certificate in PEM"
    except (OSError, ValueError) as error:
        problem = f"cannot be read ({getattr(error, 'strerror', None) or type(error).__name__})"
    if problem:
        raise SettingsError(
            f"{name} names {shown(path)}, which {problem}. Name the file with the "
            "certificate authorities to trust, or unset the variable"
        )
    return path
