"""A segment's own fields as attributes of its span.

As the Collector's translator has them (contrib `receiver/awsxrayreceiver`: `http.go`, `sql.go`,
`aws.go`, `annotations.go`, `metadata.go`); fields that it drops are kept under ``aws.`` and
``aws.xray.``.
"""

from collections.abc import Mapping

from viewer.formats.loose_json import to_dict, to_int, to_text
from viewer.formats.xray.cause import put_cause
from viewer.formats.xray.fields import XRAY, is_set, put, put_all, put_object
from viewer.formats.xray.resource import LOGS, PLACES, RULE, SDK
from viewer.trace.attributes import Attribute, Value, clean_text

_REQUEST = {
    "method": "http.method",
    "url": "http.url",
    "user_agent": "http.user_agent",
    "client_ip": "http.client_ip",
    "x_forwarded_for": f"{XRAY}x_forwarded_for",
    "traced": f"{XRAY}traced",
}
_RESPONSE = {"status": "http.status_code", "content_length": "http.response_content_length"}
_SQL = {"database_type": "db.system", "sanitized_query": "db.statement", "user": "db.user"}
_AWS = {"retries": f"{XRAY}retries"}
_FLAGS = ("fault", "error", "throttle")
# What other parts of the span are made of.
_ELSEWHERE = {
    *("name", "id", "start_time", "end_time", "trace_id", "parent_id", "in_progress"),
    *("namespace", "cause", "http", "sql", "aws", "annotations", "metadata"),
    *_FLAGS,
}
_OF_RESOURCE = ("service", "origin", "resource_arn")


def attributes_of(entity: Mapping[str, object], is_segment: bool) -> tuple[Attribute, ...]:
    """Return the attributes of a segment's or subsegment's span."""
    attributes: dict[str, Value] = {}
    if entity.get("namespace") == "aws":
        attributes["aws.service"] = to_text(entity.get("name"))
    _put_http(attributes, entity.get("http"))
    _put_sql(attributes, entity.get("sql"))
    _put_aws(attributes, entity.get("aws"), is_segment)
    for flag in _FLAGS:
        if is_set(entity.get(flag)):
            attributes[XRAY + flag] = True
    put_cause(attributes, entity.get("cause"))
    _put_rest(attributes, entity, is_segment)
    _put_annotations(attributes, entity.get("annotations"))
    put_object(attributes, f"{XRAY}metadata", entity.get("metadata"), {})
    return tuple(attributes.items())


def _put_http(attributes: dict[str, Value], http: object) -> None:
    rest = dict(http) if isinstance(http, Mapping) else http
    if isinstance(rest, dict):
        put_object(attributes, f"{XRAY}http.request", rest.pop("request", None), _REQUEST)
        response = rest.pop("response", None)
        put_object(attributes, f"{XRAY}http.response", response, _RESPONSE)
        code = to_int(attributes.get("http.status_code"))
        if code is not None:
            attributes["http.status_code"] = code
    put_object(attributes, f"{XRAY}http", rest, {})


def _put_sql(attributes: dict[str, Value], sql: object) -> None:
    rest = dict(sql) if isinstance(sql, Mapping) else sql
    if isinstance(rest, dict) and isinstance(rest.get("url"), str):
        url = rest.pop("url")
        connection, database, query = _split_url(url)
        attributes["db.connection_string"] = clean_text(connection)
        if database:
            attributes["db.name"] = clean_text(database)
        if query:
            attributes[f"{XRAY}sql.url"] = clean_text(url)
    if isinstance(rest, dict):
        text = rest.pop("connection_string", None)
        put(attributes, "db.connection_string", text, f"{XRAY}sql.connection_string")
    put_object(attributes, f"{XRAY}sql", rest, _SQL)


def _split_url(url: str) -> tuple[str, str, str]:
    """Split ``protocol://host:port/database?query``; what has no database stays whole."""
    address, _, query = url.partition("?")
    connection, _, database = address.rpartition("/")
    scheme, slashes, host = connection.partition("//")
    if scheme and slashes and host and database:
        return connection, database, query
    return url, "", ""


def _put_aws(attributes: dict[str, Value], aws: object, is_segment: bool) -> None:
    if not isinstance(aws, Mapping):
        put(attributes, "aws", aws, "aws")
        return
    rest = dict(aws)
    rule = to_dict(rest.get(SDK)).get(RULE)
    put(attributes, XRAY + RULE, rule, XRAY + RULE)
    if is_segment:
        for field in (*PLACES, LOGS, SDK):
            rest.pop(field, None)
    put_all(attributes, rest, _AWS, "aws.")


def _put_rest(attributes: dict[str, Value], entity: Mapping[str, object], is_segment: bool) -> None:
    rest = {
        field: value
        for field, value in entity.items()
        if field not in _ELSEWHERE and not (is_segment and field in _OF_RESOURCE)
    }
    for field in ("subsegments", "links"):
        if isinstance(rest.get(field), list):
            del rest[field]
    if to_text(rest.get("type")).lower() in ("segment", "subsegment"):
        del rest["type"]
    put_all(attributes, rest, {"user": "enduser.id"}, XRAY)


def _put_annotations(attributes: dict[str, Value], annotations: object) -> None:
    name = f"{XRAY}annotations"
    if not isinstance(annotations, Mapping):
        put(attributes, name, annotations, name)
        return
    if annotations:
        attributes[name] = [clean_text(key) for key in annotations]
    for key, value in annotations.items():
        own = clean_text(key)
        put(attributes, own, value, f"{name}.{own}")
