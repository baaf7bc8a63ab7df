"""Coverage reports in JSON: coverage.py, Istanbul's summary, llvm-cov and SimpleCov."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flow_telemetry.errors import ReportError
from flow_telemetry.http import payload as take
from flow_telemetry.http.payload import Payload
from flow_telemetry.model.reports import Coverage, Covered
from flow_telemetry.reports import files
from flow_telemetry.reports.coverage_counts import Counter, count_hits, parse_covered
from flow_telemetry.reports.files import Content, parent_folder, parse_count

LLVM = "llvm.coverage.json.export"
# Other tools by a field of their JSON, and what to do.
_OTHERS = (
    ("totals", "its `totals` have no lines. Write it with `coverage json`"),
    ("gcovr/format_version", "gcovr wrote it. Use its option `--cobertura`"),
    ("source_files", "it is in the format of Coveralls. Let the tool write LCOV or Cobertura"),
    ("coverage", "it is in the format of Codecov. Let the tool write LCOV or Cobertura"),
    ("result", "it has no numbers of lines. For SimpleCov, name `.resultset.json`; for V8's "
               "coverage, use `c8 report --reporter=lcov`"),
    ("files", "its tool is unknown. For cargo-tarpaulin, use `--out Lcov`; for coverage.py, "
              "`coverage json`"),
)  # fmt: skip


def read_json(content: Content, name: str, workspace: str = "") -> Coverage:
    """Return the coverage of a report in JSON, with the folders of source files as packages.

    Raises:
        ReportError: it cannot be read, or is of another tool.
    """
    report = decode_object(files.read_text(content, name))
    if report is None:
        raise ReportError(
            f"{name} is not a complete JSON document. The tool that writes it may have been cut off"
        )
    counter = Counter(name, workspace)
    if _parse_lines(take.child(report, "totals")) is not None:
        return _read_coverage_py(report, counter)
    if _parse_summary(take.child(report, "total"), "lines") is not None:
        return _read_istanbul(report, counter)
    if report.get("type") == LLVM:
        return _read_llvm(report, counter)
    if any(_list_simplecov(report)):
        return _read_simplecov(report, counter)
    raise _unknown_format(report, name)


def decode_object(content: str | bytes) -> Payload | None:
    """Return a JSON object; {} for other JSON, None for what is not JSON."""
    try:
        decoded: Any = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else {}


def _unknown_format(report: Payload, name: str) -> ReportError:
    is_istanbul = any("statementMap" in file for file in report.values() if isinstance(file, dict))
    hint = (
        "Istanbul wrote it for tools. Use its reporter `json-summary` or `lcov`"
        if is_istanbul
        else next((hint for field, hint in _OTHERS if field in report), "its tool is unknown")
    )
    return ReportError(
        f"{name} is JSON, but not in a supported format: {hint}. Supported are coverage.py's JSON, "
        "Istanbul's `coverage-summary.json`, llvm-cov's export and SimpleCov's `.resultset.json`"
    )


# coverage.py's own JSON (`coverage json`).


def _read_coverage_py(report: Payload, counter: Counter) -> Coverage:
    for path, file in take.child(report, "files").items():
        summary = take.child(file, "summary") if isinstance(file, dict) else {}
        lines = _parse_lines(summary)
        if lines is not None:
            counter.add(parent_folder(counter.name_file(path)), lines, _parse_branches(summary))
    totals = take.child(report, "totals")
    return counter.build("coverage.py", _parse_lines(totals), _parse_branches(totals))


def _parse_lines(summary: Payload) -> Covered | None:
    return parse_covered(summary.get("covered_lines"), summary.get("num_statements"))


def _parse_branches(summary: Payload) -> Covered | None:
    return parse_covered(summary.get("covered_branches"), summary.get("num_branches"))


# Istanbul's `coverage-summary.json`, written by jest, nyc, c8 and vitest.


def _read_istanbul(report: Payload, counter: Counter) -> Coverage:
    for path, file in report.items():
        lines = _parse_summary(file, "lines") if path != "total" else None
        if lines is not None:
            folder = parent_folder(counter.name_file(path))
            counter.add(folder, lines, _parse_summary(file, "branches"))
    totals = take.child(report, "total")
    return counter.build(
        "istanbul", _parse_summary(totals, "lines"), _parse_summary(totals, "branches")
    )


def _parse_summary(summary: object, unit: str, coverable: str = "total") -> Covered | None:
    counts = take.child(summary, unit) if isinstance(summary, dict) else {}
    return parse_covered(counts.get("covered"), counts.get(coverable))


# The JSON of `llvm-cov export`, also by cargo-llvm-cov and Swift.


def _read_llvm(report: Payload, counter: Counter) -> Coverage:
    lines: list[Covered | None] = []
    branches: list[Covered | None] = []
    for part in take.children(report, "data"):
        for file in take.children(part, "files"):
            summary = take.child(file, "summary")
            counted = _parse_summary(summary, "lines", "count")
            if counted is not None:
                path = counter.name_file(take.text(file, "filename") or "")
                own = _parse_summary(summary, "branches", "count")
                counter.add(parent_folder(path), counted, own)
        totals = take.child(part, "totals")
        lines.append(_parse_summary(totals, "lines", "count"))
        branches.append(_parse_summary(totals, "branches", "count"))
    if len(lines) == 1:
        return counter.build("llvm-cov", lines[0], branches[0])
    return counter.build("llvm-cov")


# SimpleCov's `.resultset.json`: the lines of each file, for each command that ran tests.


def _list_simplecov(report: Payload) -> Iterator[tuple[str, object]]:
    """Yield the source files of all commands, with their hits."""
    for command in report.values():
        covered = command.get("coverage") if isinstance(command, dict) else None
        if isinstance(covered, dict):
            yield from covered.items()


def _read_simplecov(report: Payload, counter: Counter) -> Coverage:
    """Return the coverage; a line that several commands ran counts once."""
    lines: dict[str, dict[object, int]] = {}
    branches: dict[str, dict[object, int]] = {}
    for path, file in _list_simplecov(report):
        known = counter.name_file(path)
        listed = file.get("lines") if isinstance(file, dict) else file
        entries = enumerate(listed if isinstance(listed, list) else ())
        _add_hits(counter, lines.setdefault(known, {}), entries)
        groups = take.child(file, "branches") if isinstance(file, dict) else {}
        conditions = (
            ((condition, branch), hits)
            for condition, group in groups.items()
            if isinstance(group, dict)
            for branch, hits in group.items()
        )
        _add_hits(counter, branches.setdefault(known, {}), conditions)
    for path, hits in lines.items():
        counter.add(parent_folder(path), count_hits(hits), count_hits(branches[path]))
    return counter.build("simplecov")


def _add_hits(
    counter: Counter, hits: dict[object, int], entries: Iterator[tuple[object, Any]]
) -> None:
    """Add entries to hits; one without a number is not code."""
    for key, times in entries:
        number = parse_count(times)
        if number is not None:
            counter.count_one()
            hits[key] = max(number, hits.get(key, 0))
