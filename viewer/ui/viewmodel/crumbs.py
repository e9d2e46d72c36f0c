"""A line of ancestors, as partials print it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Crumb:
    """An ancestor. ``level`` counts from 1 at the top of what is shown."""

    level: int
    name: str
    service_class: str
    url: str


@dataclass(frozen=True, slots=True)
class Trail:
    """The way to a span: ``first`` is empty where all steps are in ``last``, else one; ``between``
    are left out. ``current`` is the span itself, None where it is not printed; ``top`` is printed
    where there are no steps. ``selects`` says that steps select their span."""

    first: tuple[Crumb, ...]
    between: int
    last: tuple[Crumb, ...]
    current: Crumb | None = None
    top: str = ""
    selects: bool = False
