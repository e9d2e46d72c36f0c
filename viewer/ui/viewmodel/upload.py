"""What became of uploaded files."""

from collections.abc import Sequence
from dataclasses import dataclass

from viewer.trace.report import FileReport, Rejection
from viewer.ui.viewmodel.address import trace_url


@dataclass(frozen=True, slots=True)
class Failure:
    """A file of which nothing was stored, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One file's line. ``failure`` is empty when spans were stored; ``more_traces`` says that there
    are more than ``traces``."""

    name: str
    format: str
    spans: int
    traces: int
    more_traces: bool
    skipped: int
    rejected: tuple[Rejection, ...]
    failure: str
    url: str
    link: str


@dataclass(frozen=True, slots=True)
class UploadReport:
    """The answer to one upload; empty before the first. ``note`` is said instead of a list;
    ``more_traces`` says that there are more than ``traces``."""

    files: tuple[UploadedFile, ...]
    note: str
    spans: int
    traces: int
    more_traces: bool


@dataclass(frozen=True, slots=True)
class UploadForm:
    """The form: whether anything can be stored, and how large a file may be (bytes)."""

    can_upload: bool
    limit_bytes: int


def upload_report(outcomes: Sequence[FileReport | Failure], note: str = "") -> UploadReport:
    """Turn what happened to each file into lines."""
    files = tuple(
        _failed(outcome) if isinstance(outcome, Failure) else _stored(outcome)
        for outcome in outcomes
    )
    return UploadReport(
        files,
        note,
        sum(file.spans for file in files),
        sum(file.traces for file in files),
        any(file.more_traces for file in files),
    )


def _failed(failure: Failure) -> UploadedFile:
    return UploadedFile(
        name=failure.name,
        format="",
        spans=0,
        traces=0,
        more_traces=False,
        skipped=0,
        rejected=(),
        failure=failure.reason,
        url="",
        link="",
    )


def _stored(report: FileReport) -> UploadedFile:
    return UploadedFile(
        name=report.name,
        format=report.format,
        spans=report.spans,
        traces=report.traces,
        more_traces=report.more_traces,
        skipped=sum(rejection.count for rejection in report.rejected),
        rejected=report.rejected,
        failure="" if report.spans or report.rejected else "The file holds no spans",
        url=trace_url(report.first_trace_id) if report.first_trace_id else "",
        link="Open the trace" if report.traces == 1 else "Open the first trace",
    )
