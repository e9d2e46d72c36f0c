"""Secrets are found by what they look like, and what only resembles them is left alone."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viewer.collector.detectors import DETECTORS

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"


def found(detector: str, text: str) -> list[str]:
    return [text[begin:end] for begin, end in DETECTORS[detector].find(text)]


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        (f"got {JWT}, thanks", [JWT]),
        ("key=AKIAIOSFODNN7EXAMPLE.", ["AKIAIOSFODNN7EXAMPLE"]),
        ("ghp_" + "a1B2" * 9, ["ghp_" + "a1B2" * 9]),
        ("xoxb-12345-67890-abc", ["xoxb-12345-67890-abc"]),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", ["sk_live_4eC39HqLyjWDarjtT1zdp7dc"]),
        ("glpat-AbC1234567890dEfGhIj", ["glpat-AbC1234567890dEfGhIj"]),
        ("with Bearer abc123.def", ["abc123.def"]),
        ("Basic dXNlcjpwYXNz", ["dXNlcjpwYXNz"]),
        ("amqp://guest:s3cr3t@queue:5672/", ["s3cr3t"]),
        ("/cb?state=1&access_token=abc#top", ["abc"]),
        ("Server=db;User=sa;Password=hunter2;", ["hunter2"]),
        ('{"user":"x","password":"hunter2"}', ["hunter2"]),
        (r'{"body":"{\"client_secret\": \"hunter2\"}"}', ["hunter2"]),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x",
            ["-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"],
        ),
        ("bearer authentication, basic research, a token of love", []),
        ("eyJhbGciOiJIUzI1NiJ9 is no JWT; task-runner-of-the-department-x", []),
        ("http://shop:8080/items?sort=key&tokens=3", []),
    ],
)
def test_tokens_are_found(text: str, secrets: list[str]) -> None:
    assert found("token", text) == secrets


@pytest.mark.parametrize(
    ("text", "cards"),
    [
        ("4111111111111111", ["4111111111111111"]),
        ("pay 4111 1111 1111 1111 12/26.", ["4111 1111 1111 1111"]),
        ("ref 1234 5500-0000-0000-0004", ["5500-0000-0000-0004"]),
        ("378282246310005, 6011111111111117", ["378282246310005", "6011111111111117"]),
        ("4111111111111112", []),  # the check digit is wrong
        ("1700000000000000004 1700000000000002", []),  # times
        ("0.4111111111111111 a4111111111111111 4111111111111111b", []),
        ("41111111111111114111111111111111", []),
        ("sha256-4111111111111111", []),
    ],
)
def test_card_numbers_are_found(text: str, cards: list[str]) -> None:
    assert found("card", text) == cards


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("to jane.doe+x@mail.example.co.uk.", ["jane.doe+x@mail.example.co.uk"]),
        ("?user=jane%40example.com&x", ["jane%40example.com"]),
        ("jürgen@exämple.de", ["jürgen@exämple.de"]),
        ("Foo@1a2b3c4d, npm@10.2.0, @home.example, a@b", []),
    ],
)
def test_email_addresses_are_found(text: str, addresses: list[str]) -> None:
    assert found("email", text) == addresses


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("GET /\r\nAuthorization: Digest a=b, c\r\nHost: x", ["Digest a=b, c"]),
        ("set-cookie: sid=1; Path=/", ["sid=1; Path=/"]),
        ('{"x-api-key":"k 1","a":2}', ["k 1"]),
        ('{"Cookie":["a=1; b=2"]}', ["a=1; b=2"]),
        (r"{\"authorization\":\"Basic eA==\"}", ["Basic eA=="]),
        ("{Cookie=a; b=c}", ["a; b=c}"]),
        ("the authorization failed; no cookies left", []),
    ],
)
def test_authorization_headers_are_found(text: str, values: list[str]) -> None:
    assert found("authorization", text) == values


@pytest.mark.parametrize(
    ("detector", "key", "value", "secret"),
    [
        ("authorization", "http.request.header.authorization", "x", True),
        ("authorization", "http.request.header.Proxy_Authorization", "x", True),
        ("authorization", "rpc.grpc.request.metadata.cookie.0", "x", True),
        ("authorization", "X-Api-Key", "x", True),
        ("authorization", "http.request.header.x_api_key[12]", "x", True),
        ("authorization", "authorization.granted", "x", False),
        ("authorization", "preauthorization", "x", False),
        ("token", "db.password", "x", True),
        ("token", "clientSecret", "x", True),
        ("token", "accessToken", "0123456789abcdef", True),
        ("token", "api_key", "short", False),
        ("token", "gen_ai.usage.input_tokens", "0123456789abcdef", False),
        ("token", "token", "a sentence about 1 token", False),
        ("card", "card", "4111111111111111", False),
    ],
)
def test_a_key_may_say_that_all_of_its_value_is_secret(
    detector: str, key: str, value: str, secret: bool
) -> None:
    assert DETECTORS[detector].whole(key, value) is secret


_HOSTILE = st.lists(
    st.sampled_from(
        [
            *("eyJ", "-", ".", "bearer ", "basic ", "://", ":", "@", "password=", '"', "'", "\\"),
            *(
                "cookie:",
                "4111",
                "1",
                "a.",
                "secret",
                "_",
                "sk-",
                "-----BEGIN ",
                "PRIVATE KEY-----",
            ),
            *("%40", "x", " "),
        ]
    ),
    min_size=1,
    max_size=4,
).map("".join)


@settings(max_examples=30)
@given(_HOSTILE)
def test_a_long_hostile_text_takes_no_more_than_its_length_says(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    for name, detector in DETECTORS.items():
        start = time.process_time()
        for _ in detector.find(text):
            pass
        assert time.process_time() - start < 2, name
