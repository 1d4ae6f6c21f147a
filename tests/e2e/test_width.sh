# How many configurations are trained at a time: what was measured of the device, once,
# and kept in the user's cache.
. "$E2E/lib.sh"
export XDG_CACHE_HOME="$PWD/cache"
kept=cache/ftgpu/calibration.json
prepare_job
grid="--grid learning_rate=1e-4,2e-4 --grid weight_decay=0,0.01 --grid dropout_rate=0,0.1"

# slots: of all batches, as planned.
slots() {
    must sweep $job $grid --dry-run --format json
    expect_quiet
    sed -n 's/.*"slots": \([0-9]*\).*/\1/p' out | sort -u
}

# keep ROWS: as if so many had been measured. A configuration's step has 8 x (16 + 4 + 2)
# = 176.
keep() {
    sed -i "s/\(vocab_size 4096\": \)[0-9.e+]*/\1$1/" $kept
}

measured=$(slots)
[ "$measured" -ge 1 ] || fail "no slots: $measured"
expect $kept '^  "busy_rows: ftgpu [0-9.]+, .*, [0-9]+ threads, (f32|bf16), d_model [0-9]+, .* vocab_size 4096": [0-9]+$'
cp $kept first
[ "$(slots)" = "$measured" ] || fail "another width the second time"
cmp -s $kept first || fail "measured again"

keep 352
[ "$(slots)" = 2 ] || fail "352 rows: $(slots) at a time instead of 2"
keep 353
[ "$(slots)" = 3 ] || fail "353 rows: $(slots) at a time instead of 3"
keep 1
[ "$(slots)" = 1 ] || fail "1 row: $(slots) at a time instead of 1"
keep 1e6
[ "$(slots)" = 8 ] || fail "1e6 rows: $(slots) at a time instead of all 8"
must sweep $job $grid --dry-run --max-adapters 4
expect err 'batch 1: 8 trajectories, 4 at a time'

# Threads are measured by themselves, and so are those of several workers.
must sweep $job $grid --dry-run --threads 1
expect $kept ', 1 threads, '

# What was measured since does not change a sweep that has begun: it has its plan.
keep 352
begin sweep $job $grid --name begun --set epochs=30
await err 'epoch 2/30'
kill -9 "$pid"
end
cp results/fine_tuning/.sweeps/begun/plan.json plan.json
grep -Eq '"batches":\[\[0,8,2\]\]|"batches": \[' plan.json || fail "no batches in the plan"
keep 1
must sweep $job $grid --name begun --set epochs=30
cmp -s plan.json results/fine_tuning/.sweeps/begun/plan.json || fail "another plan after going on"

# A cache that is broken or not to be had is no fault.
for broken in '{' '[]' '{"x": "y"}' '' '{"busy_rows: ": 5, "busy_rows: ": 6}'; do
    echo "$broken" >$kept
    [ "$(slots)" -ge 1 ] || fail "no slots with a cache of: $broken"
    expect $kept 'vocab_size 4096": [0-9]+'
done
for number in -5 0 null '"7"' 1e300; do
    keep 1
    sed -i "s/\(vocab_size 4096\": \)[0-9.e+]*/\1$number/" $kept
    [ "$(slots)" -ge 1 ] || fail "no slots with a number of: $number"
done
XDG_CACHE_HOME=/dev/null/none slots >count
[ "$(cat count)" -ge 1 ] || fail "no slots without a cache"
finish
