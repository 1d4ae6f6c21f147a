# Every call that a small sweep makes to its results directory fails once, or is the last
# before a kill; see README.md here.
# usage: faults STEP, which tries every STEP-th point; sourced by test_faults.sh and slow_faults.sh.
. "$E2E/../e2e/lib.sh"
preload_or_skip libft_fail_call.so
. "$E2E/sweep.sh"
jobs=2
limit=60
two_workers="$common --grid learning_rate=1e-3,1e-2 --workers 2"

# Scenarios begin with a copy of start_<scenario>, if there is one.
arguments_of() { # SCENARIO
    case $1 in
    shard) echo "$common --grid learning_rate=1e-3,1e-2 --shard 1/2" ;;
    *) echo "$two_workers" ;;
    esac
}

begin_results() { # SCENARIO DIRECTORY
    rm -rf "$2"
    [ ! -d "start_$1" ] || cp -r "start_$1" "$2"
}

# The sweep of a scenario, with a fault; ended by force when it takes too long. Sets
# $status.
run_faulty() { # SCENARIO FAULT CALL DIRECTORY
    begin_results "$1" "$4/results"
    rm -f "$4/calls" "$4/calls.struck"
    status=0
    timeout -k 1 $limit env LD_PRELOAD="$library" FTGPU_FAULT_UNDER="$place/$4/results" FTGPU_FAULT_COUNTER="$place/$4/calls" \
        FTGPU_FAULT="$2" FTGPU_FAULT_CALL="$3" "$FTGPU" $(arguments_of "$1") --results "$place/$4/results" >"$4/out" 2>"$4/err" || status=$?
}

# What an undisturbed sweep of the scenario leaves, and how many calls it makes that each
# kind of fault counts.
measure() { # SCENARIO
    for fault in eio full short; do
        run_faulty "$1" $fault 0 whole
        [ "$status" = 0 ] || { fail "$1: the undisturbed sweep ends with $status: $(tail -1 whole/err)"; finish; }
        od -An -t u8 -N 8 whole/calls | tr -d ' ' >"count_$1_$fault"
        signature whole/results >"signature_$1_$fault"
    done
    mv "signature_$1_eio" "expected_$1"
    cmp -s "expected_$1" "signature_$1_full" || fail "$1: two undisturbed sweeps differ: $(diff "expected_$1" "signature_$1_full" | head -3)"
}

# A sweep that was killed with all its workers where half of it is recorded and a
# checkpoint is kept.
stop_halfway() { # DIRECTORY
    call=$(($(cat count_fresh_eio) / 2))
    until [ "$(grep -c '"done"' whole/results/.sweeps/grid/journal.jsonl 2>/dev/null)" = 2 ] &&
        [ -n "$(ls whole/results/.sweeps/grid/checkpoints)" ] && [ "$(ls -d whole/results/grid_* | wc -l)" -gt 2 ]; do
        [ "$call" -lt "$(cat count_fresh_eio)" ] || { fail "no call is halfway"; finish; }
        run_faulty fresh kill_all "$call" whole
        call=$((call + 1))
    done
    cp -r whole/results "$1"
}

# Once a point, whatever else is wrong with it.
lose() { # WHAT
    [ -z "$is_lost" ] || return 0
    is_lost=yes
    echo "$1" >>"$at/lost"
    echo "FAILED: $scenario: $(cat "$at/calls.struck"): $1"
}

expect_signature() { # WHEN
    signature "$at/results" >"$at/got" 2>&1 || true
    cmp -s "expected_$scenario" "$at/got" || lose "$1 the results differ: $(diff "expected_$scenario" "$at/got" | grep '^[<>]' | head -5 | tr '\n' ' ')"
}

# One point: the sweep fails in one line or gets on; started again without faults it ends
# as an undisturbed one.
try_point() { # SCENARIO FAULT CALL
    scenario=$1 is_lost=
    started=$(date +%s%N)
    run_faulty "$1" "$2" "$3" "$at"
    [ -f "$at/calls.struck" ] || return 0 # it came to its end with fewer calls
    echo $((($(date +%s%N) - started) / 1000000)) >>"$at/tried"
    case $status:$2 in
    0:*) expect_signature "it ended well, and" ;;
    1:eio | 1:gone | 1:full | 1:short)
        [ "$(grep -c '^ftgpu: ' "$at/err")" = 1 ] || lose "not one line: $(grep '^ftgpu: ' "$at/err" | head -3)"
        grep -Eq "^ftgpu: .*$at/results.*(Input/output error|No space left on device)" "$at/err" ||
            lose "the line does not say what failed and where: $(grep '^ftgpu: ' "$at/err")"
        ;;
    137:kill | 137:kill_all | 137:torn) ;;
    124:*) lose "it did not end within $limit s: $(tail -2 "$at/err")" ;;
    *) lose "it ended with status $status: $(tail -2 "$at/err")" ;;
    esac
    timeout -k 1 $limit "$FTGPU" $(arguments_of "$1") --results "$place/$at/results" >"$at/out" 2>"$at/again" ||
        lose "started again it ended with $?: $(tail -1 "$at/again")"
    expect_signature "started again, and"
}

# The points of the list that are this job's.
work() { # JOB
    at=job_$1
    mkdir -p "$at"
    : >"$at/tried"
    : >"$at/lost"
    awk -v job="$1" -v jobs="$jobs" 'NR % jobs == job % jobs' points | while read -r scenario fault call; do
        try_point "$scenario" "$fault" "$call"
    done
}

# Where scenarios start from.
prepare_starts() {
    stop_halfway start_halfway
    # One line of the journal is damaged, and of what was begun and not finished none is
    # left: nothing names its directory.
    cp -r start_halfway start_damaged
    sed -i -e '2s/"/%/' -e '$d' start_damaged/.sweeps/grid/journal.jsonl
    "$FTGPU" $common --grid learning_rate=1e-3,1e-2 --shard 2/2 --results start_shard >out 2>err || { fail "shard 2: $(tail -1 err)"; finish; }
    "$FTGPU" $common --grid learning_rate=2e-3,2e-2 --workers 2 --results start_anew >out 2>err || { fail "another: $(tail -1 err)"; finish; }
}

list_points() {
    for scenario in fresh halfway damaged shard anew; do
        for fault in eio gone full short torn kill kill_all; do
            case $fault in
            full) count=$(cat "count_${scenario}_full") ;;
            short | torn) count=$(cat "count_${scenario}_short") ;;
            *) count=$(cat "count_${scenario}_eio") ;;
            esac
            # The number of calls differs a little from sweep to sweep.
            seq 1 $((count + 2)) | sed "s/^/$scenario $fault /"
        done
    done
}

faults() { # STEP
    mkdir whole
    started=$(date +%s%N)
    measure fresh
    # Of three sweeps, one at a time; a busy machine takes longer.
    limit=$((10 + 4 * ($(date +%s%N) - started) / 1000000000))
    prepare_starts
    for scenario in halfway damaged shard anew; do measure $scenario; done
    list_points | awk -v step="$1" 'NR % step == 0' >points
    pids=
    for job in $(seq "$jobs"); do
        work "$job" &
        pids="$pids $!"
    done
    for pid in $pids; do wait "$pid" || fail "a job ended with $? before its last point"; done
    tried=$(cat job_*/tried | wc -l) lost=$(cat job_*/lost | wc -l)
    echo "faults: $tried points, $lost lost; the slowest end after $(cat job_*/tried | sort -n | tail -1) ms"
    failures=$((failures + lost))
    [ "$tried" -gt 0 ] || fail "no point was tried"
}
