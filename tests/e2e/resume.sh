# Kills a sweep and its workers with SIGKILL at random moments, starts it again each time,
# and compares with an undisturbed one.
# usage: resume KILLS; sourced by test_resume.sh and slow_resume.sh, in a directory of their own.

# Words that the shell may split.
arguments="sweep --model model --train data/train.csv --val data/val.csv --test data/test.csv --target Close --name grid
    --set epochs=3 --set context_length=48 --set prediction_length=8 --set batch_size=16 --eval-windows 6 --threads 1
    --set early_stopping_patience=2 --train-last 200 --grid learning_rate=1e-3,1e-2,1e-1 --grid lora_rank=2,4 --grid dropout_rate=0,0.1"

# The experiment of configuration NUMBER, which must be one; everything but ids, times and
# paths is printed.
content() { # RESULTS NUMBER
    set -- "$1"/grid_"$2"_*
    [ $# = 1 ] && [ -f "$1/results.json" ] || { echo "not one result: $*"; return; }
    grep -Ev '"(experiment_id|timestamp|model_path|command_line|seconds|tokens_per_second)":' "$1/results.json"
    cksum <"$1/adapter/adapter_model.safetensors"
    cksum <"$1/forecasts.csv"
}

resume() { # KILLS
    must data demo --out data
    must model init --size nano --out model
    "$FTGPU" $arguments --results whole >out 2>err || fail "the undisturbed sweep: $(tail -1 err)"
    started=$(date +%s%N)
    "$FTGPU" $arguments --results timed >out 2>err || fail "the undisturbed sweep: $(tail -1 err)"
    milliseconds=$((($(date +%s%N) - started) / 1000000))

    : >said
    killed=0 hit=0
    seed=$$
    while [ "$killed" -lt "$1" ]; do
        seed=$(((seed * 1103515245 + 12345) % 2147483648))
        # Moments over a third of the whole, so that most starts get on and some do not.
        pause=$((seed / 65536 % (milliseconds / 3 + 1) + 5))
        # A process group of its own, of which all die at once: coordinator and workers.
        # setsid becomes the program.
        setsid "$FTGPU" $arguments --results killed >out 2>err &
        pid=$!
        sleep "$(printf '%d.%03d' $((pause / 1000)) $((pause % 1000)))"
        kill -s KILL -- -"$pid" 2>/dev/null || true
        status=0
        wait "$pid" 2>/dev/null || status=$?
        cat err >>said
        killed=$((killed + 1))
        [ "$status" != 137 ] || hit=$((hit + 1))
        # What is there is whole: it can be read, and holds its last key.
        for file in killed/grid_*/results.json; do
            [ -e "$file" ] || continue
            [ "$(tail -c 2 "$file" | head -c 1)" = "}" ] || fail "$file is cut off"
        done
        # A finished sweep makes room for the next round of kills.
        if [ "$(grep -c '"done"' killed/.sweeps/grid/journal.jsonl 2>/dev/null)" = 12 ]; then
            compare_all
            rm -rf killed
        fi
    done
    [ $((2 * hit)) -ge "$killed" ] || fail "$hit of $killed kills came before the end"
    "$FTGPU" $arguments --results killed >out 2>err || fail "the last start: $(tail -1 err)"
    grep "starts from the beginning" said err && fail "a checkpoint that a kill has left was not gone on from"
    compare_all
    expect_all_experiments
}

compare_all() {
    for number in 001 002 003 004 005 006 007 008 009 010 011 012; do
        content whole "$number" >expected
        content killed "$number" >got
        cmp -s expected got || fail "configuration $number differs after kills: $(diff expected got | head -3)"
    done
}

expect_all_experiments() {
    count=$(ls -d killed/grid_* | wc -l)
    [ "$count" = 12 ] || fail "$count directories instead of 12: something was left behind or done twice"
    ft compare --results killed --format csv
    [ "$(wc -l <out)" = 13 ] || fail "compare shows $(wc -l <out) lines"
}
