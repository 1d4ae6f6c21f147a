# Adapters whose results are due with the same step are forecast in one call: `evaluating` is
# told of each of them before the first is finished. tests/unit/host/test_rank_group.c looks
# at the results.
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

# Early stopping ends one training for all nine configurations: its adapter is forecast once,
# and all evaluations together take no longer than the whole sweep.
before=$(date +%s%N)
must sweep --model nano $files --train-last 120 --eval-windows 20 --eval-samples 60 --name stopped --threads 1 \
    --set context_length=16 --set prediction_length=4 --set batch_size=64 --set learning_rate=0 \
    --set lr_scheduler=constant --set early_stopping_patience=1 --grid epochs=2,3,4,5,6,7,8,9,10
elapsed=$(($(date +%s%N) - before))
cat results/fine_tuning/stopped_*/results.json | tr -d ' \t\n' | grep -o '"evaluation":{"seconds":[0-9.e-]*' |
    awk -F: -v elapsed="$elapsed" '{ n++; sum += $3 }
        END { print n " evaluations, " sum " s of " elapsed / 1e9; exit !(n == 9 && sum < elapsed / 1e9) }' >sum ||
    fail "run.evaluation.seconds: $(cat sum)"
finish
