"""Jaeger: JSON of its UI, API, storage and protobuf."""
