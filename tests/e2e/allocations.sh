# Each allocation of a sweep with two workers fails once, in the coordinator or in a
# worker: within ten seconds the sweep has either gone on to its end or said in one line
# that there is no memory; started again, it ends as an undisturbed one, bit for bit.
# Sourced by test_sweep_allocations.sh, which tries a sample, and by
# slow_coordinator_allocations.sh and slow_worker_allocations.sh, which try every fifth or
# tenth.
. "$E2E/lib.sh"
preload_or_skip libft_fail_allocation.so
. "$E2E/resume.sh"
must data demo --out data
must model init --size nano --out model
{
    head -1 data/data.csv
    tail -60 data/data.csv
} >few.csv
# Two batches of two configurations, one a worker. The scheduler asks after each epoch,
# and prunes none.
arguments="sweep --model model --data few.csv --split 0.6,0.2,0.2 --target Close --eval-windows 1 --threads 1 --name grid
    --set context_length=4 --set prediction_length=2 --set epochs=1 --set batch_size=8 --train-last 12
    --grid learning_rate=1e-3,1e-2 --grid lora_rank=2,4 --device cpu --workers 2 --max-adapters 2 --scheduler median --grace-epochs 2"
contents() { for number in 001 002 003 004; do content "$1" "$number"; done; }

# fail_allocation PROCESS ALLOCATION RESULTS: the sweep, ended by force when it takes too
# long. Sets $milliseconds.
fail_allocation() {
    status=0
    ran="ftgpu sweep (process $1, allocation $2)"
    started=$(date +%s%N)
    timeout -s KILL "${hangs-600}" env LD_PRELOAD="$library" FTGPU_FAIL_PROCESS="$1" FTGPU_FAIL_ALLOCATION="$2" \
        "$FTGPU" $arguments --results "$3" >out 2>err || status=$?
    milliseconds=$((($(date +%s%N) - started) / 1000000))
}

export FTGPU_ALLOCATIONS=count
fail_allocation 0 0 whole
unset FTGPU_ALLOCATIONS
expect_status 0
contents whole >expected
# On a busy machine starting takes its time, too.
limit=$((10000 + 10 * milliseconds))
hangs=$((limit / 1000 + 60))
slowest=0 tried=0

# The workers are those of the program's processes that allocate anything. Sets
# $first_worker and $second_worker.
mv count count.0
set --
for file in count.[1-9]*; do [ "$(cat "$file")" = 0 ] || set -- "$@" "${file#count.}"; done
[ $# = 2 ] || fail "not two workers: $*"
first_worker=$1 second_worker=$2

# each PROCESS STEP FORM: every STEP-th allocation of the process; FORM "": it alone, "-":
# it and all that follow.
each() {
    allocation=1
    total=$(cat "count.$1")
    [ "$total" -gt 1000 ] || fail "process $1: only $total allocations were seen"
    while [ "$allocation" -le "$total" ]; do
        rm -rf killed
        fail_allocation "$1" "$allocation$3" killed
        tried=$((tried + 1))
        [ "$milliseconds" -le "$slowest" ] || slowest=$milliseconds
        [ "$milliseconds" -le "$limit" ] || fail "$ran: took $milliseconds ms"
        case $status in
        0) expect err '^4 of 4 experiments done, 0 of them failed$' ;;
        1)
            [ "$(grep -c '^ftgpu: ' err)" = 1 ] || fail "$ran: not one line: $(grep '^ftgpu: ' err | head -3)"
            expect err '^ftgpu: .*([Oo]ut of memory|Cannot allocate memory)'
            # A sweep that has no plan yet begins when it is started again.
            if [ -f killed/.sweeps/grid/plan.json ]; then
                "$FTGPU" $arguments --results killed >out 2>again || fail "$ran: then again: $(tail -1 again)"
            fi
            ;;
        *)
            fail "$ran: exit status $status"
            sed 's/^/    /' err | tail -3
            ;;
        esac
        if [ "$status" = 0 ] || [ -f killed/.sweeps/grid/plan.json ]; then
            contents killed >got
            cmp -s expected got || fail "$ran (status $status): other results: $(diff expected got | head -3)"
            [ "$(ls -d killed/grid_* | wc -l)" = 4 ] || fail "$ran: $(ls -d killed/grid_* | wc -l) experiments"
        fi
        allocation=$((allocation + $2))
    done
}

tell_slowest() { echo "$tried failed allocations, the slowest end after $slowest ms"; }
