"""An order that takes 2.342 s: 1.00 s of it is the payment's charge, and nothing says so but a trace.

The trace that Tracefall was thought up for; its numbers are exact.
"""

from opentelemetry.trace import SpanKind
from story import Service, Story, headers


def main() -> None:
    story = Story("slow-order", "2026-11-20T14:03:07+00:00")
    pass_ms = story.clock.pass_ms
    gateway = story.service("api-gateway", "3.2.0")
    auth = story.service("auth-service", "1.18.4")
    orders = story.service("order-service", "5.0.1")
    payment = story.service("payment-service", "2.11.0")
    inventory = story.service("inventory-service", "1.4.2")
    notification = story.service("notification-service", "0.9.7")

    def serve(service: Service, operation: str, milliseconds: float, **said: str | int) -> None:
        attributes = {key.replace("__", "."): value for key, value in said.items()}
        with service.span(operation, SpanKind.SERVER, attributes, headers=headers()):
            pass_ms(milliseconds)

    request = {
        "http.request.method": "POST",
        "http.route": "/api/orders",
        "url.path": "/api/orders",
        "url.scheme": "https",
        "client.address": "203.0.113.24",
        "user_agent.original": "ShopApp/8.4 (iOS 18.2)",
        "http.response.status_code": 201,
        "enduser.id": "u-48213",
    }
    with gateway.span("POST /api/orders", SpanKind.SERVER, request, headers={}):
        pass_ms(20)
        serve(auth, "verify token", 30, enduser__id="u-48213", auth__method="jwt")
        session = {
            "db.system.name": "redis",
            "db.operation.name": "GET",
            "server.address": "redis-0",
        }
        with gateway.span("load session", SpanKind.CLIENT, session):
            pass_ms(162)
        pass_ms(10)
        with orders.span(
            "create order", SpanKind.SERVER, {"order.id": "o-9917"}, headers=headers()
        ):
            pass_ms(60)
            serve(inventory, "reserve", 420, order__lines=3, warehouse__id="fra-2")
            pass_ms(80)
            serve(payment, "charge", 1000, payment__provider="stripe", payment__amount_minor=12990)
            insert = {
                "db.system.name": "postgresql",
                "db.namespace": "orders",
                "db.operation.name": "INSERT",
                "db.collection.name": "orders",
                "db.query.text": "INSERT INTO orders (id, user_id, total) VALUES ($1, $2, $3)",
                "server.address": "orders-db",
                "server.port": 5432,
            }
            pass_ms(30)
            with orders.span("INSERT orders", SpanKind.CLIENT, insert):
                pass_ms(180)
            pass_ms(30)
        serve(notification, "send confirmation", 100, messaging__system="smtp")
        with gateway.span("render response"):
            pass_ms(200)
        pass_ms(20)
    story.end()


if __name__ == "__main__":
    main()
