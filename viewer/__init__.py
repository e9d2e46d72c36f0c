"""Tracefall: a viewer and collector for distributed traces."""

__version__ = "0.1.0"
