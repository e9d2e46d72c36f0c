"""The sign-in form."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignIn:
    """``next_path`` is where a right token leads to; ``failed`` after a wrong one."""

    next_path: str
    failed: bool
