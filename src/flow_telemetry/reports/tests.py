"""Test reports: the format of a file, by its content."""

from __future__ import annotations

import re

from flow_telemetry.errors import ReportError
from flow_telemetry.model.reports import TestReport
from flow_telemetry.reports import junit, trx
from flow_telemetry.reports.dotnet import read_nunit, read_xunit
from flow_telemetry.reports.files import Content, clean_line, decode_text, read_chunks
from flow_telemetry.reports.go_events import read_go_test
from flow_telemetry.reports.reruns import number_cases
from flow_telemetry.reports.xml import read_opening

_HEAD = 4096
# JSON, perhaps after lines of the compiler.
_GO_EVENT = re.compile(r"\A\s*\{|^\{\"(?:Time|Action|ImportPath)\":", re.MULTILINE)
# Readers by the root of their XML.
_READERS = {
    "TestRun": trx.read_suites,
    "assemblies": read_xunit,
    "assembly": read_xunit,
    "test-run": read_nunit,
}
# What writes a format that is not read, and what to do, by its root.
_CONVERTERS = {
    "test-results": "NUnit 2 wrote it. Use NUnit 3, or its option `--result=FILE;format=nunit3`",
    "robot": "Robot Framework wrote it. Use its option `--xunit FILE`",
    "testng-results": "TestNG wrote it. Use its files `junitreports/TEST-*.xml`",
    "Catch": "Catch2 wrote it. Use its option `--reporter junit`",
    "Catch2TestRun": "Catch2 wrote it. Use its option `--reporter junit`",
    "TestLog": "Boost.Test wrote it. Use its option `--log_format=JUNIT`",
    "TestResult": "Boost.Test wrote it. Use its option `--log_format=JUNIT`",
    "Site": "CTest wrote it. Use its option `--output-junit FILE`",
    "TestCase": "Qt Test wrote it. Use its option `-o FILE,junitxml`",
    "phpunit": "PHPUnit wrote it. Use its option `--log-junit FILE`",
    "testExecutions": "it is Sonar's format. Let the tool write JUnit's XML too",
}
# Of the formats that are read, and of those for which an error tells what to do.
ROOTS = frozenset({"testsuites", "testsuite", *_READERS, *_CONVERTERS})


def read_test_report(content: Content, name: str) -> TestReport:
    """Return the suites and cases of a test report.

    Args:
        content: the file, or its bytes.
        name: its path below the workspace; errors and remarks name it.

    Raises:
        ReportError: it cannot be read, or is not a test report.
    """
    head = decode_text(next(read_chunks(content, name))[:_HEAD])
    if _GO_EVENT.search(head):
        return TestReport(name=name, suites=number_cases(read_go_test(content, name)))
    root = read_opening(content, name)[0][0]
    if root in {"testsuites", "testsuite"}:
        suites, remarks = junit.read_suites(content, name)
        return TestReport(name=name, suites=number_cases(suites), remarks=remarks)
    reader = _READERS.get(root)
    if reader is None:
        raise _unknown_format(name, root)
    return TestReport(name=name, suites=number_cases(reader(content, name)))


def _unknown_format(name: str, root: str) -> ReportError:
    known = _CONVERTERS.get(root)
    reason = (
        f": {known}"
        if known
        else (". Supported are JUnit's XML, TRX, the XML of xUnit and NUnit 3, and `go test -json`")
    )
    return ReportError(
        f"{name} is not a test report of a supported format: its root is "
        f"`{clean_line(root, 64)}`{reason}"
    )
