"""Twelve orders become messages; a shipping worker takes them in batches and links every order's trace.

Producers and consumers are traces of their own, as OpenTelemetry's messaging conventions have it:
what joins them are span links, not parents. One message fails and lands in the dead-letter queue.
"""

from opentelemetry import trace
from opentelemetry.propagate import extract
from opentelemetry.trace import Link, SpanKind
from story import Database, Service, Story, headers, http

TOPIC = "orders.placed"


class AddressNotFound(Exception):
    """The carrier does not know where to go."""


def kafka(operation: str, kind: str, **said: str | int) -> dict[str, str | int]:
    """Return the attributes of OpenTelemetry's messaging conventions for Kafka."""
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": TOPIC,
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "server.address": "kafka-1.internal",
        "server.port": 9092,
        **{key.replace("__", "."): value for key, value in said.items()},
    }


def place_order(web: Service, orders: Service, database: Database, number: int) -> dict[str, str]:
    """Take one order; return the message's headers."""
    said = {"order.id": f"o-{20_000 + number}", "order.lines": 1 + number % 4}
    with web.span("POST /orders", SpanKind.SERVER, {"http.route": "/orders"}, headers={}):
        with http(web, orders, "POST", "/orders", attributes=said):
            text = "INSERT INTO orders (id, user_id, total) VALUES ($1, $2, $3)"
            database.ask(orders, "INSERT", "orders", text, 7)
            attributes = kafka(
                "send",
                "send",
                messaging__message__id=f"m-{number:04d}",
                messaging__destination__partition__id=str(number % 3),
                messaging__kafka__message__key=f"o-{20_000 + number}",
                messaging__message__body__size=612 + number * 13,
            )
            with orders.span(f"send {TOPIC}", SpanKind.PRODUCER, attributes):
                message = headers()
                orders.work(2.4)
        return message


def link_to(message: dict[str, str], number: int) -> Link:
    """Return a link to the span that sent a message."""
    context = trace.get_current_span(extract(message)).get_span_context()
    return Link(context, {"messaging.message.id": f"m-{number:04d}"})


def ship(worker: Service, carrier: Service, messages: dict[int, dict[str, str]]) -> None:
    """Work one batch off."""
    count = len(messages)
    links = [link_to(message, number) for number, message in messages.items()]
    polled = kafka(
        "poll",
        "receive",
        messaging__batch__message_count=count,
        messaging__consumer__group__name="shipping",
    )
    with worker.span(f"poll {TOPIC}", SpanKind.CONSUMER, polled, headers={}, links=links):
        worker.work(3)
        for number, message in messages.items():
            one = kafka("process", "process", messaging__message__id=f"m-{number:04d}")
            link = [link_to(message, number)]
            with worker.span(f"process {TOPIC}", SpanKind.CONSUMER, one, links=link) as span:
                worker.work(4)
                with http(worker, carrier, "POST", "/labels", port=443, network_ms=9) as call:
                    carrier.work(31)
                    if number == 7:
                        call.status, call.message = 422, "address not found"
                if call.status >= 400:
                    worker.failed(AddressNotFound("no street 'Unter den Lindn' in 10117"))
                    worker.event("dead-lettered", {"messaging.destination.name": f"{TOPIC}.dlq"})
                    span.set_attribute("messaging.kafka.offset", 88_120 + number)
        with worker.span(f"commit {TOPIC}", SpanKind.CLIENT, kafka("commit", "settle")):
            worker.work(5)


def main() -> None:
    story = Story("order-events", "2026-11-20T07:30:00+00:00")
    web = story.service("storefront", "2026.46.1")
    orders = story.service("order-service", "5.0.1")
    worker = story.service("shipping-worker", "1.7.3")
    carrier = story.service("carrier-adapter", "0.4.0")
    database = Database("postgresql", "orders", "orders-db", 5432)
    messages: dict[int, dict[str, str]] = {}
    for number in range(12):
        messages[number] = place_order(web, orders, database, number)
        story.clock.pass_ms(story.jitter(140))
    story.clock.pass_ms(1_800)
    for first in (0, 8):
        batch = {number: messages[number] for number in range(first, min(first + 8, 12))}
        ship(worker, carrier, batch)
        story.clock.pass_ms(500)
    story.end()


if __name__ == "__main__":
    main()
