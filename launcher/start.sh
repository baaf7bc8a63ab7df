#!/bin/sh
# Finds a Python for the action and hands over to main.py. POSIX sh: Alpine has no bash.
set -u

# What the launch itself takes counts towards the time that the program reports.
FLOW_TELEMETRY_STARTED_AT=$(date +%s)
export FLOW_TELEMETRY_STARTED_AT

here=${0%/*}

for python in python3 python python3.14 python3.13 python3.12 python3.11 python3.10; do
    # -V starts no interpreter, which takes a quarter of the time. It matches from 3.10 on.
    case $("$python" -V 2>/dev/null) in
    "Python 3."[1-9][0-9]*)
        # exec: the runner's signals reach the program itself, with no shell in between.
        # -I -S -B: neither PYTHON* variables, nor the working directory, nor the job's installed
        # packages are looked at, and no .pyc is left in the action's folder.
        exec "$python" -I -S -B -u -X utf8 "$here/main.py"
        ;;
    esac
done

message="needs Python 3.10 or newer on PATH and found none; nothing was exported. \
Put actions/setup-python before this step."
if [ -n "${GITHUB_OUTPUT:-}" ]; then
    printf 'spans=0\nstatus=skipped\n' >>"$GITHUB_OUTPUT"
fi
case "${FLOW_TELEMETRY_FAIL_ON_ERROR:-}" in
[Tt][Rr][Uu][Ee])
    echo "::error title=flow-telemetry::$message"
    exit 1
    ;;
esac
echo "::warning title=flow-telemetry::$message"
