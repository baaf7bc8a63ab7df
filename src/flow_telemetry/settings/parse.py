"""Parsers of single values.

A parser takes the text of an input and raises ValueError if the text is unusable. The error's text
continues a sentence that begins with the input's name: "must be true or false, not 'yes'".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from flow_telemetry.errors import MissingSecretError, SettingsError
from flow_telemetry.identity import fold, normalize_namespace
from flow_telemetry.local_files import MOST_CERTIFICATE_BYTES, read_regular
from flow_telemetry.model import FlowType, StatusCategory
from flow_telemetry.model.item_key import ItemKey, parse_item_key
from flow_telemetry.privacy.patterns import find_pattern_problem
from flow_telemetry.telemetry import Signal
from flow_telemetry.text import nearest

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
_LARGEST_SIZE_BYTES = 10**12
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Without a credential behind it, the secret is missing.
AUTHENTICATION_SCHEMES = frozenset({"bearer", "basic", "apikey", "api-key", "token"})
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
_OWNER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")
# As in `rules.shards`, with the source.
_MOST_SHARDS = 256
_SIGNALS = {
    "traces": Signal.TRACES,
    "events": Signal.LOGS,
    "logs": Signal.LOGS,
    "metrics": Signal.METRICS,
}
_CATEGORIES = {
    "to do": StatusCategory.TO_DO,
    "in progress": StatusCategory.IN_PROGRESS,
    "done": StatusCategory.DONE,
}
_PRICE = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,9})?|\.[0-9]{1,9}")
_SHOWN = 80
# Of ids and counts: more do not fit into 64 bits.
_MOST_DIGITS = 19
_LONGEST_URL = 8_192
_HOST_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")


def shown(text: str) -> str:
    """Return a value for the text of an error: quoted, on one line and truncated."""
    line = "".join(c if c.isprintable() else "?" for c in text)
    return repr(line if len(line) <= _SHOWN else line[:_SHOWN] + "…")


class BlankSecret(ValueError):
    """A value lacks the secret that it is made of."""


def named(name: str, parse: Callable[[str], Value], text: str) -> Value:
    """Return the parsed value of an input or environment variable.

    Raises:
        SettingsError: the value is unusable; the text begins with ``name``.
    """
    try:
        return parse(text)
    except BlankSecret as error:
        raise MissingSecretError(f"`{name}` {error}") from None
    except ValueError as error:
        raise SettingsError(f"`{name}` {error}") from None


@dataclass(frozen=True, slots=True)
class optional(Generic[Value]):  # noqa: N801 - used like the functions
    """A parser that returns None for an empty text."""

    parse: Callable[[str], Value]

    def __call__(self, text: str) -> Value | None:
        """Return the parsed text, or None."""
        return self.parse(text) if text else None


def values_of(parse: Callable[[str], object]) -> tuple[str, ...]:
    """Return the only texts that a parser accepts; empty if there are others."""
    if isinstance(parse, optional):
        return values_of(parse.parse)
    if isinstance(parse, choice):
        return tuple(str(member.value) for member in parse.choices)
    return ("true", "false") if parse is boolean else ()


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


def url(text: str, example: str) -> SplitResult:
    """Return the parts of an HTTP address; this is the only validator of addresses.

    The error quotes the value only if it cannot contain a credential.
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
    raise ValueError(
        f"is not a URL{f' ({shown(text)})' if plain else ''}: "
        f"it must begin with https:// or http:// and name a host, such as {example}"
    )


def trace_url(text: str) -> str:
    """Return a template of an address; its placeholders are kept."""
    # A placeholder may be a part of the host; a digit is valid everywhere.
    filled = re.sub(r"\{(trace_id|span_id|start|end)\}", "0", text)
    url(filled, "https://jaeger.example.com/trace/{trace_id}")
    return text


def jira_url(text: str) -> str:
    """Return the address of Jira without a slash at the end, or an empty text."""
    text = text.rstrip("/")
    if text:
        url(text, "https://acme.atlassian.net")
    return text


def _is_host(host: str) -> bool:
    if ":" in host:  # An IPv6 address: urlsplit has removed its brackets.
        return re.fullmatch(r"[0-9A-Fa-f:.]+(%[0-9A-Za-z._-]+)?", host) is not None
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    labels = host.removesuffix(".").split(".")
    return len(host) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in labels)


def boolean(text: str) -> bool:
    """Return the value of a boolean input; a misspelled one is an error, not false."""
    value = text.strip().lower()
    if value not in ("true", "false"):
        raise ValueError(f"must be true or false, not {shown(text)}")
    return value == "true"


@dataclass(frozen=True, slots=True)
class choice(Generic[Choice]):  # noqa: N801 - used like the functions
    """A parser of the members of an enumeration, by their values."""

    choices: type[Choice]

    def __call__(self, text: str) -> Choice:
        """Return the member."""
        written = text.strip().lower()
        try:
            return self.choices(written)
        except ValueError:
            allowed = [str(member.value) for member in self.choices]
            hint = did_you_mean(written, allowed)
            one = ", ".join(allowed)
            raise ValueError(f"must be one of {one}, not {shown(text)}{hint}") from None


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """Return the end of an error: the nearest of the known values, if one is near."""
    near = nearest(written, known)
    return f". Did you mean {near}?" if near else ""


def positive_integer(text: str) -> int:
    """Return a number above zero in decimal digits."""
    value = text.strip()
    if not (value.isascii() and value.isdigit() and int(value[:_MOST_DIGITS]) > 0):
        raise ValueError(f"must be a number above zero, not {shown(text)}")
    if len(value) > _MOST_DIGITS:
        raise ValueError(f"must be a number of at most {_MOST_DIGITS} digits, not {shown(text)}")
    return int(value)


def size(text: str) -> int:
    """Return bytes from a text such as ``500000``, ``500kB``, ``1MB``, ``1MiB`` or ``2GB``."""
    match = _SIZE.fullmatch(text.strip().lower())
    number = int(float(match.group(1)) * _BYTES[match.group(2) or "b"]) if match else 0
    if not 0 < number <= _LARGEST_SIZE_BYTES:
        raise ValueError(
            f"must be a size such as 500kB or 1MB, above zero and of at most 1000GB, not "
            f"{shown(text)}"
        )
    return number


def lines(text: str) -> tuple[str, ...]:
    """Return the lines of a text, trimmed, without empty ones."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def duration(text: str) -> float:
    """Return seconds from a text such as ``90``, ``90s``, ``15m``, ``1h`` or ``7d``."""
    match = _DURATION.fullmatch(text.strip().lower())
    seconds = float(match.group(1)) * _SECONDS[match.group(2)] if match else 0
    if not 0 < seconds <= _LONGEST_DURATION_SECONDS:
        raise ValueError(
            f"must be a duration above zero and of at most a year (366d), in seconds or with "
            f"the unit s, m, h or d, not {shown(text)}"
        )
    return seconds


def words(text: str) -> tuple[str, ...]:
    """Return the entries of a list, separated by commas or lines."""
    return tuple(word.strip() for word in re.split(r"[,\n]", text) if word.strip())


def lowercase_words(text: str) -> frozenset[str]:
    """Return the entries of a list in lower case."""
    return frozenset(word.lower() for word in words(text))


def uppercase_words(text: str) -> frozenset[str]:
    """Return the entries of a list in upper case."""
    return frozenset(word.upper() for word in words(text))


def repository(text: str) -> str:
    """Return ``owner/name``."""
    value = text.strip()
    if not _REPOSITORY.fullmatch(value) or {".", ".."} & set(value.split("/")):
        raise ValueError(f"must be OWNER/NAME, not {shown(text)}")
    return value


def owner(text: str) -> str:
    """Return the login of an organization."""
    value = text.strip()
    if not _OWNER.fullmatch(value):
        raise ValueError(f"must be the login of an organization, such as acme, not {shown(text)}")
    return value


def percent(text: str) -> int:
    """Return a number from 1 to 100."""
    value = positive_integer(text.strip().removesuffix("%"))
    if value > 100:
        raise ValueError(f"must be a number from 1 to 100, not {shown(text)}")
    return value


def shards(text: str) -> int:
    """Return the number of a shard, or of all: 1 to 256, the largest matrix of GitHub Actions."""
    value = positive_integer(text)
    if value > _MOST_SHARDS:
        raise ValueError(f"must be a number from 1 to {_MOST_SHARDS}, not {shown(text)}")
    return value


def repositories(text: str) -> tuple[str, ...]:
    """Return the entries of a list of ``owner/name``."""
    try:
        return tuple(map(repository, words(text)))
    except ValueError as error:
        # The input of the workflow for an organization has the same name.
        raise ValueError(
            f"{error}. `sweep-repositories` chooses the repositories of an organization's sweep"
        ) from None


def pairs(text: str) -> Mapping[str, str]:
    """Return the pairs of a ``k=v,k=v`` list, values percent-decoded.

    The form is that of ``OTEL_RESOURCE_ATTRIBUTES``:
    https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable
    """
    values = {}
    for entry in re.split(r"[,\n]", text):
        if not entry.strip():
            continue
        key, equals, value = entry.partition("=")
        if not equals or not key.strip() or not key.strip().isprintable():
            raise ValueError(f"must be a list k=v,k=v; {shown(entry)} has no `key=`")
        values[key.strip()] = unquote(value.strip())
    return values


def resource_attributes(text: str) -> Mapping[str, str]:
    """Return the pairs of a list, without the attributes of the service, which have inputs."""
    return {key: value for key, value in pairs(text).items() if not key.startswith("service.")}


def headers(text: str) -> Mapping[str, str]:
    """Return HTTP headers from a ``k=v,k=v`` list, lines of ``k=v``, or a JSON object.

    Errors quote no value and no part that may be a value, because headers contain credentials. A
    blank value is an error too: usually its secret is not set.
    """
    text = text.strip()
    fields = _headers_from_json(text) if text[:1] == "{" else _headers_from_list(text)
    for key, value in fields.items():
        if not HEADER_NAME.fullmatch(key):
            raise ValueError("has a header whose name is not a valid header name")
        _check_header_value(key, value)
    return fields


def _headers_from_json(text: str) -> dict[str, str]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not all(isinstance(v, str) for v in document.values()):
        raise ValueError(
            "begins like JSON but is not a JSON object of text values. "
            'Write {"NAME": "VALUE"}, with a name and a value for each header'
        )
    return {key.strip(): value.strip() for key, value in document.items()}


def _headers_from_list(text: str) -> dict[str, str]:
    entries = text.splitlines() if "\n" in text else text.split(",")
    fields = {}
    for position, entry in enumerate((e for e in entries if e.strip()), start=1):
        key, equals, value = entry.partition("=")
        if not equals:
            raise ValueError(
                f"is malformed: part {position} has no `=`. Write k=v,k=v, or one k=v "
                "per line if a value contains a comma, or a JSON object"
            )
        fields[key.strip()] = unquote(value).strip()  # HTTP allows no blank at the ends.
    return fields


def _check_header_value(key: str, value: str) -> None:
    scheme_alone = value.strip().lower() in AUTHENTICATION_SCHEMES
    if not value.strip() or scheme_alone:
        raise BlankSecret(
            f"cannot be used: the value of header {key} is blank. Usually its secret is not set, "
            "or not available to this run (runs of forks and Dependabot get no secrets)"
        )
    if not all(" " <= c <= "~" or c == "\t" or "\xa0" <= c <= "\xff" for c in value):
        raise ValueError(
            f"cannot be used: the value of header {key} contains a character that HTTP does not "
            "allow, such as a line break"
        )


def token(text: str) -> str:
    """Return a token of GitHub or Jira."""
    if any(not "!" <= c <= "~" for c in text):
        raise ValueError(
            "contains a blank or a character that tokens do not have. Usually some other text was "
            "pasted, or two secrets were joined"
        )
    return text


def signals(text: str) -> frozenset[Signal]:
    """Return the signals in a list."""
    enabled = set()
    for word in words(text):
        signal = _SIGNALS.get(word.lower())
        if signal is None:
            hint = did_you_mean(word.lower(), _SIGNALS)
            raise ValueError(
                f"must be a list of traces, events and metrics, not {shown(word)}{hint}"
            )
        enabled.add(signal)
    return frozenset(enabled)


def namespace(text: str) -> str:
    """Return the namespace of ids."""
    try:
        return normalize_namespace(text)
    except ValueError as error:
        raise ValueError(f"cannot be used: {error}") from None


def item_key(text: str) -> ItemKey:
    """Return the key of a work item."""
    try:
        return parse_item_key(text)
    except ValueError as error:
        raise ValueError(f"is {shown(text)}: {error}") from None


def aliases(text: str) -> Mapping[str, str]:
    """Return old names by new names, folded, from lines NEW=OLD."""
    names = {}
    for line in lines(text):
        now, equals, before = (name.strip() for name in line.partition("="))
        if not (equals and now and before) or ("/" in now) != ("/" in before):
            raise ValueError(
                "must have one NEW=OLD per line, such as acme/new=acme/old or "
                f"CORE-9=ACME-57, not {shown(line)}"
            )
        names[fold(now) if "/" in now else now.upper()] = before
    return names


def status_categories(text: str) -> Mapping[str, StatusCategory]:
    """Return the user's categories of statuses, by name in lower case."""
    categories = {}
    for status, word in pairs(text).items():
        category = _CATEGORIES.get(word.lower().replace("_", " "))
        if category is None:
            raise ValueError(
                f"must map statuses to to do, in progress or done, not to {shown(word)}"
            )
        categories[status.strip().casefold()] = category
    return categories


def flow_types(text: str) -> Mapping[str, FlowType]:
    """Return flow types by patterns of types and labels in lower case, in the order of the list."""
    values = {}
    for pattern, word in pairs(text).items():
        try:
            values[pattern.casefold()] = FlowType(word.casefold())
        except ValueError:
            raise ValueError(
                f"must map types and labels to feature, defect, debt or risk, not to {shown(word)}"
            ) from None
    return values


def prices(text: str) -> Mapping[str, float]:
    """Return prices in USD per minute by patterns of labels, in the order of the list."""
    values = {}
    for pattern, price in pairs(text).items():
        if not _PRICE.fullmatch(price):
            raise ValueError(
                f"must have a price in USD per minute for {shown(pattern)}, such as 0.008, not "
                f"{shown(price)}"
            )
        values[pattern] = float(price)
    return values


def needed_results(text: str) -> Mapping[str, str]:
    """Return the results of jobs by name, from the `needs` context as JSON; none of empty text."""
    try:
        jobs = json.loads(text or "{}")
        return {str(name): str(job["result"]) for name, job in jobs.items()}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        # The outputs of the jobs may be secret, so the text is not shown.
        raise ValueError("must be the JSON of the `needs` context: ${{ toJSON(needs) }}") from None


def since(text: str) -> datetime | float | None:
    """Return a timestamp, a duration in seconds, or None for `last` and an empty text."""
    if text.lower() in ("", "last"):
        return None
    try:
        timestamp = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError:
        pass
    else:
        return timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=timezone.utc)
    try:
        return duration(text)
    except ValueError:
        raise ValueError(
            "must be last, a duration such as 7d, or a timestamp such as "
            f"2026-11-24T03:43:00Z, not {shown(text)}"
        ) from None


def patterns(text: str) -> tuple[str, ...]:
    """Return the regular expressions in lines."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        pattern = line.strip()
        problem = find_pattern_problem(pattern) if pattern else None
        if problem is not None:
            raise ValueError(
                f"cannot be used: the pattern on line {number} {problem}. Write one regular "
                "expression per line; docs/reference/privacy.md describes the supported ones"
            )
        if pattern:
            found.append(pattern)
    return tuple(found)


# Certificate authorities that are trusted instead of the bundled ones.

# In the order in which `requests` reads them; OpenSSL's is the last.
_CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")

_PEM_MARK = b"CERTIFICATE-----"


def authorities(environ: Mapping[str, str]) -> str:
    """Return the file or folder with the authorities to trust; empty for the bundled ones.

    Raises:
        SettingsError: a variable names a file that does not exist, is not a regular file, is too
            large, or contains no certificate.
    """
    named = ((name, environ.get(name, "").strip()) for name in _CERTIFICATE_VARIABLES)
    name, path = next(((n, p) for n, p in named if p), ("", ""))
    if not path:
        return ""
    try:
        if name != "SSL_CERT_FILE" and Path(path).is_dir():
            return path
        # Only searched for: OpenSSL takes longer to load a hundred authorities than all of a start.
        content = read_regular(path, MOST_CERTIFICATE_BYTES)
        problem = "" if _PEM_MARK in content else "contains no certificate in PEM"
    except (OSError, ValueError) as error:
        problem = f"cannot be read ({getattr(error, 'strerror', None) or type(error).__name__})"
    if problem:
        raise SettingsError(
            f"{name} names {shown(path)}, which {problem}. Name the file with the "
            "certificate authorities to trust, or unset the variable"
        )
    return path
