"""Who sent a Datadog span → resource.

Names as the Collector's translator gives them (contrib `receiver/datadogreceiver`: `ToTraces`,
`tags.go`), with these differences. A tracer says ``env``, ``version`` and the like on some spans of
a chunk; they go to the resource of all of them (the version to those of its service). The service
is the span's own, neither the tag ``service`` nor ``_dd.base_service``. The version of the tracer
is not preceded by "Datadog-", since it is shown beside the name.
"""

from collections.abc import Iterable, Mapping

from viewer.formats.datadog.fields import to_key, to_map, to_text, to_value
from viewer.trace.attributes import Attribute, Value, show_value
from viewer.trace.span import Resource, Scope

SDK_NAME = "Datadog"
# Each span's tags are compared with its resource, so that stays small; and so do all of a payload's.
MAX_TAGS = 200
_MAX_ATTRIBUTES = 500_000
_LANGUAGES = {".NET": "dotnet"}
# Tags of a span that are about the process, and the resource's attribute each becomes.
_OF_PROCESS = {
    "env": "deployment.environment.name",
    "version": "service.version",
    "language": "telemetry.sdk.language",
    "runtime-id": "runtime-id",
    "_dd.hostname": "host.name",
}
_OF_SERVICE = "version"
# What a payload says of its sender.
_ABOUT = {
    "language_name": "telemetry.sdk.language",
    "tracer_version": "telemetry.sdk.version",
    "language_version": "process.runtime.version",
    "env": "deployment.environment.name",
    "app_version": "service.version",
    "hostname": "host.name",
    "container_id": "container.id",
    "runtime_id": "runtime-id",
}
_TAGS = {
    "env": "deployment.environment.name",
    "version": "service.version",
    "container_id": "container.id",
    "container_name": "container.name",
    "image_name": "container.image.name",
    "cloud_provider": "cloud.provider",
    "region": "cloud.region",
    "zone": "cloud.availability_zone",
    "kube_container_name": "k8s.container.name",
    "kube_cluster_name": "k8s.cluster.name",
    "kube_deployment": "k8s.deployment.name",
    "kube_replica_set": "k8s.replicaset.name",
    "kube_stateful_set": "k8s.statefulset.name",
    "kube_daemon_set": "k8s.daemonset.name",
    "kube_job": "k8s.job.name",
    "kube_cronjob": "k8s.cronjob.name",
    "kube_namespace": "k8s.namespace.name",
    "pod_name": "k8s.pod.name",
    "process_id": "process.pid",
}


class Resources:
    """The resources of one payload."""

    def __init__(self, about: Mapping[object, object]) -> None:
        """``about``: who sent the payload, by the names of v0.7."""
        self._sender: dict[str, Value] = {"telemetry.sdk.name": SDK_NAME}
        for name, attribute in _ABOUT.items():
            text = to_text(about.get(name))
            if text:
                self._sender[attribute] = _LANGUAGES.get(text, text)
        tags = list(to_map(about.get("tags")).items())
        self.left_out = max(len(tags) - MAX_TAGS, 0)
        """How many tags of the sender are left out."""
        for key, value in tags[:MAX_TAGS]:
            name = to_key(key)
            if value not in (None, ""):
                self._sender.setdefault(_TAGS.get(name.lower(), name), to_value(value))
        self._language_is_known = "telemetry.sdk.language" in self._sender
        self.scope = Scope(SDK_NAME, to_text(about.get("tracer_version")))
        self._of_chunk: dict[str, str] = {}
        self._versions: dict[str, str] = {}
        self._made: dict[tuple[str, ...], Resource] = {}
        self._room = _MAX_ATTRIBUTES

    def enter(self, spans: Iterable[object]) -> None:
        """Begin a chunk: learn what its spans say of their process."""
        self._of_chunk, self._versions = {}, {}
        for span in spans:
            if not isinstance(span, dict):
                continue
            meta = to_map(span.get("meta"))
            for tag in _OF_PROCESS:
                said = to_text(meta.get(tag))
                if not said:
                    continue
                if tag == _OF_SERVICE:
                    self._versions.setdefault(to_text(span.get("service")), said)
                else:
                    self._of_chunk.setdefault(tag, said)

    def of(self, service: str, meta: Mapping[object, object]) -> Resource:
        """Return the resource of a span of the current chunk."""
        said = tuple(
            to_text(meta.get(tag))
            or (
                self._versions.get(service, "")
                if tag == _OF_SERVICE
                else self._of_chunk.get(tag, "")
            )
            for tag in _OF_PROCESS
        )
        key = (service, *said)
        resource = self._made.get(key)
        if resource is None:
            resource = self._made[key] = self._resource(service, said)
        return resource

    def _resource(self, service: str, said: Iterable[str]) -> Resource:
        # What is said of the sender is on the resource of each service and version, as long as
        # these are not made up by the hundred thousand.
        self._room -= len(self._sender)
        attributes = dict(self._sender if self._room >= 0 else {"telemetry.sdk.name": SDK_NAME})
        for (tag, name), text in zip(_OF_PROCESS.items(), said, strict=True):
            # Headers say "nodejs" where the tag says "javascript"; the header is meant for this.
            if text and not (tag == "language" and self._language_is_known):
                attributes[name] = text
        named: tuple[Attribute, ...] = (("service.name", service),) if service else ()
        attributes.pop("service.name", None)
        return Resource(service, named + tuple(attributes.items()))


def is_on_resource(tag: object, value: object, resource: Resource) -> bool:
    """Say whether a span's tag stands on its resource with this value, so need not stand twice."""
    name = _OF_PROCESS.get(tag) if isinstance(tag, str) else None
    return name is not None and any(
        key == name and show_value(said) == to_text(value) for key, said in resource.attributes
    )
