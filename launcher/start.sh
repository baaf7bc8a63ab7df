#!/bin/sh
# Finds a Python for the action and hands over to main.py. POSIX sh: Alpine has no bash.
set -u

# An empty or relative entry of PATH is a folder of the workspace, where anyone whose code is in the
# checkout could put a python3 that gets our secrets. No command is looked up before this is done.
rest=${PATH:-}:
absolute=
while [ -n "$rest" ]; do
    entry=${rest%%:*}
    rest=${rest#*:}
    case $entry in
    /*) absolute=${absolute:+$absolute:}$entry ;;
    esac
done
PATH=${absolute:-/usr/bin:/bin}
export PATH

# What the launch itself takes counts towards the time that the program reports.
FLOW_TELEMETRY_STARTED_AT=$(date +%s)
export FLOW_TELEMETRY_STARTED_AT

here=${0%/*}

# A later value of an output replaces an earlier one. These stay if the program cannot set its own:
# if it is killed, or if what PATH has as Python ends without running it.
if [ -n "${GITHUB_OUTPUT:-}" ]; then
    printf 'spans=0\nstatus=skipped\n' >>"$GITHUB_OUTPUT"
fi 2>/dev/null

# Whether the first line that a program prints within 3 seconds matches the pattern $1: what PATH has as
# Python may hang.
prints() {
    pattern=$1
    shift
    sleep 3 >/dev/null 2>&1 &
    nap=$!
    # Only the line is waited for, not the end of what a stand-in may have started.
    (
        "$@" 2>/dev/null | {
            read -r line
            # shellcheck disable=SC2254 # a pattern, not a text
            case $line in
            $pattern) exit 0 ;;
            *) exit 1 ;;
            esac
        }
        status=$?
        kill "$nap"
        exit "$status"
    ) >/dev/null 2>&1 &
    probe=$!
    # It succeeds only if nobody ended it: the time is over. No redirection of `works` as a whole: what
    # hangs would keep the runner's stderr open in the shell's copy of it.
    wait "$nap" 2>/dev/null && kill -9 "$probe" 2>/dev/null
    wait "$probe" 2>/dev/null
}

# Whether the command $1 runs programs in Python 3.10 or newer; $program is its path then.
works() {
    program=$(command -v "$1") || return 1
    # -V starts no interpreter, which takes a quarter of the time. It matches from 3.10 on.
    prints 'Python 3.[1-9][0-9]*' "$program" -V || return 1
    # A script in place of Python, such as that of a version manager, may know its version and run
    # nothing: only these are tried.
    read -r first 2>/dev/null <"$program"
    case $first in
    "#!"*) prints runs "$program" -I -S -c 'print("runs")' ;;
    esac
}

for python in python3 python python3.14 python3.13 python3.12 python3.11 python3.10; do
    if works "$python"; then
        # exec: the runner's signals reach the program itself, with no shell in between.
        # -I -S -B: neither PYTHON* variables, nor the working directory, nor the job's installed
        # packages are looked at, and no .pyc is left in the action's folder.
        exec "$program" -I -S -B -u -X utf8 "$here/main.py"
    fi
done

message="needs Python 3.10 or newer on PATH and found none; nothing was exported. \
Put actions/setup-python before this step."
case "${FLOW_TELEMETRY_FAIL_ON_ERROR:-}" in
[Tt][Rr][Uu][Ee])
    echo "::error title=flow-telemetry::$message"
    exit 1
    ;;
esac
echo "::warning title=flow-telemetry::$message"
