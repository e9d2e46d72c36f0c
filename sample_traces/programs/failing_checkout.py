"""A checkout across eight services that fails at payment: the provider does not answer, twice again.

The error is raised four levels down, and every caller above it reports its own: the one that
matters is the deepest.
"""

from opentelemetry.trace import SpanKind
from story import Call, Database, Service, Story, http

PROVIDER = "api.stripe.com"
CATALOG = {"espresso-cup": 1890, "grinder-m47": 24900, "filter-papers": 690}


class StripeTimeout(Exception):
    """The payment provider gave no answer in time."""


class Shop:
    """The services of the shop, and what each of them does."""

    def __init__(self) -> None:
        self.story = story = Story("failing-checkout", "2026-11-19T09:41:12+00:00")
        self.web = story.service("storefront", "2026.46.1")
        self.gateway = story.service("api-gateway", "3.2.0")
        self.auth = story.service("auth-service", "1.18.4")
        self.checkout = story.service("checkout-service", "7.1.0")
        self.cart = story.service("cart-service", "2.2.9")
        self.inventory = story.service("inventory-service", "1.4.2")
        self.payment = story.service("payment-service", "2.11.0")
        self.fraud = story.service("fraud-service", "0.31.0")
        self.redis = Database("redis", "0", "redis-0.cache", 6379)
        self.stock = Database("postgresql", "inventory", "inventory-db", 5432)
        self.ledger = Database("postgresql", "payments", "payments-db", 5432)

    def place_order(self) -> None:
        click = {"browser.page": "/checkout", "enduser.id": "u-77140", "shop.cart.total": 289.70}
        with self.web.span("click Pay now", SpanKind.INTERNAL, click, headers={}):
            self.web.work(4)
            with http(self.web, self.gateway, "POST", "/api/checkout", network_ms=18) as call:
                self.gateway.work(3)
                self.check_token()
                with http(self.gateway, self.checkout, "POST", "/checkout") as inner:
                    self.check_out(inner)
                call.status, call.message = inner.status, "upstream checkout-service: 502"
                self.gateway.work(2)

    def check_token(self) -> None:
        with http(self.gateway, self.auth, "POST", "/introspect", port=9000):
            self.redis.ask(self.auth, "GET", "session", "GET session:u-77140", 1.1)
            self.auth.work(6)

    def check_out(self, call: Call) -> None:
        me = self.checkout
        me.work(2)
        with http(me, self.cart, "GET", "/carts/{user}", path="/carts/u-77140"):
            self.redis.ask(self.cart, "HGETALL", "cart", "HGETALL cart:u-77140", 1.4)
            self.cart.work(2)
        me.event("cart loaded", {"cart.items": len(CATALOG), "cart.total_minor": 28970})
        with self.story.clock.together() as lanes:
            for sku in CATALOG:
                with lanes.lane(after_ms=0.4):
                    self.reserve(sku)
        with http(me, self.payment, "POST", "/payments") as inner:
            self.pay(inner)
        if inner.status >= 500:
            call.status, call.message = 502, "payment-service answered 504"
            me.event("order abandoned", {"order.id": "o-10411", "reason": "payment failed"})
            with me.span("release reservations"):
                self.release()

    def reserve(self, sku: str) -> None:
        route = "/stock/{sku}/reserve"
        with http(self.checkout, self.inventory, "POST", route, path=f"/stock/{sku}/reserve"):
            text = "UPDATE stock SET reserved = reserved + 1 WHERE sku = $1 AND free > 0 RETURNING free"
            with self.stock.query(self.inventory, "UPDATE", "stock", text, 9) as query:
                query.set_attribute("db.response.returned_rows", 1)
            self.inventory.work(2)

    def release(self) -> None:
        with http(self.checkout, self.inventory, "POST", "/reservations/release"):
            text = "UPDATE stock SET reserved = reserved - 1 WHERE sku = ANY($1)"
            self.stock.ask(self.inventory, "UPDATE", "stock", text, 11)

    def pay(self, call: Call) -> None:
        me = self.payment
        with http(me, self.fraud, "POST", "/score", port=8090) as scored:
            self.fraud.work(38)
            scored.server.set_attribute("fraud.score", 0.07)
            scored.server.set_attribute("fraud.rules", ["velocity", "geo", "bin-country"])
        text = "INSERT INTO payments (order_id, state) VALUES ($1, 'pending')"
        self.ledger.ask(me, "INSERT", "payments", text, 6)
        amount = {
            "payment.provider": "stripe",
            "payment.amount_minor": 28970,
            "payment.currency": "EUR",
        }
        with me.span("charge card", SpanKind.INTERNAL, amount) as charge:
            for attempt in range(1, 4):
                if attempt > 1:
                    pause = 200 * 2 ** (attempt - 2)
                    me.event("retry", {"retry.attempt": attempt, "retry.delay_ms": pause})
                    self.story.clock.pass_ms(pause)
                try:
                    self.ask_provider(attempt)
                except StripeTimeout as error:
                    last = error
            charge.set_attribute("retry.attempts", 3)
            me.failed(last, "Stripe API timeout, 504")
        text = "UPDATE payments SET state = 'failed' WHERE order_id = $1"
        self.ledger.ask(me, "UPDATE", "payments", text, 5)
        call.status, call.message = 504, "Stripe API timeout, 504"

    def ask_provider(self, attempt: int) -> None:
        """Wait 2 s for an answer that does not come, and raise StripeTimeout."""
        said = {
            "http.request.method": "POST",
            "url.full": f"https://{PROVIDER}/v1/payment_intents",
            "server.address": PROVIDER,
            "server.port": 443,
            "network.protocol.version": "2",
            "http.request.resend_count": attempt - 1,
            "http.request.header.idempotency-key": ["o-10411-pay"],
        }
        with self.payment.span("POST", SpanKind.CLIENT, said) as span:
            self.story.clock.pass_ms(31)
            self.payment.event("tls handshake done", {"tls.protocol.version": "1.3"})
            self.story.clock.pass_ms(1969)
            try:
                raise StripeTimeout(f"no response from {PROVIDER} within 2000 ms")
            except StripeTimeout as error:
                span.set_attribute("http.response.status_code", 504)
                self.payment.failed(error)
                raise


def notify_support(shop: Shop) -> None:
    """A second, small trace: the alert that the failed payment sets off."""
    alerts: Service = shop.story.service("alert-router", "1.0.3")
    with alerts.span("evaluate rule payment-failures", SpanKind.INTERNAL, {}, headers={}):
        alerts.work(12)
        with alerts.span("POST", SpanKind.CLIENT, {"server.address": "hooks.chat.internal"}):
            alerts.work(85)


if __name__ == "__main__":
    shop = Shop()
    shop.place_order()
    shop.story.clock.pass_ms(900)
    notify_support(shop)
    shop.story.end()
