"""Page: what the registry of pages knows about each."""

from dataclasses import dataclass

from flask import Blueprint


@dataclass(frozen=True, slots=True)
class Page:
    """A page's routes, and how the top bar shows it: ``place`` is left, right or empty (not at all).

    The view behind the link is named ``page``.
    """

    blueprint: Blueprint
    label: str = ""
    icon: str = ""
    place: str = ""
