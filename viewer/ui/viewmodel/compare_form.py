"""The page that asks which two traces to compare."""

from dataclasses import dataclass

from viewer.ui.viewmodel.compare_choices import CompareChoices


@dataclass(frozen=True, slots=True)
class CompareForm:
    """Two boxes with what has been typed, what is wrong with it, and, where one trace is known,
    what it may be compared with."""

    first: str
    second: str
    notes: tuple[str, ...] = ()
    choices: CompareChoices | None = None
    utc: bool = False
