"""The sign-in form; who gets in is the matter of test_security."""

from tests.ui.stage import HTML, a_client


def test_whoever_needs_no_token_is_sent_on() -> None:
    response = a_client().get("/login?next=%2Fstatus", headers=HTML)
    assert (response.status_code, response.location) == (303, "/status")


def test_the_form_keeps_where_to_go() -> None:
    text = a_client(auth_token="t").get("/login?next=%2Fsearch%3Fa%3D1%26b", headers=HTML).text
    assert 'name="next" value="/search?a=1&amp;b"' in text


def test_a_right_token_leads_there() -> None:
    form = {"token": " t ", "next": "/search?a=1"}
    response = a_client(auth_token="t").post("/login", data=form, headers=HTML)
    assert (response.status_code, response.location) == (303, "/search?a=1")
