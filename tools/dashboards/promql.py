"""PromQL for sparse series: sums, means and quantiles that are right in each form of a metric.

A series of a build system has one sample for each export. `rate` and `increase` do not see the
first sample of a series, so the expressions add up what was sent (docs/reference/metrics.md,
Queries). A store has a metric in one of three forms, and every expression here works for all:

    gauges    a sum, or `.count`, `.sum` and `.max` of a distribution, for each export
    deltas    a counter or a histogram for each export
    totals    counters and histograms that a Collector has added up

Gauges have names of their own, so an expression asks for both names. Deltas and totals have the
same names: the variable `form` of the dashboards, and the forms of the recording rules, decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from flow_telemetry.mapping.instruments import INSTRUMENTS
from flow_telemetry.mapping.metric_attributes import EXTRA_ATTRIBUTES
from flow_telemetry.otlp.series import boundaries
from flow_telemetry.telemetry import Instrument, InstrumentKind

BY_NAME = {instrument.name: instrument for instrument in INSTRUMENTS}
# Where the total before a window is looked for. After a longer pause a series counts as new, as it
# does to the Collector, which forgets series too.
LOOKBACK = "90d"
# No series has this label, so a matcher with the variable turns a part of an expression on or off:
# `.*` matches the label that is not there, `totals` does not.
FORM_LABEL = "flow_form"
SUMS, TOTALS = ".*", "totals"
# A resource attribute that a store makes a label of if it is told to, and the label of buckets.
_OTHER_LABELS = ("team", "le")
_MATCHER = re.compile(r"^([\w.]+)\s*(=~|!~|!=|=)?$")
# Units of Prometheus: https://github.com/prometheus/otlptranslator/blob/main/metric_namer.go
_UNITS = {"s": "seconds", "min": "minutes", "By": "bytes", "%": "percent"}

Matchers = Mapping[str, str]


class Part(Enum):
    """The value of a sum, or one of the values that a distribution consists of."""

    VALUE = ""
    COUNT = "count"
    SUM = "sum"
    BUCKET = "bucket"
    UP_TO = "up to"  # The buckets of one boundary.


class Form(Enum):
    """The forms that an expression is for; a dashboard chooses by its variable."""

    CHOSEN = "chosen"
    GAUGES = "gauges"
    DELTAS = "deltas"
    TOTALS = "totals"


def prometheus_name(name: str, unit: str, kind: str) -> str:
    """Return the name that Prometheus and a Collector give to an OTLP metric.

    Units in braces are left out, the unit 1 is a ratio only for gauges, and a unit that is part of
    the name is not repeated.
    """
    words = name.replace(".", "_").split("_")
    suffix = _UNITS.get(unit, "")
    if unit == "1" and kind == "gauge":
        suffix = "ratio"
    if suffix and suffix not in words:
        words.append(suffix)
    if kind == "sum":
        words = [word for word in words if word != "total"] + ["total"]
    return "_".join(words)


@dataclass(frozen=True)
class Query:
    """Expressions with the same matchers and form.

    ``where`` are the matchers of all expressions: attribute and operator to value, such as
    ``{"github.repository=~": "$repository"}``; without an operator it is ``=``.
    """

    where: tuple[tuple[str, str], ...] = ()
    form: Form = Form.CHOSEN

    def only(self, where: Matchers) -> Query:
        """Return a query with further matchers."""
        return Query((*self.where, *where.items()), self.form)

    def total(self, name: str, window: str, by: Sequence[str] = (), part: Part = Part.VALUE) -> str:
        """Return the sum over a window of a metric, or of a part of a distribution."""
        instrument = BY_NAME[name]
        labels = [_label(instrument, attribute) for attribute in by]
        if part is Part.BUCKET:
            labels.append("le")
        added = self._added(instrument, window, part).replace("\n", "\n  ")
        return f"{_aggregation('sum', labels)} (\n  {added}\n)"

    def count(self, name: str, window: str, by: Sequence[str] = ()) -> str:
        """Return the number of values of a distribution."""
        return self.total(name, window, by, Part.COUNT)

    def mean(self, name: str, window: str, by: Sequence[str] = ()) -> str:
        """Return the mean of a distribution."""
        parts = (self.total(name, window, by, part) for part in (Part.SUM, Part.COUNT))
        return " / ".join(parts)

    def up_to(self, bound: int, name: str, window: str, by: Sequence[str] = ()) -> str:
        """Return the number of values up to the boundary of a bucket; gauges have none."""
        instrument = BY_NAME[name]
        if bound not in boundaries(instrument):
            raise ValueError(f"{name} has no bucket that ends at {bound}")
        # Prometheus and the Collector write 300.0, VictoriaMetrics writes 300.
        query = self.only({"le=~": f"{bound}|{bound}.0"})
        return query.total(name, window, by, Part.UP_TO)

    def quantile(self, share: float, name: str, window: str, by: Sequence[str] = ()) -> str:
        """Return a quantile of a distribution; gauges have none."""
        buckets = self.total(name, window, by, Part.BUCKET)
        return f"histogram_quantile({share}, {buckets})"

    def longest(self, name: str, window: str, by: Sequence[str] = ()) -> str:
        """Return the largest value; of buckets, the end of the last one that has values."""
        instrument = BY_NAME[name]
        gauge = prometheus_name(f"{name}.max", instrument.unit, "gauge")
        largest = _aggregation("max", [_label(instrument, attribute) for attribute in by])
        gauges = f"{largest} (max_over_time({gauge}{self._matchers(instrument)}[{window}]))"
        return f"{gauges} or {self.quantile(1, name, window, by)}"

    def share(self, of: str, among: str) -> str:
        """Return one sum divided by another; 0 if the first one has no series."""
        return f"({of} or 0 * {among}) / {among}"

    def state(self, name: str, window: str, by: Sequence[str] = (), aggregate: str = "sum") -> str:
        """Return the last reading of open work, which is a gauge in every form."""
        instrument = BY_NAME[name]
        series = prometheus_name(name, instrument.unit, "gauge")
        last = f"last_over_time({series}{self._matchers(instrument)}[{window}])"
        labels = [_label(instrument, attribute) for attribute in by]
        # A sweep that could not read all has other series; of both the larger number is nearer.
        complete = f"max without (flow_load_incomplete) ({last})"
        return f"{_aggregation(aggregate, labels)} ({complete})"

    def _added(self, instrument: Instrument, window: str, part: Part) -> str:
        gauge, counter = series_names(instrument, part)
        both = self._matchers(instrument)
        deltas = f"sum_over_time({counter}{self._matchers(instrument, '=~')}[{window}])"
        series = f"{counter}{self._matchers(instrument, '!~')}"
        last = f"last_over_time({series}[{window}])"
        before = f"last_over_time({series}[{LOOKBACK}] offset {window})"
        # A series that is new, or began at zero again, has all of its total from this window.
        totals = f"({last} - {before} >= 0 or {last})"
        gauges = f"sum_over_time({gauge}{both}[{window}])" if gauge else ""
        # Without a unit in the name, `.count` and `.sum` are called like those of a histogram.
        same = gauge == counter
        parts = {
            Form.CHOSEN: (deltas, totals) if same else (gauges, deltas, totals),
            Form.GAUGES: (gauges,),
            Form.DELTAS: (deltas,),
            Form.TOTALS: (totals,),
        }[self.form]
        return "\nor ".join(filter(None, parts))

    def _matchers(self, instrument: Instrument, form: str = "") -> str:
        texts = [_matcher(instrument, key, value) for key, value in self.where]
        if form and self.form is Form.CHOSEN:
            texts.append(f'{FORM_LABEL}{form}"$form"')
        return f"{{{','.join(texts)}}}" if texts else ""


def series_names(instrument: Instrument, part: Part = Part.VALUE) -> tuple[str, str]:
    """Return the names of a metric's series: as gauges, and as deltas or totals.

    Buckets are not sent as gauges: their name is empty.
    """
    name, unit, kind = instrument.name, instrument.unit, instrument.kind
    if kind is InstrumentKind.SUM and part is Part.VALUE:
        return prometheus_name(name, unit, "gauge"), prometheus_name(name, unit, "sum")
    if kind is InstrumentKind.HISTOGRAM and part is not Part.VALUE:
        histogram = prometheus_name(name, unit, "histogram")
        if part in (Part.BUCKET, Part.UP_TO):
            return "", f"{histogram}_bucket"
        counter = f"{histogram}_{part.value}"
        gauge_unit = "" if part is Part.COUNT else unit
        return prometheus_name(f"{name}.{part.value}", gauge_unit, "gauge"), counter
    raise ValueError(f"{name} is a {kind.value}, which has no {part.name.lower()}")


def label(attribute: str) -> str:
    """Return the label of an attribute."""
    return attribute.replace(".", "_")


def _label(instrument: Instrument, attribute: str) -> str:
    known = {*instrument.attributes, *EXTRA_ATTRIBUTES, *_OTHER_LABELS}
    if attribute not in known:
        raise ValueError(f"{instrument.name} has no attribute {attribute}")
    return label(attribute)


def _matcher(instrument: Instrument, key: str, value: str) -> str:
    found = _MATCHER.match(key)
    if found is None:
        raise ValueError(f"not an attribute with an operator: {key}")
    return f'{_label(instrument, found[1])}{found[2] or "="}"{value}"'


def _aggregation(function: str, labels: Sequence[str]) -> str:
    return f"{function} by ({', '.join(labels)})" if labels else function
