"""`python -m flow_telemetry` is the command `flow-telemetry`, and both begin here."""

import sys

from flow_telemetry.environment import write_stderr

_INTERRUPTED = 130


def main() -> int:
    """Run the command line, and return its exit status: also where Ctrl-C comes as it loads."""
    try:
        from flow_telemetry.cli import (  # noqa: PLC0415 - most of the start is spent on this
            main as cli,
        )

        return cli.main()
    except KeyboardInterrupt:
        write_stderr("interrupted")
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
