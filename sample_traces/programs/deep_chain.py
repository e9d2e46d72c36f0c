"""May u-311 read this document? Every folder asks its parent on another shard: a hundred levels.

A chain as recursion and proxies make it: indentation alone would push the names off the page.
"""

from opentelemetry.trace import SpanKind
from story import Service, Story, http

LEVELS = 48
SHARDS = 6


class Denied(Exception):
    """Some folder above says no."""


def check(story: Story, shards: list[Service], level: int) -> None:
    """Ask the folder above, which asks the one above it, and so on to the top."""
    me = shards[level % SHARDS]
    me.work(0.6)
    if level == LEVELS:
        with me.span("read policy", SpanKind.INTERNAL, {"policy.id": "root-deny-contractors"}):
            me.work(140)
            me.failed(Denied("u-311 is in group contractors"), "denied at the top folder")
        return
    said = {"folder.depth": LEVELS - level, "folder.id": f"f-{9_000 - level * 11}"}
    above = shards[(level + 1) % SHARDS]
    route = "/folders/{id}/allows"
    with http(me, above, "GET", route, network_ms=0.3, attributes=said) as call:
        check(story, shards, level + 1)
        call.server.set_attribute("permission.granted", False)
    me.work(0.2)


def main() -> None:
    story = Story("deep-chain", "2026-11-17T11:05:51+00:00")
    shards = [story.service(f"folder-shard-{number}", "12.3.0") for number in range(SHARDS)]
    docs = story.service("docs-api", "9.9.1")
    with docs.span("GET /docs/{id}", SpanKind.SERVER, {"http.route": "/docs/{id}"}, headers={}):
        with http(docs, shards[0], "GET", "/folders/{id}/allows") as call:
            check(story, shards, 0)
            call.server.set_attribute("permission.granted", False)
        docs.work(1)
    story.end()


if __name__ == "__main__":
    main()
