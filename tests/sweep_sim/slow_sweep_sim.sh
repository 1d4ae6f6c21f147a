#!/bin/sh
# A hundred thousand simulated configurations reach the goals: makespan at most 1.05 of
# the ideal, a result for under 200 us of processor time, a configuration in under 1 KB;
# also where all take equally long, where a scheduler decides, and where each worker dies
# about once. In memory where that can be: what a disk takes to sync is not the
# coordinator's. usage: slow_sweep_sim.sh SWEEP_SIM
set -eu
parent=${TMPDIR:-/tmp}
[ ! -w /dev/shm ] || parent=/dev/shm
scratch=$(mktemp -d "$parent/ftgpu_sim_XXXXXX")
trap 'rm -rf "$scratch"' EXIT
for arguments in "" "--epochs 5" "--scheduler asha" "--scheduler median" "--deaths 545"; do
    # shellcheck disable=SC2086
    "$1" --results "$scratch" --configs 100000 --workers 100 --check $arguments || {
        echo "FAILED: sweep_sim --configs 100000 --workers 100 $arguments"
        exit 1
    }
    rm -rf "$scratch"
done
