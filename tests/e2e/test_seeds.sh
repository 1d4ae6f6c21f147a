# Seeds make replicates: they train each for itself, and an evaluation draws the same random numbers
# for all.
. "$E2E/lib.sh"
prepare_job
baselines() {
    sed -n '/^    "baseline_metrics": {/,/^    },*$/p' "$(directory_of "$1_*")/results.json" | sed 's/,$//'
}
for kind in lora full; do
    must sweep $job --name "$kind" --seeds 2 --seed 3 --set adapter_type=$kind
    must run $job --name "one_$kind" --set seed=4 --set adapter_type=$kind
    for id in "${kind}_001" "${kind}_002" "one_$kind"; do
        baselines "$id" >"$id"
        [ "$(grep -c mae "$id")" = 6 ] || fail "$id has not two baselines of three splits"
        cmp -s "${kind}_001" "$id" || fail "$kind: $id: $(diff "${kind}_001" "$id" | head -4)"
    done
    # They differ in their seed alone, and each is what a run with that seed is.
    for n in 1 2; do sed -n '/"hyperparams"/,/}/p' "$(directory_of "${kind}_00${n}_*")/results.json" >"hyperparams$n"; done
    [ "$(diff hyperparams1 hyperparams2 | grep -c '^[<>]')" = 2 ] || fail "$kind: $(diff hyperparams1 hyperparams2)"
    diff hyperparams1 hyperparams2 >out || :
    expect out '^> +"seed": 4'
    cmp -s "$(directory_of "${kind}_002_*")/forecasts.csv" "$(directory_of "one_${kind}_*")/forecasts.csv" ||
        fail "$kind: a replicate is not what a run with its seed is"
    cmp -s "$(directory_of "${kind}_001_*")/forecasts.csv" "$(directory_of "${kind}_002_*")/forecasts.csv" &&
        fail "$kind: another seed trains the same"
done
cmp -s one_lora one_full || fail "the model before tuning is another for full"

# Adapters that do the same have the same forecasts, whatever their seed.
must sweep $job --name still --seeds 2 --set learning_rate=0 --grid lora_rank=2,4 --eval-samples 7
for n in 2 3 4; do
    cmp -s "$(directory_of 'still_001_*')/forecasts.csv" "$(directory_of "still_00${n}_*")/forecasts.csv" ||
        fail "untrained adapters 1 and $n: other forecasts"
done
cp "$(directory_of 'still_001_*')/results.json" out
expect out '^    "eval_samples": 7,'
must run $job --name more --set learning_rate=0 --eval-samples 8
cmp -s "$(directory_of 'still_001_*')/forecasts.csv" "$(directory_of 'more_*')/forecasts.csv" && fail "$ran: as 7 samples"

must sweep $job --name planned --seeds 3 --grid lora_rank=2,4 --dry-run --format csv
[ "$(grep -c '^[0-9]' out)" = 6 ] || fail "$ran: $(grep -c '^[0-9]' out) configurations instead of 6"
expect out '^configuration,lora_rank,seed,'
refuses '^ftgpu: --seeds repeats each configuration with seeds of its own, but the grid has seeds' \
    sweep $job --seeds 3 --grid seed=1,2
finish
