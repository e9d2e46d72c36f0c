from viewer.formats.xray.fields import is_set, put, put_all, put_object


def test_a_field_has_the_name_it_is_known_by_and_an_unknown_one_its_own() -> None:
    attributes: dict = {}
    put_all(attributes, {"url": "/", "odd": [1], "none": None}, {"url": "http.url"}, "aws.xray.")
    assert attributes == {"http.url": "/", "aws.xray.odd": [1]}


def test_two_values_of_one_name_are_both_kept() -> None:
    attributes: dict = {}
    put(attributes, "zone", "a", "ec2.zone")
    put(attributes, "zone", "a", "eks.zone")
    put(attributes, "zone", "b", "ecs.zone")
    assert attributes == {"zone": "a", "ecs.zone": "b"}


def test_what_should_be_an_object_and_is_none_is_kept_as_it_is() -> None:
    attributes: dict = {}
    put_object(attributes, "http", "yes", {})
    put_object(attributes, "sql", {"user": "u"}, {"user": "db.user"})
    put_object(attributes, "aws", None, {})
    assert attributes == {"http": "yes", "db.user": "u"}


def test_flags_are_true_in_the_forms_that_are_sent() -> None:
    assert [is_set(value) for value in (True, 1, "true")] == [True] * 3
    assert not any(is_set(value) for value in (False, None, 0, "false", "", [], {}, 2))
