"""Credentials among the settings: which header values and parts of addresses are secret.

The runner hides them in every log, and redaction in every exported text. Both would harm if they
took a plain word for a credential: GitHub drops each output of a job that contains a hidden word.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from urllib.parse import parse_qsl, unquote, urlsplit

from flow_telemetry.settings.github import TOKEN_VARIABLES
from flow_telemetry.settings.inputs import INPUT, INPUTS
from flow_telemetry.settings.parse import AUTHENTICATION_SCHEMES, HEADER_NAME
from flow_telemetry.settings.shared import shared_addresses, with_shared_settings
from flow_telemetry.settings.target import parse_target

# Hiding a shorter text would hide ordinary ones and protect nothing.
_SHORTEST = 4
# The query and the user of an address are usually plain words.
_SHORTEST_IN_URL = 8

# Headers of backends that say where data goes, not who sends it: tenants, datasets, streams.
PLAIN_HEADERS = frozenset(
    {
        *("accept", "content-encoding", "content-type", "user-agent"),
        # Grafana's Loki, Mimir and Tempo: grafana.com/docs/loki/latest/operations/multi-tenancy
        "x-scope-orgid",
        # docs.honeycomb.io/send-data/metrics/application. `x-honeycomb-team` is the key.
        "x-honeycomb-dataset",
        # axiom.co/docs/send-data/opentelemetry; the organization in Axiom's clients
        *("x-axiom-dataset", "x-axiom-org-id"),
        # openobserve.ai/docs/ingestion/logs/otlp
        *("organization", "stream-name"),
        # coralogix.com/docs: application and subsystem names
        *("cx-application-name", "cx-subsystem-name"),
        # dash0.com/hub/integrations/int_otlp
        "dash0-dataset",
        # docs.datadoghq.com/opentelemetry/setup/otlp_ingest
        *("dd-otel-metric-config", "dd-otel-span-mapping", "dd-otlp-source", "dd-protocol"),
        # docs.victoriametrics.com/victoriatraces/data-ingestion, and the same of VictoriaLogs
        *("accountid", "projectid", "vl-extra-fields", "vl-stream-fields", "vt-extra-fields"),
        # docs.greptime.com/user-guide/ingest-data/for-observability/opentelemetry
        *("x-greptime-db-name", "x-greptime-log-table-name", "x-greptime-pipeline-name"),
        "x-greptime-trace-table-name",
    }
)
# New Relic's `api-key`, Elastic's `Authorization`, Uptrace's `uptrace-dsn`, Honeycomb's
# `x-honeycomb-team`, SigNoz' `signoz-ingestion-key`, …
_NAME_OF_CREDENTIAL = re.compile(
    r"auth|token|key|secret|pass|pwd|credential|signature|cookie|session|jwt|dsn|licen[cs]e|honeycomb-team"
)
# Words, joined by punctuation: `acme`, `Acme Shop`, `us-east-1`, `application/json`, `host,app`.
_WORD = r"(?:[a-z]{1,20}|[A-Z]{1,20}|(?:[A-Z][a-z]{2,19}){1,3}|[A-Za-z]{1,4}[0-9]|[0-9]{1,4})"
_PLAIN_TEXT = re.compile(rf"{_WORD}(?:[ ._/:,|=-]{{1,2}}{_WORD}){{0,7}}")
_LONGEST_PLAIN_TEXT = 64
# Names that environments usually have. The runner does not tell the job's environment.
_ENVIRONMENTS = (
    *("production", "prod", "prd", "live", "staging", "stage", "preview", "development", "dev"),
    *("testing", "test", "sandbox"),
)


def is_plain_text(value: str) -> bool:
    """Return whether a text consists of a few words, as no random credential does."""
    return len(value) <= _LONGEST_PLAIN_TEXT and _PLAIN_TEXT.fullmatch(value) is not None


def is_credential(name: str, value: str) -> bool:
    """Return whether the value of a header or of a query is a credential.

    It is one unless the name is known to be plain, or the value is a plain text and the name does
    not say credential.
    """
    name, value = name.strip().lower(), value.strip()
    if name in PLAIN_HEADERS or value.lower() in AUTHENTICATION_SCHEMES:
        return False
    scheme, _, rest = value.partition(" ")
    has_scheme = scheme.lower() in AUTHENTICATION_SCHEMES and rest.strip() != ""
    says_credential = _NAME_OF_CREDENTIAL.search(name) is not None
    return says_credential or has_scheme or not is_plain_text(value)


def header_credentials(headers: Mapping[str, str]) -> Iterator[str]:
    """Yield the credentials in headers, whole and in the parts that a server may quote."""
    for name, value in headers.items():
        if is_credential(name, value):
            yield from _parts(value)


def url_credentials(url: str) -> Iterator[str]:
    """Yield the password of an address, or a user without one, and credentials of its query."""
    try:
        # The URL of a proxy may have no scheme.
        parts = urlsplit(url.strip() if "//" in url else f"//{url.strip()}")
        user, password = parts.username or "", parts.password or ""
    except ValueError:
        return
    # Uptrace's addresses are https://TOKEN@HOST.
    alone = user if not password and not is_plain_text(user) else ""
    queries = [value for name, value in parse_qsl(parts.query) if is_credential(name, value)]
    for secret in (password, unquote(password), alone, unquote(alone), *queries):
        if len(secret) >= _SHORTEST_IN_URL:
            yield secret


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return every secret value in the environment, and its parts that a server may quote.

    In a malformed header list every part counts as a secret. Words of the run's public context are
    none, except if they are the whole of a token. Those in `settings` count, though it is refused.
    """
    environ = with_shared_settings(environ)
    urls = [INPUT["otlp-endpoint"].variable, INPUT["jira-url"].variable]
    headers = [INPUT["otlp-headers"].variable]
    tokens = [row.variable for row in INPUTS if row.secret and row.variable not in headers]
    for name in environ:
        if name.startswith("OTEL_EXPORTER_OTLP_"):
            headers += [name] if name.endswith("HEADERS") else []
            urls += [name] if name.endswith("ENDPOINT") else []
        if name.upper() in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            urls.append(name)
    public = {word.lower() for word in public_words(environ)}
    lines = (environ.get(name, "").splitlines() for name in (*tokens, *TOKEN_VARIABLES))
    secrets = [line.strip() for token in lines for line in token]
    given = [value for name in headers for value in _list_credentials(environ.get(name, ""))]
    addresses = [*(environ.get(name, "") for name in urls), *shared_addresses(environ)]
    given += [secret for address in addresses for secret in url_credentials(address)]
    secrets += [secret for secret in given if secret.lower() not in public]
    return tuple(dict.fromkeys(secret for secret in secrets if len(secret) >= _SHORTEST))


def public_words(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the words of the run's public context, which are never hidden.

    Owner, repository, branch, environment, workflow and job: all of them are in addresses and names
    that everybody who can read the repository sees.
    """
    environ = with_shared_settings(environ)
    names = [
        *("GITHUB_REPOSITORY", "GITHUB_REPOSITORY_OWNER", "GITHUB_REF_NAME", "GITHUB_HEAD_REF"),
        *("GITHUB_BASE_REF", "GITHUB_JOB", "GITHUB_WORKFLOW", INPUT["repository"].variable),
    ]
    texts = [environ.get(name, "").strip() for name in names]
    # `acme/shop/.github/workflows/ci.yml@refs/heads/main`
    workflow = environ.get("GITHUB_WORKFLOW_REF", "").partition("@")[0].rpartition("/")[2]
    texts += [workflow, workflow.partition(".")[0]]
    for name in ("deployment-environments", "production-environments"):
        patterns = environ.get(INPUT[name].variable, "").replace("\n", ",").split(",")
        texts += [pattern.strip().lstrip("!") for pattern in patterns]
    with suppress(ValueError):
        texts.append(parse_target(environ.get(INPUT["target"].variable, "")).repository or "")
    words = [word for text in texts for word in (text, *text.split("/"))]
    return tuple(dict.fromkeys(word for word in (*words, *_ENVIRONMENTS) if word))


def _list_credentials(text: str) -> Iterator[str]:
    """Yield the credentials in a header list: lines, a list with commas, or a JSON object.

    Each entry counts by itself: in a run without secrets some are malformed.
    """
    document = None
    if text.strip()[:1] == "{":
        with suppress(ValueError, RecursionError):
            document = json.loads(text)
    if isinstance(document, dict) and all(isinstance(v, str) for v in document.values()):
        yield from header_credentials(document)
        return
    for entry in text.splitlines() if "\n" in text else text.split(","):
        name, equals, value = entry.partition("=")
        if not equals or not HEADER_NAME.fullmatch(name.strip()):
            # Any part of it may be the secret.
            for part in (entry, *entry.split(","), name, value):
                yield from _parts(part)
        elif is_credential(name, unquote(value)):
            yield value.strip()
            yield from _parts(unquote(value))


def _parts(value: str) -> Iterator[str]:
    """Yield a credential, what follows its scheme, and the password of `Basic`."""
    value = value.strip()
    words = value.split()
    if words and words[0].lower() in AUTHENTICATION_SCHEMES and len(words) == 1:
        return
    yield from (value, unquote(value), *words[1:])
    if len(words) == 2 and words[0].lower() == "basic":
        yield from basic_credentials(words[1])


def basic_credentials(encoded: str) -> Iterable[str]:
    """Return user and password of a `Basic` header as one text, and the password."""
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return ()
    return (text, text.partition(":")[2]) if ":" in text else (text,)
