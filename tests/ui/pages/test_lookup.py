"""Paste anything, and land on the trace."""

from html import unescape

from flask.testing import FlaskClient

from tests.builders import START_NS, TRACE_ID, a_span, a_trace
from tests.ui.stage import HTML, NOW_NS, a_client, a_store

OTHER_ID = "0af76519" + "1" * 24
SPAN = 0xB7AD6B7169203331


def client() -> FlaskClient:
    return a_client(
        a_store(
            [a_span(SPAN, trace_id=TRACE_ID)],
            [a_span(2, trace_id=OTHER_ID, name="other", start_ns=START_NS)],
            a_trace(0xABCDEF),
        ),
        retention="7 days",
    )


def leads_to(text: str) -> str | None:
    response = client().get("/lookup", query_string={"q": text}, headers=HTML)
    assert response.status_code == 303, unescape(response.text)
    return response.location


def test_a_trace_id_leads_to_its_trace() -> None:
    assert leads_to(TRACE_ID.upper()) == f"/trace/{TRACE_ID}"
    assert leads_to("abcdef") == "/trace/0000000000abcdef"


def test_a_header_leads_to_its_span() -> None:
    header = f"traceparent: 00-{TRACE_ID}-{SPAN:016x}-01"
    assert leads_to(header) == f"/trace/{TRACE_ID}?span={SPAN:016x}"


def test_a_span_id_leads_to_its_trace() -> None:
    assert leads_to(f"{SPAN:x}") == f"/trace/{TRACE_ID}?span={SPAN:016x}"


def test_a_decimal_id_leads_to_its_trace() -> None:
    assert leads_to(str(0xABCDEF)) == "/trace/0000000000abcdef"


def test_a_unique_beginning_leads_to_its_trace() -> None:
    assert leads_to("0af7651911") == f"/trace/{OTHER_ID}"


def test_several_matches_are_listed_with_what_tells_them_apart() -> None:
    response = client().get("/lookup?q=0af76519", headers=HTML)
    assert response.status_code == 200
    assert f'data-result-row="{TRACE_ID}"' in response.text
    assert f'data-result-row="{OTHER_ID}"' in response.text
    assert "other" in response.text


def test_a_whole_id_is_no_beginning_of_another() -> None:
    store = a_store(a_trace(0xAF7651), [a_span(trace_id="0" * 26 + "af7651")])
    found = a_client(store).get("/lookup?q=af7651", headers=HTML)
    assert found.location == "/trace/0000000000af7651"


def test_no_match_says_how_it_was_read_and_what_is_known() -> None:
    response = client().get("/lookup?q=" + "1" * 32, headers=HTML)
    text = unescape(response.text)
    assert response.status_code == 404
    assert "Read as a trace ID in hex" in text
    assert "The store holds 3 traces" in text
    assert "keeps 7 days" in text
    assert f'value="{"1" * 32}"' in text


def test_an_empty_store_is_said() -> None:
    response = a_client().get("/lookup?q=abc123", headers=HTML)
    assert "still empty" in response.text


def test_what_is_no_id_is_a_400_with_the_reason() -> None:
    response = client().get("/lookup", query_string={"q": "<b>no id</b>"}, headers=HTML)
    assert response.status_code == 400
    assert "neither an ID" in response.text
    assert "<b>" not in response.text.partition("<main")[2]


def test_nothing_asked_is_a_400() -> None:
    assert client().get("/lookup", headers=HTML).status_code == 400


def test_the_lower_half_of_an_id_leads_to_its_trace() -> None:
    assert leads_to(TRACE_ID[16:]) == f"/trace/{TRACE_ID}"
    assert leads_to(str(int(TRACE_ID[16:], 16))) == f"/trace/{TRACE_ID}"


def test_a_trace_that_retention_removed_is_told_by_any_form_of_its_id() -> None:
    store = a_store([a_span(1, trace_id=OTHER_ID, name="checkout")])
    store.prune(NOW_NS + 1, None)
    pages = a_client(store, retention="7 days")
    uuid = f"{OTHER_ID[:8]}-{OTHER_ID[8:12]}-{OTHER_ID[12:16]}-{OTHER_ID[16:20]}-{OTHER_ID[20:]}"
    for form in (OTHER_ID, uuid, f"traceparent: 00-{OTHER_ID}-00000000000000aa-01"):
        response = pages.get("/lookup", query_string={"q": form}, headers=HTML)
        assert response.status_code == 410
        assert "removed by retention" in response.text
        assert "checkout" in response.text


def test_an_xray_id_from_before_what_is_kept_is_told_so() -> None:
    response = client().get("/lookup?q=1-5759e988-bd862e3fe1be46a994272793", headers=HTML)
    assert response.status_code == 410
    assert "Its ID says that it is from 2016-06-09" in response.text
