"""``python -m viewer`` is ``tracefall``."""

from viewer.cli import main

if __name__ == "__main__":
    main()
