"""Eighty checkouts within the hour: most fast, some slow, two failed. What a search is for."""

from opentelemetry.trace import SpanKind
from story import Database, Story, http

CHECKOUTS = 80
REGIONS = ("eu-central", "eu-west", "us-east")


class OutOfStock(Exception):
    """Somebody else was faster."""


def main() -> None:
    story = Story("healthy-checkouts", "2026-11-20T12:00:00+00:00")
    web = story.service("storefront", "2026.46.1")
    checkout = story.service("checkout-service", "7.1.0")
    inventory = story.service("inventory-service", "1.4.2")
    payment = story.service("payment-service", "2.11.0")
    stock = Database("postgresql", "inventory", "inventory-db", 5432)
    begin = story.clock.now_ns
    for number in range(CHECKOUTS):
        # Traffic grows over the hour, and so do the latencies of its last third.
        story.clock.now_ns = begin + int(3_600e9 * (number / CHECKOUTS) ** 0.7)
        slow = story.random.lognormvariate(0.0, 0.45) * (2.2 if number > 60 else 1.0)
        said = {
            "http.request.method": "POST",
            "http.route": "/checkout",
            "enduser.id": f"u-{story.random.randrange(10_000, 99_999)}",
            "cloud.region": REGIONS[number % 3],
            "feature_flag.one_page_checkout": number % 5 == 0,
        }
        with web.span("POST /checkout", SpanKind.SERVER, said, headers={}) as root:
            with http(web, checkout, "POST", "/checkout") as call:
                checkout.work(5 * slow)
                with http(checkout, inventory, "POST", "/reserve") as reserve:
                    text = "UPDATE stock SET reserved = reserved + 1 WHERE sku = $1"
                    stock.ask(inventory, "UPDATE", "stock", text, 8 * slow)
                    if number in (33, 71):
                        reserve.status = 409
                        inventory.failed(OutOfStock("sku grinder-m47 is sold out"))
                if reserve.status == 200:
                    with http(checkout, payment, "POST", "/payments"):
                        payment.work(45 * slow)
                else:
                    call.status = 500
                    call.message = "reservation refused"
            root.set_attribute("http.response.status_code", call.status)
    story.end()


if __name__ == "__main__":
    main()
