#!/bin/sh
# Sees to it that commands are there: system-needs.sh COMMAND:DEBIAN-PACKAGE ...
# As root on Debian it installs what is missing; elsewhere it names what is missing and fails.
# Python's venv module is always among them, as Debian packages it apart.
set -eu
missing_commands=
missing_packages=

for need in "$@"; do
    if ! command -v "${need%%:*}" >/dev/null 2>&1; then
        missing_commands="$missing_commands ${need%%:*}"
        missing_packages="$missing_packages ${need#*:}"
    fi
done
if python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && ! python3 -c 'import ensurepip' 2>/dev/null; then
    missing_commands="$missing_commands python3-venv"
    missing_packages="$missing_packages python3-venv"
fi
[ -n "$missing_commands" ] || exit 0

if [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing for the tests:$missing_packages" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq -o Acquire::Retries=3 >&2
    # shellcheck disable=SC2086  # a list of packages
    apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 $missing_packages >&2
else
    echo "The tests need what this machine lacks:$missing_commands" >&2
    echo "On Debian and Ubuntu: apt-get install$missing_packages (run by itself when you are root)." >&2
    exit 1
fi
