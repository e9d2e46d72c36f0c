"""A gateway that passes the trace context on but reports nothing: its children have no parent.

Three requests; their traces begin in the middle. The third reaches two services, so that one trace
holds two orphans of the same absent parent.
"""

from opentelemetry.trace import SpanKind
from story import Database, Story, http


def main() -> None:
    story = Story("lost-gateway", "2026-11-19T17:48:02+00:00")
    gateway = story.service("legacy-gateway", "0.1", exports=False)
    profile = story.service("profile-service", "3.3.1")
    loyalty = story.service("loyalty-service", "2.0.0")
    database = Database("mariadb", "profiles", "profiles-db", 3306)
    for number in range(3):
        with gateway.span("GET /me", SpanKind.SERVER, headers={}):
            gateway.work(3)
            with http(gateway, profile, "GET", "/profiles/{id}", path=f"/profiles/{810 + number}"):
                text = "SELECT name, tier FROM profiles WHERE id = ?"
                database.ask(profile, "SELECT", "profiles", text, 6)
                profile.work(4)
            if number == 2:
                with http(gateway, loyalty, "GET", "/points/{id}", path="/points/812"):
                    loyalty.work(17)
                    loyalty.event(
                        "points expired", {"points": 250, "reason": "inactive for a year"}
                    )
        story.clock.pass_ms(2_400)
    story.end()


if __name__ == "__main__":
    main()
