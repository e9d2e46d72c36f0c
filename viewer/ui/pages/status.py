"""/status: receivers, rates, rejects by reason, what is stored, retention."""

from flask import Blueprint, render_template

from viewer.search.link import SearchFields, write_link
from viewer.ui.current import current_services
from viewer.ui.htmx import wants_partial
from viewer.ui.viewmodel.shell import status_light
from viewer.ui.viewmodel.status import StatusReport, status_report

blueprint = Blueprint("status", __name__)


@blueprint.get("/status")
def page() -> str:
    """Show the page, or the report alone when it refreshes itself."""
    if wants_partial("status-report"):
        return render_template("status/_status_report.html", status_report=_report())
    return render_template("status/page.html", status_report=_report())


def _report() -> StatusReport:
    services = current_services()
    doors, stats = services.doors(), services.store.stats()
    read_only = services.ingest is None
    return status_report(
        status_light(doors, services.trouble(), read_only, services.quarantine()),
        doors,
        stats,
        store_url=services.store.url,
        version=services.version,
        read_only=read_only,
        retention=services.retention,
        now_ns=services.now_ns(),
        policy=services.policy(),
        service_url=_search_of,
    )


def _search_of(service: str) -> str:
    # No search means "no service": those spans are found by their operation.
    return write_link(SearchFields(service=service)) if service else ""
