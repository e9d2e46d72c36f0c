"""Zipkin: JSON v2."""
