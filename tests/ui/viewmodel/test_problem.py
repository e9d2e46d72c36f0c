"""What an error page says of an address, and of a status that has no title of its own."""

from viewer.ui.viewmodel.problem import not_found, problem


def test_the_last_part_of_an_unknown_address_is_worth_looking_up() -> None:
    found = not_found("/traces/0af7/")
    assert (found.code, found.asked) == (404, "0af7")
    assert "/traces/0af7/" in found.text
    assert len(not_found("/" + "x" * 500).asked) == 200


def test_a_status_without_a_title_has_one_all_the_same() -> None:
    assert problem(418, "short and stout").title == "This did not work"
    assert problem(400, "no ID", ("try",)).known == ("try",)
