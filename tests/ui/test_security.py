"""Who gets in, who is sent away, and what every answer carries."""

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_trace
from tests.ui.stage import HTML, a_client, a_store, htmx_headers
from viewer.ui.security import COOKIE, local_path


@pytest.fixture
def guarded() -> FlaskClient:
    return a_client(a_store(a_trace()), auth_token="right")


def sign_in(client: FlaskClient, token: str = "right", next_path: str = "/search") -> int:
    form = {"token": token, "next": next_path}
    return client.post("/login", data=form, headers=HTML).status_code


def test_every_page_forbids_inline_script_style_and_other_hosts() -> None:
    policy = a_client().get("/search").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy


def test_every_answer_forbids_guessing_its_type() -> None:
    client = a_client()
    for path in ("/search", "/nothing", "/upload"):
        assert client.get(path).headers["X-Content-Type-Options"] == "nosniff"


def test_static_files_are_kept_for_a_year_and_pages_are_not() -> None:
    client = a_client()
    page = client.get("/search", headers=HTML)
    style = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "1.2.3" in style
    assert "max-age=31536000" in client.get(style, buffered=True).headers["Cache-Control"]
    assert "no-cache" in page.headers["Cache-Control"]


def test_without_a_token_everything_is_open() -> None:
    assert a_client().get("/search").status_code == 200


def test_a_page_leads_to_sign_in_and_back(guarded: FlaskClient) -> None:
    response = guarded.get("/search?service=a+b", headers=HTML)
    assert response.status_code == 303
    assert response.headers["Location"] == "/login?next=%2Fsearch%3Fservice%3Da%2Bb"


def test_sign_in_shows_nothing_of_what_runs_here(guarded: FlaskClient) -> None:
    text = guarded.get("/login", headers=HTML).text
    assert "Status" not in text
    assert "/upload" not in text
    assert "Sign out" not in text


def test_a_program_gets_401_and_the_reason(guarded: FlaskClient) -> None:
    response = guarded.get("/api/services")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert "Authorization" in response.json["errors"][0]["msg"]


def test_the_bearer_token_opens_pages_and_apis(guarded: FlaskClient) -> None:
    headers = {"Authorization": "Bearer right", **HTML}
    assert guarded.get("/search", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "given", ["Bearer wrong", "Bearer", "Basic right", "Bearer rightx", "right"]
)
def test_anything_but_the_token_stays_outside(guarded: FlaskClient, given: str) -> None:
    headers = {"Authorization": given, **HTML}
    assert guarded.get("/search", headers=headers).status_code == 303


def test_signing_in_opens_the_pages_until_signing_out(guarded: FlaskClient) -> None:
    assert sign_in(guarded) == 303
    assert guarded.get("/search", headers=HTML).status_code == 200
    assert guarded.post("/logout", headers=HTML).status_code == 303
    assert guarded.get("/search", headers=HTML).status_code == 303


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    guarded: FlaskClient,
) -> None:
    response = guarded.post("/login", data={"token": "right"}, headers=HTML)
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "right" not in cookie


def test_a_wrong_token_is_said_and_sets_no_cookie(guarded: FlaskClient) -> None:
    response = guarded.post("/login", data={"token": "wrong"}, headers=HTML)
    assert response.status_code == 403
    assert "not the token" in response.text
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("cookie", ["", "1", "1.abc.def", "1." + "A" * 500])
def test_a_forged_cookie_is_refused(guarded: FlaskClient, cookie: str) -> None:
    guarded.set_cookie(COOKIE, cookie)
    assert guarded.get("/search", headers=HTML).status_code == 303


def test_another_token_ends_all_sessions(guarded: FlaskClient) -> None:
    sign_in(guarded)
    session = guarded.get_cookie(COOKIE)
    assert session is not None
    restarted = a_client(auth_token="another")
    restarted.set_cookie(COOKIE, session.value)
    assert restarted.get("/search", headers=HTML).status_code == 303


def test_htmx_is_led_to_sign_in_for_the_page_it_is_on(guarded: FlaskClient) -> None:
    response = guarded.get("/search?sort=oldest", headers=htmx_headers("results"))
    assert response.headers["HX-Redirect"] == "/login?next=%2Fsearch%3Fservice%3Dshop"
    assert not response.text


def test_static_files_and_the_health_check_need_no_token(guarded: FlaskClient) -> None:
    text = guarded.get("/login", headers=HTML).text
    style = text.split('rel="stylesheet" href="')[1].split('"')[0]
    assert guarded.get(style, buffered=True).status_code == 200
    # The health check is the app's; here it is enough that nobody asks for a token.
    assert guarded.get("/healthz").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", "x"],
)
def test_sign_in_never_leads_to_another_host(guarded: FlaskClient, path: str) -> None:
    response = guarded.post("/login", data={"token": "right", "next": path}, headers=HTML)
    assert response.headers["Location"] == "/"


@given(st.text(max_size=40))
def test_a_local_path_is_local_whatever_is_asked(text: str) -> None:
    path = local_path(text)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert path.isprintable()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
    ],
)
def test_another_site_cannot_upload(headers: dict[str, str]) -> None:
    response = a_client().post("/upload", data={}, headers=headers)
    assert response.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://proxy.example"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
    ],
)
def test_our_own_forms_and_programs_can(headers: dict[str, str]) -> None:
    assert a_client().post("/upload", data={}, headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1:16686", "localhost:1", "[::1]:16686", "x.localhost"])
def test_a_loopback_server_answers_under_names_nobody_can_register(host: str) -> None:
    client = a_client(loopback_only=True)
    assert client.get("/search", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:16686", "127.0.0.1.evil.example"])
def test_a_rebound_name_is_refused_by_a_loopback_server(host: str) -> None:
    client = a_client(loopback_only=True)
    response = client.get("/search", headers={"Host": host})
    assert response.status_code == 403
    assert "--auth-token" in response.text


def test_a_token_or_another_address_makes_the_name_free() -> None:
    named = {"Host": "traces.example", "Authorization": "Bearer right"}
    assert (
        a_client(loopback_only=True, auth_token="right").get("/search", headers=named).status_code
        == 200
    )
    assert a_client(loopback_only=False).get("/search", headers=named).status_code == 200
