"""The names of the attributes of tests: a part of the table that `semconv` begins."""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import code_attributes as code
from opentelemetry.semconv._incubating.attributes import test_attributes as test
from opentelemetry.semconv.attributes import exception_attributes as exception

from flow_telemetry.signals.semconv import Attribute

TEST_ATTRIBUTES: list[Attribute] = []

# The conventions know these two of a case, and leave room for others.
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


def _attribute(name: str, kind: str, on: str, meaning: str) -> str:
    TEST_ATTRIBUTES.append(Attribute(name=name, type=kind, on=on, meaning=meaning))
    return name


SUITE_NAME = _attribute(
    test.TEST_SUITE_NAME, "string", _BOTH, "name of the suite, below those around it: `outer > in`"
)
SUITE_STATUS = _attribute(
    test.TEST_SUITE_RUN_STATUS,
    "string",
    _SUITE,
    "`success`, `failure` where a case of it failed for good, `skipped` where all were",
)
SUITE_DURATION = _attribute(
    "flow.test.suite.duration", "double", _SUITE, "seconds that it took, in the tool's word"
)
REPORT = _attribute(
    "flow.test.report", "string", _BOTH, "the report's path below the workspace, with slashes"
)
ESTIMATED = _attribute(
    "flow.test.time.estimated",
    "boolean",
    _BOTH,
    "true where the report tells no start that fits: it was laid out within the step",
)
CASES_TOTAL = _attribute(
    "flow.test.cases.total", "int", _COUNTED, "cases, each once however often it was run"
)
CASES_PASSED = _attribute(
    "flow.test.cases.passed", "int", _COUNTED, "cases that passed, flaky ones too"
)
CASES_FAILED = _attribute(
    "flow.test.cases.failed", "int", _COUNTED, "cases that failed for good, by an error too"
)
CASES_SKIPPED = _attribute("flow.test.cases.skipped", "int", _COUNTED, "cases that were skipped")
CASES_FLAKY = _attribute(
    "flow.test.cases.flaky", "int", _COUNTED, "cases that passed after they had failed"
)
CASES_LEFT_OUT = _attribute(
    "flow.test.cases.left_out",
    "int",
    _COUNTED,
    "entries of the report without a span, where there are more than input `max-spans`",
)

CASE_NAME = _attribute(
    test.TEST_CASE_NAME, "string", _CASE, "name of the case, with its class before it"
)
CASE_STATUS = _attribute(
    test.TEST_CASE_RESULT_STATUS, "string", _CASE, "`pass`, `fail` or `skipped`"
)
CASE_DURATION = _attribute(
    "flow.test.case.duration",
    "double",
    _CASE,
    "seconds that it took, in the tool's word, also where the span is shorter to stay in its step",
)
CASE_KEY = _attribute(
    "flow.test.case.key",
    "string",
    _CASE,
    "report, suite and name, the same in each attempt and run: what to group by",
)
CASE_FLAKY = _attribute(
    "flow.test.case.flaky",
    "boolean",
    _CASE,
    "true where it passed after it had failed: in the same report, or in the attempt before",
)
CASE_RUN_AGAIN = _attribute(
    "flow.test.case.run_again",
    "boolean",
    _CASE,
    "true where it failed and was run again in the same report; such an entry is not counted",
)
CASE_OTHER_FAILURES = _attribute(
    "flow.test.case.other_failures",
    "int",
    _CASE,
    "further times that it failed, where the report has them in one entry",
)
CASE_SKIP_REASON = _attribute(
    "flow.test.case.skip_reason", "string", _CASE, "why it was skipped, where the report tells"
)
CODE_FILE_PATH = _attribute(
    code.CODE_FILE_PATH, "string", _BOTH, "file of its source, as the report names it"
)

EXCEPTION_TYPE = _attribute(
    exception.EXCEPTION_TYPE, "string", _EXCEPTION, "class of a failure, as the report has it"
)
EXCEPTION_MESSAGE = _attribute(
    exception.EXCEPTION_MESSAGE, "string", _EXCEPTION, "its message, else the first line of it"
)
EXCEPTION_STACKTRACE = _attribute(
    exception.EXCEPTION_STACKTRACE, "string", _EXCEPTION, "the text of it, cut"
)
