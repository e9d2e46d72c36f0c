"""Files of a whole trace: each format has its address."""

from viewer.ui.viewmodel.whole_file import WholeFile, whole_files


def test_each_format_has_an_address_below_the_trace() -> None:
    assert whole_files("/trace/1", {"otlp": "OTLP JSON", "html": "HTML page"}) == (
        WholeFile("OTLP JSON", "/trace/1/download?format=otlp"),
        WholeFile("HTML page", "/trace/1/download?format=html"),
    )
