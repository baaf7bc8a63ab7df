"""Settings as the two doors load them, from inputs by their names with underscores."""

from __future__ import annotations

from collections.abc import Mapping

from flow_telemetry.settings import EntryPoint, Settings, load_settings
from flow_telemetry.settings.inputs import INPUTS
from flow_telemetry.telemetry import Signal, SignalTarget


def environ_of(environ: Mapping[str, str] | None = None, /, **inputs: str) -> dict[str, str]:
    """Return the environment that the action's step would have."""
    variables = {each.name.replace("-", "_"): each.variable for each in INPUTS}
    return {**(environ or {}), **{variables[name]: text for name, text in inputs.items()}}


def load(
    environ: Mapping[str, str] | None = None, door: EntryPoint = EntryPoint.ACTION, /, **inputs: str
) -> Settings:
    """Load the settings of the action, or of the command line."""
    return load_settings(environ_of(environ, **inputs), door)


def target(environ: Mapping[str, str] | None = None, /, **inputs: str) -> SignalTarget:
    """Return where traces go."""
    return load(environ, **inputs).otlp.targets[Signal.TRACES]
