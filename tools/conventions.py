"""OpenTelemetry's semantic conventions, and the tables of docs/reference/conventions.md.

Names, units and well-known values come from the installed package. The reasons are in
`conventions_reasons`. A name that a release adds, or that we begin to send, has to get its reason
there: the functions raise an error until it has one.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from opentelemetry.semconv import attributes as stable_attributes
from opentelemetry.semconv import schemas
from opentelemetry.semconv._incubating import attributes as incubating_attributes
from opentelemetry.semconv._incubating import metrics as incubating_metrics
from tools.conventions_reasons import (
    FAMILIES,
    METRIC_FAMILIES,
    METRIC_USES,
    METRICS_NOT_SENT,
    NOT_SENT,
    OPEN_VALUES,
    OTHER_VALUES,
    OUR_VALUES,
    PROPOSED,
    USES,
    VALUES,
    Family,
)

from flow_telemetry.mapping.attributes import Attribute
from flow_telemetry.telemetry import Instrument, InstrumentKind

MODEL = Path(__file__).resolve().parents[1] / "docs" / "reference" / "conventions-model.yaml"

# The areas whose attributes and metrics are all compared; of the others, those that we send.
AREAS = ("cicd.", "deployment.", "error.", "exception.", "service.", "test.", "vcs.")
OUR_PREFIXES = ("flow.", "github.")
KINDS = {
    "histogram": InstrumentKind.HISTOGRAM,
    "counter": InstrumentKind.SUM,
    "gauge": InstrumentKind.GAUGE,
    # What goes up and down is a state at its instant; backends store it as they do a gauge.
    "updowncounter": InstrumentKind.GAUGE,
}

# A constant of the package, with the documentation below it.
_CONSTANT = re.compile(
    r'^([A-Z][A-Z0-9_]*): Final = "([\w.]+)"\n"""\n(.*?)"""', re.MULTILINE | re.DOTALL
)
_INSTRUMENT = re.compile(r"^Instrument: (\w+)$", re.MULTILINE)
_UNIT = re.compile(r"^Unit: (\S+)$", re.MULTILINE)

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """An attribute or a metric of the conventions.

    ``values`` are an attribute's well-known ones, ``instrument`` and ``unit`` are a metric's.
    """

    name: str
    stable: bool
    deprecated: bool
    values: tuple[str, ...] = ()
    instrument: str = ""
    unit: str = ""

    @property
    def status(self) -> str:
        """What the package says of it: its modules tell stable names from the others."""
        if self.deprecated:
            return "deprecated"
        return "stable" if self.stable else "not stable"


@cache
def convention_attributes() -> Mapping[str, Convention]:
    """Return all attributes of the installed package by name."""
    # The modules of stable names come last: the others repeat their names as moved.
    return {
        convention.name: convention
        for package, stable in ((incubating_attributes, False), (stable_attributes, True))
        for module in _modules(package)
        for convention in _attributes(module, stable=stable)
    }


@cache
def convention_metrics() -> Mapping[str, Convention]:
    """Return the metrics of the installed package by name, without those that are stable."""
    found = {}
    for module in _modules(incubating_metrics):
        for _, name, text in _CONSTANT.findall(inspect.getsource(module)):
            instrument, unit = _INSTRUMENT.search(text), _UNIT.search(text)
            found[name] = Convention(
                name=name,
                stable=False,
                deprecated=text.startswith("Deprecated"),
                instrument=instrument[1] if instrument else "",
                unit=unit[1] if unit else "",
            )
    return found


def release() -> str:
    """Return the release of the conventions that the installed package has, `1.44.0`."""
    return max(schemas.Schemas, key=lambda schema: _version(schema.value)).value.rpartition("/")[2]


def _version(schema: str) -> tuple[int, ...]:
    return tuple(int(part) for part in schema.rpartition("/")[2].split("."))


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{module.name}")


def _attributes(module: ModuleType, *, stable: bool) -> Iterator[Convention]:
    for constant, name, text in _CONSTANT.findall(inspect.getsource(module)):
        values = getattr(module, constant.title().replace("_", "") + "Values", None)
        yield Convention(
            name=name,
            stable=stable,
            deprecated=text.startswith("Deprecated"),
            values=tuple(str(member.value) for member in values or ()),
        )


def is_ours(name: str) -> bool:
    """Whether a name is in a namespace of ours."""
    return name.startswith(OUR_PREFIXES)


def family_of(name: str, families: Iterable[Family]) -> Family:
    """Return the family of a name: the one with the longest prefix that fits.

    Raises:
        LookupError: none fits.
    """
    fitting = [family for family in families if name.startswith(family.prefix)]
    if not fitting:
        raise LookupError(f"`{name}` has no reason: add a family to tools/conventions_reasons.py")
    return max(fitting, key=lambda family: len(family.prefix))


def followed_rows(sent_on: Mapping[str, str]) -> Iterator[Row]:
    """Yield a row for each attribute of the conventions that we send.

    ``sent_on`` says for each attribute where it is sent.

    Raises:
        LookupError: the conventions do not have an attribute that is not ours.
    """
    known = convention_attributes()
    for name in sorted(name for name in sent_on if not is_ours(name)):
        if name not in known:
            raise LookupError(f"`{name}` is not in release {release()} of the conventions")
        yield f"`{name}`", known[name].status, sent_on[name], USES.get(name, "as defined")


def value_rows(sent: Iterable[str]) -> Iterator[Row]:
    """Yield a row for each attribute that we send and that has well-known values.

    Raises:
        LookupError: its values are not in the lists of `conventions_reasons`.
    """
    known = convention_attributes()
    for name in sorted(name for name in sent if name in known and known[name].values):
        theirs = known[name].values
        if name in OPEN_VALUES:
            yield f"`{name}`", _codes(theirs), OPEN_VALUES[name], ""
            continue
        if name not in VALUES:
            raise LookupError(f"`{name}` needs its values in VALUES or OPEN_VALUES")
        yield (
            f"`{name}`",
            _codes(theirs),
            _codes(value for value in VALUES[name] if value in theirs),
            "; ".join(
                f"`{value}`: {OTHER_VALUES[name, value]}"
                for value in VALUES[name]
                if value not in theirs
            ),
        )


def our_value_rows() -> Iterator[Row]:
    """Yield a row for each attribute whose closed list of values is ours."""
    for name, values in sorted(OUR_VALUES.items()):
        yield f"`{name}`", _codes(values)


def not_sent_rows(sent: Iterable[str]) -> Iterator[Row]:
    """Yield a row for each attribute of the compared areas that we do not send.

    Raises:
        LookupError: it has no reason.
    """
    yield from _missing(convention_attributes(), NOT_SENT, frozenset(sent))


def metrics_not_sent_rows(instruments: Iterable[Instrument]) -> Iterator[Row]:
    """Yield a row for each metric of the compared areas that we do not send.

    Raises:
        LookupError: it has no reason.
    """
    sent = frozenset(instrument.name for instrument in instruments)
    yield from _missing(convention_metrics(), METRICS_NOT_SENT, sent)


def _missing(
    known: Mapping[str, Convention], reasons: Mapping[str, str], sent: frozenset[str]
) -> Iterator[Row]:
    for name, convention in sorted(known.items()):
        if name in sent or convention.deprecated or not name.startswith(AREAS):
            continue
        if name not in reasons:
            raise LookupError(
                f"`{name}` is not sent: tools/conventions_reasons.py needs the reason"
            )
        yield f"`{name}`", convention.status, reasons[name]


def our_rows(sent_on: Mapping[str, str]) -> Iterator[Row]:
    """Yield a row for each family of attributes of ours, with all of its names."""
    yield from _families(filter(is_ours, sent_on), FAMILIES)


def metric_rows(instruments: Sequence[Instrument]) -> Iterator[Row]:
    """Yield a row for each metric of the conventions that we send.

    Raises:
        LookupError: the conventions do not have it.
    """
    known = convention_metrics()
    for instrument in instruments:
        if is_ours(instrument.name):
            continue
        if instrument.name not in known:
            raise LookupError(f"`{instrument.name}` is not in release {release()}")
        convention = known[instrument.name]
        use = METRIC_USES.get(instrument.name, "as defined")
        theirs = f"{convention.instrument}, `{convention.unit}`"
        ours = f"{instrument.kind.value}, `{instrument.unit}`"
        yield f"`{instrument.name}`", convention.status, theirs, ours, use


def our_metric_rows(instruments: Iterable[Instrument]) -> Iterator[Row]:
    """Yield a row for each family of metrics of ours, with all of its names."""
    names = (instrument.name for instrument in instruments)
    yield from _families(filter(is_ours, names), METRIC_FAMILIES)


def _families(names: Iterable[str], families: Sequence[Family]) -> Iterator[Row]:
    grouped: dict[Family, list[str]] = {}
    for name in sorted(names):
        grouped.setdefault(family_of(name, families), []).append(name)
    for family, members in sorted(grouped.items(), key=lambda item: item[0].prefix):
        yield _codes(members), family.nearest, family.reason


def model_groups() -> list[dict[str, Any]]:
    """Return the groups of the proposal, as its YAML has them."""
    loaded: dict[str, list[dict[str, Any]]] = yaml.safe_load(MODEL.read_text(encoding="utf-8"))
    return loaded["groups"]


def proposal_rows(groups: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """Yield a row for each attribute, entity, span, event and metric of the proposal."""
    for group in groups:
        if group["type"] == "attribute_group":
            for attribute in group["attributes"]:
                yield _proposal("attribute", attribute["id"], attribute["brief"])
        else:
            name = group.get("metric_name") or group.get("name") or group["id"]
            yield _proposal(group["type"], name, group["brief"])


def _proposal(kind: str, name: str, brief: str) -> Row:
    ours = f"`{PROPOSED[name]}`" if name in PROPOSED else ""
    return f"`{name}`", kind, ours, brief.strip()


def sent_on(attributes: Iterable[Attribute], on_metrics: Iterable[str]) -> Mapping[str, str]:
    """Return where each attribute is sent: on which spans or records, and whether on metrics."""
    places: dict[str, list[str]] = {}
    for attribute in attributes:
        places.setdefault(attribute.name, []).append(attribute.on)
    for name in dict.fromkeys(on_metrics):
        places.setdefault(name, []).append("metrics")
    return {name: ", ".join(on) for name, on in places.items()}


def _codes(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)
