"""Two hosts that disagree about the time: recommendation's clock is 180 ms behind, search's 95 ahead.

Children begin before their parents, and end after them, though nothing of the sort happened.
"""

from opentelemetry.trace import SpanKind
from story import Database, Story, http


def main() -> None:
    story = Story("clock-skew", "2026-11-18T08:15:30+00:00")
    web = story.service("storefront", "2026.46.1", host="node-1.eu-central.internal")
    search = story.service("search-service", "6.6.6", host="node-2.eu-central.internal", skew_ms=95)
    recommend = story.service(
        "recommendation-service", "1.0.0", host="vm-17.legacy.internal", skew_ms=-180
    )
    index = Database("elasticsearch", "products", "search-es", 9200)
    features = Database("mongodb", "features", "features-db", 27017)
    with web.span("GET /search", SpanKind.SERVER, {"url.query": "q=moka+pot"}, headers={}):
        web.work(4)
        with story.clock.together() as lanes:
            with lanes.lane():
                with http(web, search, "GET", "/query", path="/query?q=moka+pot"):
                    index.ask(search, "search", "products", '{"match":{"title":"moka pot"}}', 34)
                    with search.span("rank hits", attributes={"hits.count": 212}):
                        search.work(12)
            with lanes.lane(after_ms=1):
                with http(web, recommend, "GET", "/for/{user}", path="/for/u-5521"):
                    features.ask(recommend, "find", "vectors", '{"user": "u-5521"}', 21)
                    with recommend.span("nearest neighbours", attributes={"vectors.count": 4_096}):
                        recommend.work(48)
        web.work(6)
    story.end()


if __name__ == "__main__":
    main()
