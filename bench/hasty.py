"""The program with its upkeep in a hurry: `python -m bench.hasty serve …`.

Retention, compaction and checkpoints, which come minutes apart, come all the time here, so that a
process that is killed at random is killed in the middle of them.
"""

import logging
import sys

from viewer import app, cli
from viewer.store import disk
from viewer.store.duckdb import compact, prune

LOG_BYTES = 256 << 10
EVERY_S = 0.1


def main() -> None:
    app.RETENTION_EVERY_S = EVERY_S
    disk.LARGEST_LOG = LOG_BYTES
    # Else what was removed of a store this small is soon forgotten, and would count as lost.
    prune.BYTES_FOR_REMEMBERED = 100
    compact.WORTH_BYTES, compact.WORTH_SHARE = 1 << 18, 0.1
    logging.getLogger(compact.__name__).setLevel(logging.INFO)
    sys.exit(cli.main(sys.argv[1:]))


if __name__ == "__main__":
    main()
