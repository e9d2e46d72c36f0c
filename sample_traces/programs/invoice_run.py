"""The nightly invoice run: 600 customers, 3,000 spans in one trace, a few invoices that fail."""

from opentelemetry.trace import SpanKind
from story import Database, Service, Story, headers

CUSTOMERS = 600
WORKERS = 4


class MissingVatId(Exception):
    """The customer's country wants a VAT number on the invoice."""


def invoice(worker: Service, billing: Database, storage: Database, customer: int) -> None:
    """Make one customer's invoice: five spans."""
    said = {"customer.id": f"c-{customer:05d}", "invoice.period": "2026-10"}
    with worker.span("make invoice", SpanKind.CONSUMER, said, headers=headers()) as span:
        text = "SELECT sku, quantity, price FROM usage WHERE customer_id = $1 AND period = $2"
        with billing.query(worker, "SELECT", "usage", text, 14) as query:
            query.set_attribute("db.response.returned_rows", customer * 7 % 41)
        with worker.span("render pdf", attributes={"template": "invoice-v3"}):
            # Every hundredth customer has a year's worth of lines.
            worker.work(900 if customer % 100 == 77 else 24)
        if customer % 151 == 150:
            worker.failed(MissingVatId(f"customer c-{customer:05d} has no VAT number"))
            worker.event("skipped", {"customer.id": f"c-{customer:05d}"})
        storage.ask(worker, "PUT", "invoices", "", 11, storage__key=f"2026-10/{customer}.pdf")
        update = "UPDATE customers SET invoiced_until = $2 WHERE id = $1"
        billing.ask(worker, "UPDATE", "customers", update, 4)
        span.set_attribute("invoice.total_minor", customer * 1237 % 90_000)


def main() -> None:
    story = Story("invoice-run", "2026-11-01T02:00:00+00:00")
    scheduler = story.service("scheduler", "1.1.0")
    workers = [story.service("invoice-worker", "3.8.0", worker__index=n) for n in range(WORKERS)]
    billing = Database("postgresql", "billing", "billing-db", 5432)
    storage = Database("s3", "invoices", "objects.internal", 443)
    job = {"job.name": "nightly-invoices", "job.customers": CUSTOMERS}
    with scheduler.span("nightly-invoices", SpanKind.INTERNAL, job, headers={}):
        scheduler.work(40)
        with story.clock.together() as lanes:
            for number, worker in enumerate(workers):
                with lanes.lane(after_ms=number * 3):
                    for customer in range(number, CUSTOMERS, WORKERS):
                        invoice(worker, billing, storage, customer)
        with scheduler.span("send summary", SpanKind.PRODUCER, {"messaging.system": "smtp"}):
            scheduler.work(120)
    story.end()


if __name__ == "__main__":
    main()
