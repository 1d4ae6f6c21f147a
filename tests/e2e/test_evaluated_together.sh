# Adapters whose results are due together are forecast in one call. That changes no number:
# where one of them diverges, so that each is forecast alone, the others are the same bytes.
. "$E2E/lib.sh"
export XDG_CACHE_HOME="$PWD/cache"
prepare_job

# sweep_of NAME HYPERPARAMETERS ARGUMENTS...: the second of four configurations has these.
# Three results are due after two steps, so that numbers which are too large are in the
# forecasts and not in a loss; the fourth is due an epoch later.
sweep_of() {
    name=$1
    cat >"$name.json" <<END
[{"learning_rate": 1e-3, "lora_rank": 4}, {$2, "lora_rank": 9},
 {"learning_rate": 2e-3, "lora_rank": 16, "lora_targets": "v+wo"},
 {"learning_rate": 2e-3, "epochs": 2}]
END
    shift 2
    # shellcheck disable=SC2086
    ft sweep --model nano $files --train-last 120 --eval-windows 3 --results "$name" --name "$name" \
        --set context_length=16 --set prediction_length=4 --set epochs=1 --set batch_size=64 --set keep=last \
        --set lora_targets=q+k+v+o+wi+wo --configs "$name.json" "$@"
}

# As if the device gained from any number of configurations at a time.
sweep_of together '"learning_rate": 5e-3' --dry-run
expect_status 0
sed -i 's/\(vocab_size 4096": \)[0-9.e+]*/\11e6/' cache/ftgpu/calibration.json
sweep_of together '"learning_rate": 5e-3' --dry-run
expect err 'batch 1: 4 trajectories, 4 at a time'

# All that are due are said to be evaluated before the first of them is finished.
sweep_of together '"learning_rate": 5e-3' --format jsonl
expect_status 0
order=$(sed -n 's/.*"event": *"\(evaluating\|finished\)".*"configuration": *\([0-9]\).*/\1 \2/p' out | tr '\n' ' ')
[ "$order" = "evaluating 1 evaluating 3 evaluating 2 finished 1 finished 3 finished 2 evaluating 4 finished 4 " ] ||
    fail "events: $order"

sweep_of diverged '"learning_rate": 1000, "lora_alpha": 1e6'
expect_status 3
expect err '^diverged_002_.* failed: no token could be drawn'
expect err '^4 of 4 experiments done, 1 of them failed$'
for number in 1 3 4; do
    for file in forecasts.csv windows.csv baselines.csv adapter/adapter_model.safetensors; do
        cmp together/together_00${number}_*/$file diverged/diverged_00${number}_*/$file ||
            fail "$file of configuration $number is another beside one that diverges"
    done
    for sweep in together diverged; do
        sed -n '/"train_metrics"/,$p; /"data_insights"/q' $sweep/${sweep}_00${number}_*/results.json >$sweep.metrics
        expect $sweep.metrics '"mae": [0-9]'
    done
    cmp together.metrics diverged.metrics || fail "the metrics of configuration $number are others"
done
finish
