"""What surrounds every page: navigation, the status dot, the theme."""

from collections.abc import Sequence
from dataclasses import dataclass

from viewer.trace.report import DoorReport, QuarantineReport

_NONE_REFUSED = QuarantineReport()
# So many receivers are named, of more it is said how many they are.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class NavItem:
    """A link in the top bar."""

    label: str
    url: str
    icon: str
    current: bool


@dataclass(frozen=True, slots=True)
class Light:
    """The status dot: ``level`` is ok, warn or error; ``title`` says why."""

    level: str
    title: str


@dataclass(frozen=True, slots=True)
class Shell:
    """The top bar of one page. ``theme`` is light, dark or empty (as the system has it). There is no
    navigation and no light for visitors who have not ``signed_in``."""

    left: tuple[NavItem, ...]
    right: tuple[NavItem, ...]
    light: Light | None
    theme: str
    version: str
    signed_in: bool
    can_sign_out: bool
    utc: bool


def status_light(
    doors: Sequence[DoorReport],
    trouble: str,
    read_only: bool,
    quarantine: QuarantineReport = _NONE_REFUSED,
) -> Light:
    """Judge the receivers: red when spans cannot be stored, amber when the store refuses some for
    good or a receiver is closed."""
    if trouble:
        return Light("error", f"Spans cannot be stored: {trouble}")
    if read_only:
        return Light("ok", "Read-only: nothing is received")
    if quarantine.batches:
        what = "batch that was" if quarantine.batches == 1 else "batches that were"
        return Light(
            "warn",
            f"{quarantine.batches:,} {what} acknowledged cannot be stored; put aside in"
            f" {quarantine.directory}: {quarantine.last_reason}",
        )
    closed = [door for door in doors if door.closed]
    if closed:
        named = "; ".join(f"{door.name}: {door.closed}" for door in closed)
        return Light("warn", f"{len(closed)} of {len(doors)} receivers closed: {named}")
    if not doors:
        return Light("ok", "No receivers; files can be uploaded")
    if len(doors) > _NAMED:
        return Light("ok", f"Receiving on all {len(doors)} doors")
    return Light("ok", f"Receiving on {', '.join(door.name for door in doors)}")
