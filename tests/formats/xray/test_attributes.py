import pytest

from tests.formats.xray.reading import read_segment, read_subsegment


def test_a_request_and_its_response_have_the_translator_s_names() -> None:
    http = {
        "request": {
            "method": "POST",
            "url": "http://shop/pay",
            "user_agent": "curl",
            "client_ip": "10.0.0.1",
            "x_forwarded_for": True,
            "traced": True,
            "odd": 1,
        },
        "response": {"status": 200, "content_length": 61, "more": 2},
        "rest": 3,
    }
    assert dict(read_segment(http=http).attributes) == {
        "http.method": "POST",
        "http.url": "http://shop/pay",
        "http.user_agent": "curl",
        "http.client_ip": "10.0.0.1",
        "aws.xray.x_forwarded_for": True,
        "aws.xray.traced": True,
        "aws.xray.http.request.odd": 1,
        "http.status_code": 200,
        "http.response_content_length": 61,
        "aws.xray.http.response.more": 2,
        "aws.xray.http.rest": 3,
    }


@pytest.mark.parametrize(("status", "kept"), [("404", 404), (404.0, 404), ("odd", "odd")])
def test_a_status_is_a_number_where_it_can_be(status: object, kept: object) -> None:
    span = read_segment(http={"response": {"status": status, "content_length": "72"}})
    assert dict(span.attributes) == {
        "http.status_code": kept,
        "http.response_content_length": "72",
    }


@pytest.mark.parametrize(
    ("url", "attributes"),
    [
        (
            "mysql://db:3306/shop",
            {"db.connection_string": "mysql://db:3306", "db.name": "shop"},
        ),
        (
            "jdbc:postgresql://aawijb5u25wdoy.us-west-2.amazonaws.com:5432/ebdb?user=a/b",
            {
                "db.connection_string": (
                    "jdbc:postgresql://aawijb5u25wdoy.us-west-2.amazonaws.com:5432"
                ),
                "db.name": "ebdb",
                "aws.xray.sql.url": (
                    "jdbc:postgresql://aawijb5u25wdoy.us-west-2.amazonaws.com:5432/ebdb?user=a/b"
                ),
            },
        ),
        ("mysql://db:3306", {"db.connection_string": "mysql://db:3306"}),
        ("not a url", {"db.connection_string": "not a url"}),
        ("/" * 100_000, {"db.connection_string": "/" * 100_000}),
    ],
)
def test_a_database_s_url_is_split_where_it_names_a_database(url: str, attributes: dict) -> None:
    assert dict(read_subsegment(sql={"url": url}).attributes) == attributes


def test_the_rest_of_sql_is_kept() -> None:
    sql = {
        "url": "mysql://db/shop",
        "connection_string": "Server=db",
        "database_type": "MySQL",
        "sanitized_query": "SELECT ?",
        "user": "u",
        "database_version": "8",
        "driver_version": "2",
        "preparation": "statement",
    }
    assert dict(read_subsegment(sql=sql).attributes) == {
        "db.connection_string": "mysql://db",
        "db.name": "shop",
        "aws.xray.sql.connection_string": "Server=db",
        "db.system": "MySQL",
        "db.statement": "SELECT ?",
        "db.user": "u",
        "aws.xray.sql.database_version": "8",
        "aws.xray.sql.driver_version": "2",
        "aws.xray.sql.preparation": "statement",
    }
    only = read_subsegment(sql={"connection_string": "Server=db"})
    assert dict(only.attributes) == {"db.connection_string": "Server=db"}


def test_a_call_of_aws_is_told_with_all_its_fields() -> None:
    aws = {
        "operation": "UpdateItem",
        "account_id": "1",
        "region": "eu-west-1",
        "request_id": "R",
        "queue_url": "https://q",
        "table_name": "t",
        "retries": 2,
        "bucket_name": "b",
        "resource_names": ["t"],
    }
    assert dict(read_subsegment(namespace="aws", name="DynamoDB", aws=aws).attributes) == {
        "aws.service": "DynamoDB",
        "aws.operation": "UpdateItem",
        "aws.account_id": "1",
        "aws.region": "eu-west-1",
        "aws.request_id": "R",
        "aws.queue_url": "https://q",
        "aws.table_name": "t",
        "aws.xray.retries": 2,
        "aws.bucket_name": "b",
        "aws.resource_names": ["t"],
    }


def test_where_a_segment_ran_is_no_attribute_of_its_span_but_its_sampling_rule_is() -> None:
    aws = {"ec2": {"instance_id": "i"}, "xray": {"sdk": "x", "sampling_rule_name": "Default"}}
    span = read_segment(aws=aws, service={"version": "1"}, origin="o", resource_arn="r")
    assert dict(span.attributes) == {"aws.xray.sampling_rule_name": "Default"}


def test_a_subsegment_keeps_what_is_meant_for_segments() -> None:
    span = read_subsegment(origin="o", resource_arn="r", service={"version": "1"})
    assert dict(span.attributes) == {
        "aws.xray.origin": "o",
        "aws.xray.resource_arn": "r",
        "aws.xray.service": {"version": "1"},
    }


def test_annotations_keep_their_types_and_their_names_are_listed() -> None:
    annotations = {"user_id": 7, "rate": 0.5, "paid": True, "name": "a", "tags": [1]}
    assert dict(read_segment(annotations=annotations).attributes) == {
        "aws.xray.annotations": list(annotations),
        **annotations,
    }


def test_an_annotation_named_like_an_attribute_hides_neither() -> None:
    span = read_segment(http={"request": {"method": "GET"}}, annotations={"http.method": "my own"})
    attributes = dict(span.attributes)
    assert attributes["http.method"] == "GET"
    assert attributes["aws.xray.annotations.http.method"] == "my own"


def test_metadata_is_nested_under_its_namespace() -> None:
    span = read_segment(metadata={"default": {"cart": {"items": [1, 2]}}, "odd": "text"})
    assert dict(span.attributes) == {
        "aws.xray.metadata.default": {"cart": {"items": [1, 2]}},
        "aws.xray.metadata.odd": "text",
    }


def test_user_and_other_fields_are_kept() -> None:
    span = read_subsegment(
        user="u1", traced=True, precursor_ids=["a"], inferred=True, links={"odd": 1}, type="x"
    )
    assert dict(span.attributes) == {
        "enduser.id": "u1",
        "aws.xray.traced": True,
        "aws.xray.precursor_ids": ["a"],
        "aws.xray.inferred": True,
        "aws.xray.links": {"odd": 1},
        "aws.xray.type": "x",
    }


@pytest.mark.parametrize("field", ["http", "sql", "annotations", "metadata", "subsegments"])
def test_a_field_that_should_be_an_object_is_kept_if_it_is_none(field: str) -> None:
    assert dict(read_segment(**{field: "odd"}).attributes) == {f"aws.xray.{field}": "odd"}
    assert read_segment(**{field: None}).attributes == ()
