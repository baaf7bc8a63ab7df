"""The input `settings`: its grammar, what it refuses, and what counts more."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.settings.loading import environ_of, load
from tests.support.program import Program

from flow_telemetry.errors import SettingsError
from flow_telemetry.settings import Detail, EntryPoint, public_words, secrets_of
from flow_telemetry.settings.inputs import INPUT, INPUTS
from flow_telemetry.settings.shared import (
    MOST_BYTES,
    parse_shared_settings,
    read_settings_file,
    with_shared_settings,
)

NAMES = [each.name for each in INPUTS if not (each.secret or each.address or each.input_only)]
# What a line may contain: no line break, no blank at its ends.
LINES = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=30
).map(str.strip)
VALUES = LINES.filter(lambda line: bool(line) and not re.fullmatch("(['\"]).*\\1", line))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("detail: job", {"detail": "job"}),
        ("detail:job\r\nactors :  hash  \r", {"detail": "job", "actors": "hash"}),
        ("# detail: job\n#actors: hash\n\n", {}),
        ("\ufeffdetail: job", {"detail": "job"}),
        ("trace-url: https://x/{trace_id}#a", {"trace-url": "https://x/{trace_id}#a"}),
        ("service-name: 'ci' # not a comment", {"service-name": "'ci' # not a comment"}),
        ("redact:\n  # [a-z]: x\n    b\\d\n", {"redact": "# [a-z]: x\nb\\d"}),
        ("redact:\n  a\n\n# between\n  b\ndetail: run", {"redact": "a\nb", "detail": "run"}),
        ("redact:", {"redact": ""}),
        ("detail: job\ndetail: run", {"detail": "run"}),
        ("redact:\n  a\nredact:\n  b", {"redact": "b"}),
    ],
)
def test_the_grammar(text: str, expected: dict[str, str]) -> None:
    """Comments, values, lists; the later of two values counts."""
    assert parse_shared_settings(text).texts == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("detial: job", ["line 1", "`detial`", "`detail`"]),
        ("\nDetail: job", ["line 2", "`Detail`", "`detail`"]),
        ("max_spans: 5", ["`max_spans`", "`max-spans`"]),
        ("colour: red", ["`colour`", "README"]),
        ("s3cr3t-word: x", ["line 1 does not begin with the name of a setting"]),
        ("https://user:word@x", ["`https`"]),
        ("detail job", ["line 1 has no `name:`"]),
        (" detail: job", ["line 1", "two blanks"]),
        ("redact:\n\tx", ["line 2", "two blanks"]),
        ("  detail: job", ["line 1", "indented", "above it"]),
        ("detail: job\n  step", ["line 2", "indented"]),
        ("settings: x", ["`settings`", "an input only"]),
        ("fail-on-error: true", ["`fail-on-error`", "an input only"]),
        ('workflows: "!CI"', ["`workflows` on line 1", "Remove them"]),
        ("detail: job\njira-url: 'https://jira.example.com'", ["`jira-url` on line 2", "quotes"]),
    ],
)
def test_what_cannot_be_read_is_an_error(text: str, words: list[str]) -> None:
    """It names the line, and the nearest setting; it quotes no value, which may be a secret."""
    with pytest.raises(SettingsError) as caught:
        load(settings=text)
    message = str(caught.value)
    assert message.startswith("`settings` cannot be used: ")
    assert [word for word in words if word not in message] == []
    assert not {"job", "word", "s3cr3t", "red"} & set(message.replace("`", " ").split())


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("otlp-headers: authorization=Bearer abcdef123456", "abcdef123456"),
        ("otlp-headers:\n  api-key=abcdef123456", "abcdef123456"),
        ("github-token: ghp_abcdef123456", "ghp_abcdef123456"),
        ("jira-token: abcdef123456", "abcdef123456"),
        ("otlp-endpoint: https://user:abcdef123456@otlp.example.com", "abcdef123456"),
        ("otlp-endpoint: https://otlp.example.com/?token=abcdef123456", "abcdef123456"),
        ("jira-url: https://me:abcdef123456@jira.example.com", "abcdef123456"),
    ],
)
def test_credentials_are_refused_without_being_shown(
    program: Program, text: str, secret: str
) -> None:
    """The error names the secret to use, and the runner hides what it has printed already."""
    name = text.partition(":")[0]
    result = program.action(settings=f"detail: job\n{text}")
    (error,) = result.errors
    assert f"`{name}` on line 2" in error
    assert f"secrets.{name.replace('-', '_').upper()} }}}}" in error
    assert secret not in result.log
    assert secret in result.masks
    assert program.receiver.requests == []


@given(st.dictionaries(st.sampled_from(NAMES), VALUES | st.lists(VALUES, min_size=1, max_size=3)))
def test_every_value_comes_back(written: dict[str, str | list[str]]) -> None:
    """Whatever is in a line: quotes within it, hashes and colons are only characters."""
    lines = [
        f"{name}: {value}" if isinstance(value, str) else "\n  ".join([f"{name}:", *value])
        for name, value in written.items()
    ]
    expected = {n: v if isinstance(v, str) else "\n".join(v) for n, v in written.items()}
    read = parse_shared_settings("\n".join(lines))
    assert read.texts == expected
    assert not read.repeated


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """And what is refused is read as far as possible, to hide its credentials."""
    with_shared_settings({INPUT["settings"].variable: text})
    try:
        read = parse_shared_settings(text)
    except SettingsError as error:
        assert "\n" not in str(error)  # noqa: PT017 - no error is as good
    else:
        assert set(read.texts) <= set(NAMES) | {"otlp-endpoint", "jira-url"} | set(INPUT)


@pytest.mark.parametrize(
    ("environ", "inputs", "expected"),
    [
        ({}, {}, "default"),
        ({}, {"settings": "detail: job"}, "`settings`, line 1"),
        ({}, {"settings": "detail: job", "detail": "run"}, "input"),
        ({}, {"settings": "detail:"}, "default"),
    ],
)
def test_precedence_of_a_setting(
    environ: dict[str, str], inputs: dict[str, str], expected: str
) -> None:
    """An input counts more than `settings`, and `settings` more than the default."""
    settings = load(environ, **inputs)
    (origin,) = [each for each in settings.origins() if each.name == "detail"]
    assert origin.place == expected
    assert settings.tracing.detail is Detail(origin.value)


@pytest.mark.parametrize(
    ("name", "places", "expected"),
    [
        ("metric-shape", {}, ("auto", "default")),
        ("metric-shape", {"preset": "prometheus"}, ("gauge", "backend prometheus")),
        (
            "metric-shape",
            {"preset": "prometheus", "settings": "histogram"},
            ("histogram", "`settings`, line 1"),
        ),
        (
            "metric-shape",
            {"preset": "prometheus", "settings": "histogram", "input": "auto"},
            ("auto", "input"),
        ),
        ("resource-attributes", {"OTEL": "team=a"}, ("team=a", "OTEL_RESOURCE_ATTRIBUTES")),
        (
            "resource-attributes",
            {"OTEL": "team=a", "settings": "team=b"},
            ("team=b", "`settings`, line 1"),
        ),
        (
            "resource-attributes",
            {"OTEL": "team=a", "settings": "team=b", "input": "team=c"},
            ("team=c", "input"),
        ),
    ],
)
def test_the_first_place_with_a_value_counts(
    name: str, places: dict[str, str], expected: tuple[str, str]
) -> None:
    """An input, `settings`, a variable of OpenTelemetry, the preset of `backend`, the default."""
    environ = {"OTEL_RESOURCE_ATTRIBUTES": places.get("OTEL", "")}
    lines = [f"{name}: {places['settings']}"] if "settings" in places else []
    given = {"backend": places.get("preset", ""), "settings": "\n".join(lines)}
    settings = load(environ, **given, **{name.replace("-", "_"): places.get("input", "")})
    (origin,) = [each for each in settings.origins() if each.name == name]
    assert (origin.value, origin.place) == expected
    value: object = settings.signals.metric_shape.value
    if name == "resource-attributes":
        value = ",".join(f"{k}={v}" for k, v in settings.resource_attributes.items())
    assert value == expected[0]


def test_settings_count_more_than_variables_of_opentelemetry() -> None:
    """A job sets those for its own programs."""
    environ = {"OTEL_RESOURCE_ATTRIBUTES": "team=a"}
    assert load(environ).resource_attributes == {"team": "a"}
    settings = load(environ, settings="resource-attributes: team=b")
    assert settings.resource_attributes == {"team": "b"}


def test_every_setting_may_stand_in_it_that_is_no_credential() -> None:
    """Each name of the table, with its default."""
    for name in NAMES:
        assert load(settings=f"{name}: {INPUT[name].default}").errors == ()


def test_its_public_words_and_addresses_count() -> None:
    """Before anything is loaded: they decide what is hidden."""
    environ = environ_of(settings="production-environments: blue\nrepository: acme/shop")
    assert {"blue", "acme", "shop"} <= set(public_words(environ))
    assert secrets_of(environ_of(settings="github-token: ghp_abc")) == ("ghp_abc",)


def test_debug_says_where_each_value_is_from(program: Program) -> None:
    """And which of two values counts."""
    text = "log-level: debug\ndetail: job\ndetail: run"
    result = program.action(settings=text, signals="traces")
    assert "debug: setting detail: run (`settings`, line 3)" in result.log
    assert "debug: setting signals: traces (input)" in result.log
    assert "debug: setting github-token: *** (input)" in result.log
    repeated = "`settings` has `detail` on the lines 2 and 3; the value on line 3 counts"
    assert f"debug: {repeated}" in result.log


def test_a_check_prints_it(program: Program, tmp_path: Path) -> None:
    """The file of `--settings` is read as the input is."""
    file = tmp_path / "shared.txt"
    file.write_text("detail: job\n", encoding="utf-8")
    result = program.command(
        "check", "--settings", file, "--tracker", "none", "--repo", "acme/shop"
    )
    assert "setting detail: job (`settings`, line 1)" in result.stdout
    assert "setting tracker: none (input)" in result.stdout


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * (MOST_BYTES + 1), None])
def test_a_file_that_cannot_be_read_is_an_error(
    program: Program, tmp_path: Path, content: bytes | None
) -> None:
    """It is missing, too large, or in another encoding."""
    file = tmp_path / "shared.txt"
    if content is not None:
        file.write_bytes(content)
    result = program.command("check", "--settings", file)
    assert result.status == 2
    assert "`--settings` names " in result.stderr
    assert "at most 64 kB" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """It is no regular file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SettingsError, match="not a regular file"):
        read_settings_file(str(pipe))


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Editors of Windows write one."""
    file = tmp_path / "shared.txt"
    file.write_bytes(b"\xef\xbb\xbfdetail: job\r\n")
    text = read_settings_file(str(file))
    assert load({}, EntryPoint.COMMAND_LINE, settings=text).tracing.detail is Detail.JOB
