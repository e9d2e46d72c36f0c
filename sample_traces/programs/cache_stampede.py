"""A cache entry runs out, and forty requests at once compute what one should have.

Forty children side by side under one span, each waiting longer than the one before it for the same
row lock: a comb in the timeline.
"""

from opentelemetry.trace import SpanKind
from story import Database, Story, http

READERS = 40


def main() -> None:
    story = Story("cache-stampede", "2026-11-16T19:59:58+00:00")
    edge = story.service("edge-proxy", "5.4.0")
    pricing = story.service("pricing-service", "2.0.6")
    cache = Database("redis", "0", "redis-0.cache", 6379)
    database = Database("mysql", "pricing", "pricing-db", 3306)
    with edge.span("fan out /prices", SpanKind.SERVER, {"http.route": "/prices"}, headers={}):
        edge.work(2)
        with story.clock.together() as lanes:
            for reader in range(READERS):
                with lanes.lane(after_ms=reader * 0.35):
                    with http(edge, pricing, "GET", "/prices/{list}", path="/prices/black-friday"):
                        key = "GET prices:black-friday"
                        with cache.query(pricing, "GET", "prices", key, 0.9, cache__hit=False):
                            pricing.event("cache miss", {"cache.key": "prices:black-friday"})
                        text = "SELECT sku, price FROM prices WHERE list = ? FOR UPDATE"
                        with database.query(pricing, "SELECT", "prices", text, 1) as query:
                            waited = 12.0 * reader
                            story.clock.pass_ms(waited)
                            query.set_attribute("db.lock_wait_ms", waited)
                            pricing.work(46)
                        value = "SET prices:black-friday EX 60"
                        cache.ask(pricing, "SET", "prices", value, 1.2)
        edge.work(3)
    story.end()


if __name__ == "__main__":
    main()
