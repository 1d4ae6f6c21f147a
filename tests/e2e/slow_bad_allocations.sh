# Each allocation of a command fails once (as SQLite tests itself): status 1 and one line
# that says memory, or the same output as ever; never a crash, never less output and
# status 0, no temporary file left. test_bad_memory.sh is the real thing, with less to
# see.
. "$E2E/lib.sh"
preload_or_skip libft_fail_allocation.so
must data demo --out data
must model init --size nano --out nano
job="--model nano --train data/train.csv --val data/val.csv --test data/test.csv --target Close --eval-windows 1 --threads 1
    --set context_length=8 --set prediction_length=2 --set epochs=1 --set batch_size=8 --train-last 12"
must sweep $job --grid lora_rank=2,4 --results results --name made

no_memory="^ftgpu: .*([Oo]ut of memory|Cannot allocate memory)"

# fail_allocation NUMBER ARGUMENTS...: as ft, while that allocation fails.
fail_allocation() {
    number=$1
    shift
    status=0
    ran="ftgpu $* (allocation $number)"
    LD_PRELOAD=$library FTGPU_FAIL_ALLOCATION=$number FTGPU_ALLOCATIONS=count "$FTGPU" "$@" >out 2>err || status=$?
}

# each STEP ARGUMENTS...: every STEP-th allocation of the command.
each() {
    step=$1
    shift
    rm -rf written
    fail_allocation 0 "$@"
    expect_status 0
    cp out whole
    total=$(cat count)
    [ "$total" -gt 1 ] || fail "$ran: only $total allocations were seen"
    number=1
    while [ "$number" -le "$total" ]; do
        rm -rf written
        fail_allocation "$number" "$@"
        if [ "$status" = 0 ]; then
            # An experiment's id and times differ each time.
            [ -e written/exp* ] || cmp -s out whole || fail "$ran: status 0, but another output: $(diff out whole | head -2)"
        else
            expect_status 1
            grep -v -e ' epoch [0-9]' -e '^evaluating' -e '^ftgpu: warning' -e '^warning: epochs is set for all' err >messages || true
            [ "$(wc -l <messages)" = 1 ] || fail "$ran: $(wc -l <messages) lines: $(head -3 messages)"
            expect messages "$no_memory"
        fi
        [ -z "$(find . -name '*.tmp.*')" ] || { fail "$ran: left $(find . -name '*.tmp.*')"; find . -name '*.tmp.*' -delete; }
        number=$((number + step))
    done
}

each 1 --version
each 3 --help
each 3 run --help
for form in man bash zsh; do
    each 3 --help=$form
done
each 1 devices
each 3 devices --format json
each 3 data insights --data data/data.csv --split 0.7,0.15,0.15 --target Close
each 1 compare --results results --format csv
each 3 compare --results results --group-by lora_rank
each 3 show made_001 --results results
each 3 best --metric mae --results results
each 3 analyze importance --metric mae --results results
each 3 analyze summary --results results
each 5 model info nano
each 3 sweep $job --grid lora_rank=2,4 --grid epochs=1,2 --dry-run
each 7 model merge --model nano --adapter "$(echo results/made_001_*/adapter)" --out written
each 3 data demo --out written
each 5 forecast --model nano --data data/data.csv --target Close --horizon 2 --num-samples 2 --threads 1
each 5 report --results results --out written
each 9 run $job --results written
finish
