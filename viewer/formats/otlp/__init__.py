"""OTLP, the OpenTelemetry protocol: protobuf and JSON."""
