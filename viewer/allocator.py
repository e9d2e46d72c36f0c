"""How much freed memory the C library keeps."""

import ctypes

_M_ARENA_MAX = -8  # glibc, malloc.h
_ARENAS = 2


def share_arenas() -> bool:
    """Let all threads share two of glibc's arenas; say whether that could be set.

    Each thread would get one of its own, up to eight a core, and each keeps what was freed in it:
    with the threads of all receivers that was a quarter of the server's memory, and made nothing
    quicker. Must be called before they begin. Other C libraries have no such arenas."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_M_ARENA_MAX, _ARENAS))
