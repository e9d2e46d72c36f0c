"""What became of files, in lines."""

from viewer.trace.report import FileReport, Rejection
from viewer.ui.viewmodel.upload import Failure, upload_report

TRACE = "0" * 16 + "00000000000000ab"


def test_totals_count_what_was_stored() -> None:
    outcomes = [FileReport("a", "x", 5, 2), Failure("b", "bad"), FileReport("c", "x", 7, 1)]
    found = upload_report(outcomes)
    assert (found.spans, found.traces) == (12, 3)


def test_the_only_trace_of_a_file_is_called_so() -> None:
    one, several = upload_report(
        [FileReport("a", "x", 5, 1, (), TRACE), FileReport("b", "x", 5, 2, (), TRACE)]
    ).files
    assert (one.link, several.link) == ("Open the trace", "Open the first trace")
    assert one.url == "/trace/00000000000000ab"


def test_skipped_spans_are_summed_over_reasons() -> None:
    rejected = (Rejection("a", 3), Rejection("b"))
    assert upload_report([FileReport("a", "x", 5, 1, rejected)]).files[0].skipped == 4


def test_a_file_without_spans_is_no_success() -> None:
    assert upload_report([FileReport("a", "x", 0, 0)]).files[0].failure
