#!/bin/sh
# Runs one script in an empty directory that is removed afterwards. usage: run.sh FTGPU SCRIPT
set -eu
FTGPU=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
E2E=$(cd "$(dirname "$2")" && pwd)
export FTGPU E2E
# Numbers and dates must not depend on where the tests run.
export LC_ALL=C TZ=UTC
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
sh -eu "$E2E/$(basename "$2")"
