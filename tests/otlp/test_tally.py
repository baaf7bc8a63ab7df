"""The sums are right, and one reason is told once."""

from __future__ import annotations

from flow_telemetry.otlp.response import ExportResult, FailureReason
from flow_telemetry.otlp.sending import Counters


def cause(key: str = "status 401", problem: str = "it answered 401") -> FailureReason:
    return FailureReason(key=key, problem=problem, advice="Check the key")


def refused(why: FailureReason) -> ExportResult:
    return ExportResult(delivered=False, reason=why)


def test_one_reason_for_many_batches_is_told_once() -> None:
    """Its items are summed."""
    tally = Counters()
    for _ in range(3):
        tally.add_result(refused(cause()), 1000)
    [failure] = tally.failures()
    assert (failure.problem, failure.items) == ("it answered 401", 3000)


def test_what_was_not_tried_is_told() -> None:
    """A reader must not think that all of it was refused."""
    tally = Counters()
    tally.add_result(refused(cause()), 1000)
    tally.add_untried(cause(), 501)
    [failure] = tally.failures()
    assert failure.problem == "it answered 401; 501 of 1501 spans not tried after that"
    assert failure.items == 1501


def test_what_was_never_tried_is_told() -> None:
    """When the time is over before the first request, no answer is made up."""
    tally = Counters()
    tally.add_untried(cause("DEADLINE", "the time ended"), 1)
    assert tally.failures()[0].problem == "the time ended; 1 span not sent"


def test_a_message_with_changing_ids_is_told_a_few_times_only() -> None:
    """A server that writes the request's id into each answer does not fill the log."""
    tally = Counters()
    for number in range(50):
        tally.add_result(refused(cause("status 500", f"request {number} failed")), 10)
    failures = tally.failures()
    assert len(failures) == 3
    assert sum(failure.items for failure in failures) == 500


def test_rejections_are_part_of_what_was_not_delivered() -> None:
    """The rest of the batch arrived."""
    tally = Counters()
    why = FailureReason(key="rejected", problem="rejected some spans", advice="", rejection=True)
    assert tally.add_result(ExportResult(delivered=True, rejected=3, reason=why), 10) == 3
    assert (tally.sent, tally.rejected) == (7, 3)
    assert tally.failures()[0].problem == "rejected 3 spans"


def test_a_warning_is_told_once() -> None:
    """However many batches it came with."""
    tally = Counters()
    for _ in range(9):
        tally.add_result(ExportResult(delivered=True, warning="use v2"), 1)
    assert (tally.warnings, tally.sent) == (["use v2"], 9)
