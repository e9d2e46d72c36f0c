"""Zipkin: JSON, protobuf and Thrift, of its first model and its second."""
