"""`python -m flow_telemetry` is the command `flow-telemetry`."""

import sys

from flow_telemetry.cli import main

sys.exit(main())
