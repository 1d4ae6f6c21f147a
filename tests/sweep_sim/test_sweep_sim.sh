#!/bin/sh
# Ten thousand simulated configurations: the goals of bench/sweep_sim, deaths, stopping
# and going on. usage: test_sweep_sim.sh SWEEP_SIM
set -eu
sim=$1
parent=${TMPDIR:-/tmp} # in memory where that can be: what a disk takes to sync is not the coordinator's
[ ! -w /dev/shm ] || parent=/dev/shm
scratch=$(mktemp -d "$parent/ftgpu_sim_XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
failures=0
fail() {
    echo "FAILED: $*"
    cat out
    failures=$((failures + 1))
}
run() { # STATUS DIRECTORY ARGUMENTS...
    expected=$1 results=$2 status=0
    shift 2
    "$sim" --results "$results" --configs 10000 --workers 10 "$@" >out 2>&1 || status=$?
    [ "$status" = "$expected" ] || fail "sweep_sim $*: exit status $status instead of $expected"
}
# Every configuration is done once.
expect_whole() { # DIRECTORY
    journal=$1/.sweeps/sim/journal.jsonl
    grep '"event":"done"' "$journal" | sort >done
    [ "$(uniq done | wc -l)" = 10000 ] || fail "$1: $(uniq done | wc -l) of 10000 are done"
    [ "$(wc -l <done)" = 10000 ] || fail "$1: something was done twice"
}

run 0 plain --check
expect_whole plain
grep -q '^10000 configurations, 10 workers, 10000 results, 0 deaths$' out || fail "the report"

# The same simulation has the same makespan.
grep makespan out >first
run 0 again
grep makespan out | cmp -s first - || fail "another makespan: $(cat first)"

# Workers die often: nothing is lost but time, and batches that were cut in two are
# trained whole.
run 0 deaths --deaths 5000
expect_whole deaths
grep -q '"event":"split"' deaths/.sweeps/sim/journal.jsonl || fail "no batch was cut in two"
[ "$(find deaths -name results.json | wc -l)" = 10000 ] || fail "not a directory for each"
grep -q '"failed":true' deaths/.sweeps/sim/journal.jsonl && fail "something was given up"

# So often that many a worker dies while it opens its device.
run 0 dying --workers 100 --deaths 20000
expect_whole dying

# Stopped half-way, the same command goes on.
run 4 stopped --stop 4000
run 0 stopped
grep -Eq '^4[0-9]{3} results were there already' out || fail "it did not go on"
expect_whole stopped

# Schedulers stop most; everything is recorded.
run 0 asha --scheduler asha --check
expect_whole asha
grep -q '"pruned":true' asha/.sweeps/sim/journal.jsonl || fail "asha stopped none"

run 2 refused --configs 10001
grep -q 'not a multiple of 1000' out || fail "the message"
run 2 refused --nonsense
grep -q '^usage: ' out || fail "no usage"
[ "$failures" = 0 ]
