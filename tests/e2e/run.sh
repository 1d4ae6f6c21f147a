#!/bin/sh
# Runs one script in an empty directory that is removed afterwards. usage: run.sh FTGPU
# SCRIPT
set -eu
FTGPU=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
E2E=$(cd "$(dirname "$2")" && pwd)
export FTGPU E2E
# Numbers and dates must not depend on where the tests run.
export LC_ALL=C TZ=UTC
# No test speaks with the network, or finds models that lie about here; test_hub.sh has a
# Hub of its own.
export HF_HUB_OFFLINE=1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HF_HOME="$scratch/no-hub"
cd "$scratch"
sh -eu "$E2E/$(basename "$2")"
