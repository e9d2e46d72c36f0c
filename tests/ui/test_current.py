"""The services reach the request that is answered, of the app that answers it."""

from tests.ui.stage import NOW_NS, a_client, a_store
from viewer.ui import current


def test_each_app_has_its_own_services() -> None:
    stores = a_store(), a_store()
    for store in stores:
        with a_client(store).application.test_request_context("/"):
            assert current.current_store() is store


def test_the_clock_is_the_one_handed_in() -> None:
    with a_client().application.test_request_context("/"):
        assert current.current_now_ns() == NOW_NS


def test_a_read_only_server_has_no_way_in() -> None:
    with a_client(ingest=None).application.test_request_context("/"):
        assert current.current_ingest() is None
