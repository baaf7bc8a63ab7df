"""Table of the attributes of test suites and cases."""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import code_attributes as code
from opentelemetry.semconv._incubating.attributes import test_attributes as test
from opentelemetry.semconv.attributes import exception_attributes as exception

from flow_telemetry.mapping.attributes import Attribute

TEST_ATTRIBUTES: list[Attribute] = []

# The conventions define `pass` and `fail` for a case, and allow other values.
PASS = test.TestCaseResultStatusValues.PASS.value
FAIL = test.TestCaseResultStatusValues.FAIL.value
SKIPPED = "skipped"
SUITE_SUCCESS = test.TestSuiteRunStatusValues.SUCCESS.value
SUITE_FAILURE = test.TestSuiteRunStatusValues.FAILURE.value
SUITE_SKIPPED = test.TestSuiteRunStatusValues.SKIPPED.value

EXCEPTION_EVENT = "exception"

_SUITE = "test suite"
_CASE = "test case"
_BOTH = "test suite, test case"
_COUNTED = "test suite, measured job"
_EXCEPTION = "event `exception`"


def _test_attribute(name: str, kind: str, on: str, meaning: str) -> str:
    TEST_ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


SUITE_NAME = _test_attribute(
    test.TEST_SUITE_NAME,
    "string",
    _BOTH,
    "name of the suite, after the names of the suites around it: `outer > inner`",
)
SUITE_STATUS = _test_attribute(
    test.TEST_SUITE_RUN_STATUS,
    "string",
    _SUITE,
    "`success`, `failure` if any case failed finally, `skipped` if all cases were skipped",
)
SUITE_DURATION = _test_attribute(
    "flow.test.suite.duration",
    "double",
    _SUITE,
    "duration of the suite in seconds, as the report states it",
)
REPORT = _test_attribute(
    "flow.test.report",
    "string",
    _BOTH,
    "path of the report, relative to the workspace, with slashes",
)
ESTIMATED = _test_attribute(
    "flow.test.time.estimated",
    "boolean",
    _BOTH,
    "true if the report has no usable start time: the position of the span in the step is "
    "estimated",
)
CASES_TOTAL = _test_attribute(
    "flow.test.cases.total",
    "int",
    _COUNTED,
    "number of cases; a case that was run several times counts once",
)
CASES_PASSED = _test_attribute(
    "flow.test.cases.passed", "int", _COUNTED, "number of cases that passed, including flaky ones"
)
CASES_FAILED = _test_attribute(
    "flow.test.cases.failed",
    "int",
    _COUNTED,
    "number of cases that failed finally, including errors",
)
CASES_SKIPPED = _test_attribute(
    "flow.test.cases.skipped", "int", _COUNTED, "number of cases that were skipped"
)
CASES_FLAKY = _test_attribute(
    "flow.test.cases.flaky", "int", _COUNTED, "number of cases that passed after they had failed"
)
CASES_LEFT_OUT = _test_attribute(
    "flow.test.cases.left_out",
    "int",
    _COUNTED,
    "number of entries of the report without a span, if it has more entries than `max-spans`",
)

CASE_NAME = _test_attribute(
    test.TEST_CASE_NAME, "string", _CASE, "name of the case, after the name of its class"
)
CASE_STATUS = _test_attribute(
    test.TEST_CASE_RESULT_STATUS, "string", _CASE, "`pass`, `fail` or `skipped`"
)
CASE_DURATION = _test_attribute(
    "flow.test.case.duration",
    "double",
    _CASE,
    "duration of the case in seconds, as the report states it; the span is shorter if the case "
    "would not fit into its step",
)
CASE_KEY = _test_attribute(
    "flow.test.case.key",
    "string",
    _CASE,
    "suite and name: the same in all attempts and runs, to group by",
)
CASE_FLAKY = _test_attribute(
    "flow.test.case.flaky",
    "boolean",
    _CASE,
    "true if the case passed after it had failed in the same report or in the attempt before",
)
CASE_RUN_AGAIN = _test_attribute(
    "flow.test.case.run_again",
    "boolean",
    _CASE,
    "true if the case failed and was run again in the same report; such an entry is not counted",
)
CASE_OTHER_FAILURES = _test_attribute(
    "flow.test.case.other_failures",
    "int",
    _CASE,
    "number of further failures of the case, if the report has them in one entry",
)
CASE_SKIP_REASON = _test_attribute(
    "flow.test.case.skip_reason",
    "string",
    _CASE,
    "why the case was skipped, if the report states it",
)
CODE_FILE_PATH = _test_attribute(
    code.CODE_FILE_PATH, "string", _BOTH, "source file, as the report names it"
)

EXCEPTION_TYPE = _test_attribute(
    exception.EXCEPTION_TYPE, "string", _EXCEPTION, "type of the failure, as the report names it"
)
EXCEPTION_MESSAGE = _test_attribute(
    exception.EXCEPTION_MESSAGE, "string", _EXCEPTION, "message of the failure, else its first line"
)
EXCEPTION_STACKTRACE = _test_attribute(
    exception.EXCEPTION_STACKTRACE,
    "string",
    _EXCEPTION,
    "stack trace or text of the failure, truncated",
)
