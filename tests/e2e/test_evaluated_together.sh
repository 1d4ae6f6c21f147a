# Adapters whose results are due together are forecast in one call: all of them are said to
# be evaluated before the first one is finished. tests/unit/host/test_rank_group.c looks at
# the results.
. "$E2E/lib.sh"
export XDG_CACHE_HOME="$PWD/cache"
prepare_job

# Three results are due with one step, the fourth an epoch later.
cat >list.json <<'END'
[{"learning_rate": 1e-3, "lora_rank": 4}, {"learning_rate": 5e-3, "lora_rank": 9},
 {"learning_rate": 2e-3, "lora_rank": 16, "lora_targets": "v+wo"},
 {"learning_rate": 2e-3, "epochs": 2}]
END
sweep="sweep --model nano $files --train-last 120 --eval-windows 3 --name together --configs list.json
    --set context_length=16 --set prediction_length=4 --set epochs=1 --set batch_size=64"

# As if the device gained from any number of configurations at a time.
must $sweep --dry-run
sed -i 's/\(vocab_size 4096": \)[0-9.e+]*/\11e6/' cache/ftgpu/calibration.json
must $sweep --dry-run
expect err 'batch 1: 4 trajectories, 4 at a time'

must $sweep --format jsonl
order=$(sed -n 's/.*"event": *"\(evaluating\|finished\)".*"configuration": *\([0-9]\).*/\1 \2/p' out | tr '\n' ' ')
[ "$order" = "evaluating 1 evaluating 3 evaluating 2 finished 1 finished 3 finished 2 evaluating 4 finished 4 " ] ||
    fail "events: $order"
finish
