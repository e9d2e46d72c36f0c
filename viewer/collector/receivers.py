"""Every receiver there is. A new one is one more line here, and one for its port in `config`."""

from collections.abc import Sequence
from dataclasses import dataclass

from viewer.formats.datadog.receiver import DatadogReceiver
from viewer.formats.jaeger.receiver import (
    JaegerBinary,
    JaegerCompact,
    JaegerGrpc,
    JaegerHttp,
    JaegerSampling,
)
from viewer.formats.jaeger.strategies import Strategies
from viewer.formats.otlp.decoder import OtlpDecoder
from viewer.formats.otlp.receiver import OtlpGrpc, OtlpHttp
from viewer.formats.receiver import DatagramReceiver, GrpcReceiver, HttpReceiver
from viewer.formats.xray.receiver import XrayHttp, XrayUdp
from viewer.formats.zipkin.receiver import ZipkinReceiver


@dataclass(frozen=True, slots=True)
class Receivers:
    """The receivers by how they are spoken to."""

    http: Sequence[HttpReceiver]
    grpc: Sequence[GrpcReceiver]
    datagram: Sequence[DatagramReceiver]


def make_receivers(decoder: OtlpDecoder, strategies: Strategies | None = None) -> Receivers:
    """Return new receivers; they hold what one request tells of the next. Jaeger's clients are told
    to sample by the strategies, everything where there are none."""
    told = strategies or Strategies()
    return Receivers(
        http=(
            OtlpHttp(decoder),
            JaegerHttp(told),
            JaegerSampling(told),
            ZipkinReceiver(),
            DatadogReceiver(),
            XrayHttp(),
        ),
        grpc=(OtlpGrpc(decoder), JaegerGrpc(told)),
        datagram=(JaegerCompact(), JaegerBinary(), XrayUdp()),
    )
