"""/upload: trace files become ordinary stored traces."""

from dataclasses import asdict
from pathlib import PurePosixPath, PureWindowsPath
from typing import BinaryIO, cast

from flask import Blueprint, Response, jsonify, make_response, render_template, request
from werkzeug.datastructures import FileStorage

from viewer.formats.base import DecodeError
from viewer.store.base import StoreError
from viewer.trace.report import FileReport
from viewer.ui.current import Ingest, current_ingest, current_services
from viewer.ui.errors import answer_problem
from viewer.ui.htmx import wants_partial
from viewer.ui.viewmodel.problem import problem
from viewer.ui.viewmodel.upload import Failure, UploadForm, UploadReport, upload_report

blueprint = Blueprint("upload", __name__)


@blueprint.get("/upload")
def page() -> str:
    """Show the form."""
    return _render(upload_report(()))


@blueprint.post("/upload")
def receive() -> Response:
    """Store the files, one after the other, and say what became of each."""
    ingest = current_ingest()
    if ingest is None:
        return answer_problem(problem(403, "The store was opened read-only."))
    if request.mimetype == "application/octet-stream":
        return _receive_raw(ingest)
    files = [file for file in request.files.getlist("files") if file.filename]
    outcomes = [_store(ingest, file) for file in files]
    report = upload_report(outcomes, "" if files else "Choose a file first.")
    if wants_partial("upload-report"):
        return make_response(render_template("upload/_upload_report.html", upload_report=report))
    return make_response(_render(report))


def _receive_raw(ingest: Ingest) -> Response:
    """Store the body itself, for programs (`tracefall import --to`); answer with the report."""
    name = _base_name(request.args.get("name", ""))
    try:
        return jsonify(asdict(ingest(name, cast(BinaryIO, request.stream))))
    except DecodeError as error:
        return make_response({"error": str(error)}, 400)
    except StoreError as error:
        return make_response({"error": str(error)}, 503)


def _render(report: UploadReport) -> str:
    services = current_services()
    form = UploadForm(services.ingest is not None, services.upload_limit_bytes)
    return render_template("upload/page.html", upload_form=form, upload_report=report)


def _store(ingest: Ingest, file: FileStorage) -> FileReport | Failure:
    name = _base_name(file.filename or "")
    try:
        return ingest(name, cast(BinaryIO, file.stream))
    except (DecodeError, StoreError) as error:
        return Failure(name, str(error))


def _base_name(name: str) -> str:
    """Return a file's name without folders; browsers of old and folder uploads send paths."""
    return PureWindowsPath(PurePosixPath(name.replace("\0", "")).name).name[:255] or "file"
