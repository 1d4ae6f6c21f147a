# What the tests of workers and of shards share: a small sweep and what it left. Sourced
# by test_workers.sh and test_shard.sh after lib.sh, in a directory of their own.
must data demo --out data
must model init --size nano --out model
common="--model model --train data/train.csv --val data/val.csv --test data/test.csv --target Close --threads 1
    --set context_length=32 --set prediction_length=4 --eval-windows 2 --train-last 200"
# Enough for a kill to come in between: epochs take their time under the sanitizers.
epochs=60
case $(ldd "$FTGPU") in *libasan*) epochs=10 ;; esac
six="--grid learning_rate=1e-4,1e-3,1e-2 --grid lora_rank=2,4"

# What the experiments of a sweep NAME hold, but for names, times and company.
contents() {
    for file in results/fine_tuning/"$1"_*/results.json; do
        sed '/"shared_with"/,/]/d' "$file" |
            grep -Ev '"(experiment_id|timestamp|model_path|command_line|seconds|tokens_per_second)":'
        cksum <"$(dirname "$file")/adapter/adapter_model.safetensors"
        cksum <"$(dirname "$file")/forecasts.csv"
    done
}
