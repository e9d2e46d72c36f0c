"""Jaeger: JSON of its UI, API, storage and protobuf; Thrift and protobuf of its clients."""
