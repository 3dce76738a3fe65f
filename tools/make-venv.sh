#!/bin/sh
# Makes a virtual environment with Python 3.11 or newer: make-venv.sh FOLDER [PYTHON]
# Without PYTHON it takes the first that fits. Says what to install when there is none.
set -eu
folder=$1
chosen=${2:-}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if is_new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

if [ -n "$chosen" ]; then
    if ! is_new_enough "$chosen"; then
        echo "PYTHON=$chosen is no Python 3.11 or newer (it says: $("$chosen" --version 2>&1 || true))." >&2
        exit 1
    fi
    python=$chosen
else
    python=$(find_python)
    if [ -z "$python" ]; then
        echo "Penstock needs Python 3.11 or newer, and none was found (python3 says: $(python3 --version 2>&1 || true))." >&2
        echo "Install one, or name it: make PYTHON=/path/to/python3.11 ..." >&2
        exit 1
    fi
fi

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
echo "Making $folder with Python $version ..." >&2
if ! said=$("$python" -m venv --clear "$folder" 2>&1); then
    rm -rf "$folder"
    echo "$said" >&2
    echo "Python $version could not make a virtual environment. On Debian and Ubuntu its part for that is a package" >&2
    echo "of its own: apt-get install python$version-venv" >&2
    exit 1
fi
