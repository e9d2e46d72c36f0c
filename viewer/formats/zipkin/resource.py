"""Which of a Zipkin span's tags are about its resource: Zipkin has one place for both."""

from viewer.trace.attributes import Attribute, Value
from viewer.trace.span import Resource

SERVICE = "service.name"
# The Collector moves the names of the semantic conventions for resources (contrib
# `zipkinv2/to_translator.go`). By prefix, so that names younger than its list are moved, too.
_PREFIXES = (
    "aws.ecs.", "aws.eks.", "aws.log.", "browser.", "cloud.", "container.", "deployment.",
    "device.", "host.", "k8s.", "os.", "process.", "service.", "telemetry.", "webengine.",
)  # fmt: skip
# Of faas.* others are about the invocation; the last two are OpenCensus's.
_NAMES = {
    "faas.id", "faas.instance", "faas.max_memory", "faas.name", "faas.version",
    "opencensus.exporterversion", "opencensus.resourcetype",
}  # fmt: skip


def take_resource(tags: dict[str, Value], service: str, as_sent: list[tuple[str, str]]) -> Resource:
    """Remove what tags say of the resource. Its service is the tag's, as the Collector has it,
    else the local endpoint's, which Zipkin's clients may have put into lower case."""
    named = tags.get(SERVICE)
    if isinstance(named, str) and named:
        if service and service != named:
            as_sent.append(("localEndpoint.serviceName", service))
        service = named
    attributes: list[Attribute] = [(SERVICE, service)] if service else []
    keys = [key for key in tags if key.startswith(_PREFIXES) or key in _NAMES]
    found = [(key, tags.pop(key)) for key in keys]
    attributes += [(key, value) for key, value in found if key != SERVICE]
    return Resource(service, tuple(attributes))
