"""The C library is told to keep less."""

import platform
import subprocess
import sys

_PROGRAM = """
import threading
from viewer.allocator import share_arenas
assert share_arenas() == {expected}
threads = [threading.Thread(target=lambda: bytes(300_000)) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def test_it_says_whether_that_could_be_set() -> None:
    expected = platform.libc_ver()[0] == "glibc"
    program = _PROGRAM.format(expected=expected)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
