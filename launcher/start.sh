#!/bin/sh
# Finds a Python for the action and hands over to main.py. POSIX sh: Alpine has no bash.
set -u

# What the launch itself takes counts towards the time that the program reports.
FLOW_TELEMETRY_STARTED_AT=$(date +%s)
export FLOW_TELEMETRY_STARTED_AT

here=${0%/*}

# Whether a Python is new enough, within 3 seconds: a stand-in for it may hang.
is_new_enough() {
    sleep 3 >/dev/null 2>&1 &
    nap=$!
    # -V starts no interpreter, which takes a quarter of the time. It matches from 3.10 on.
    # Only its line is waited for, not the end of what a stand-in may have started.
    (
        "$1" -V 2>/dev/null | {
            read -r version
            case $version in
            "Python 3."[1-9][0-9]*) exit 0 ;;
            *) exit 1 ;;
            esac
        }
        status=$?
        kill "$nap"
        exit "$status"
    ) >/dev/null 2>&1 &
    probe=$!
    # It succeeds only if nobody ended it: the time is over.
    wait "$nap" 2>/dev/null && kill -9 "$probe"
    wait "$probe" 2>/dev/null
}

for python in python3 python python3.14 python3.13 python3.12 python3.11 python3.10; do
    if command -v "$python" >/dev/null 2>&1 && is_new_enough "$python"; then
        # exec: the runner's signals reach the program itself, with no shell in between.
        # -I -S -B: neither PYTHON* variables, nor the working directory, nor the job's installed
        # packages are looked at, and no .pyc is left in the action's folder.
        exec "$python" -I -S -B -u -X utf8 "$here/main.py"
    fi
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
