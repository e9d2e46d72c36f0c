"""Jaeger's interface definitions, as far as they are needed here, and what is generated of them."""
