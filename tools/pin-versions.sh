#!/bin/sh
# Writes constraints.txt: the newest versions of everything in the extras `all` and `dev` that fit together.
#   pin-versions.sh [PYTHON]
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sh tools/make-venv.sh "$work/venv" "${1:-}"
"$work/venv/bin/python" -m pip install -qq --disable-pip-version-check --retries 5 -e '.[all,dev]'
{
    echo "# The versions that development and CI use. Made by \`make constraints\`; a release does not read it."
    "$work/venv/bin/python" -m pip freeze --exclude-editable | grep -v '^-e\|^#\| @ '
} >"$work/constraints.txt"
cp "$work/constraints.txt" constraints.txt
