"""What is taken out of every text that is exported or shown, besides the forms that all know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flow_telemetry.errors import SettingsError
from flow_telemetry.redaction import patterns
from flow_telemetry.settings.inputs import INPUT, given
from flow_telemetry.settings.secrets import secrets_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionSettings:
    """``secrets`` are the program's own credentials, in no representation of this.

    ``patterns`` are the user's regular expressions, each found fit.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    patterns: tuple[str, ...] = ()


def redaction_settings(
    inputs: Mapping[str, str], environ: Mapping[str, str], repository: str | None
) -> RedactionSettings:
    """Return what is to be taken out.

    What everybody knows, the name of the repository and of its owner, is no secret, even where a
    header holds it: a tenant is often called so.

    Raises:
        SettingsError: a pattern cannot be used; the text names the input and its line.
    """
    as_given = {INPUT[name].variable: text for name, text in inputs.items()}
    known = (repository or "").lower()
    public = {known, *known.split("/")}
    secrets = secrets_of({**environ, **as_given})
    return RedactionSettings(
        secrets=tuple(each for each in secrets if each.lower() not in public),
        patterns=_patterns(given(inputs, "redact")),
    )


def _patterns(text: str) -> tuple[str, ...]:
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        pattern = line.strip()
        wrong = patterns.problem(pattern) if pattern else None
        if wrong is not None:
            raise SettingsError(
                f"input redact: the pattern on line {number} {wrong}. One regular expression a "
                "line is understood; docs/redaction.md says which"
            )
        if pattern:
            found.append(pattern)
    return tuple(found)
