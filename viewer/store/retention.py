"""Retention: how old and how large a store may get, whichever comes first."""

from viewer.store.base import Pruned, SpanStore

KEEPS_ALL = "everything is kept"
"""The rule, in words, of a store without retention."""


def apply_retention(
    store: SpanStore, now_ns: int, max_age_ns: int | None, max_bytes: int | None
) -> Pruned:
    """Prune what was stored longer than ``max_age_ns`` ago, then what is beyond ``max_bytes``.

    None is no bound. A store that cannot prune (read-only) is left alone.
    """
    if not store.capabilities.prunes or (max_age_ns is None and max_bytes is None):
        return Pruned(0, 0, 0)
    before_ns = None if max_age_ns is None else now_ns - max_age_ns
    return store.prune(before_ns, max_bytes)
