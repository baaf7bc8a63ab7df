#!/bin/sh
# Prints the Pythons from 3.10 on that are found on PATH and in pyenv, one for each version, oldest
# first: `3.12 /path/to/python`.
set -u
for version in 3.10 3.11 3.12 3.13 3.14; do
    for python in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
        if "$python" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" \
            >/dev/null 2>&1; then
            echo "$version $(command -v "$python")"
            break
        fi
    done
done
