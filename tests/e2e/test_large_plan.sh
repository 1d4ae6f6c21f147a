# A hundred thousand configurations are planned and printed in less than a second of
# processor time.
. "$E2E/lib.sh"
prepare_job

grid="--grid learning_rate=$(seq -s , 1e-5 1e-5 1e-3) --grid lora_rank=$(seq -s , 1 50)
    --grid weight_decay=0,0.01,0.05,0.1 --grid epochs=1,2,3,4,5"
# A sanitized program is slow by itself; then there is nothing to measure.
limit=1000
if ldd "$FTGPU" | grep -q libasan; then limit=1000000; fi

# plan FORMAT: one of five attempts is fast enough, since other work on the machine makes
# a processor slow.
export OMP_NUM_THREADS=1
plan() {
    for attempt in 1 2 3 4 5; do
        ft_timed sweep $job $grid --dry-run --format "$1"
        expect_status 0
        echo "--format $1: $milliseconds ms of processor time"
        [ "$milliseconds" -ge "$limit" ] || return 0
    done
    fail "--format $1 needs $milliseconds ms of processor time, five times out of five more than $limit"
}
plan table
plan csv
[ "$(wc -l <out)" = 100001 ] || fail "not 100,000 configurations: $(wc -l <out) lines"
expect err '^100000 configurations, 100000 trajectories, [0-9]+ batches, '
plan json
expect out '"n_configurations": 100000'
finish
