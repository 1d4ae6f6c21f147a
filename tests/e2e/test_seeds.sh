# A grid over seeds: every experiment has the baselines of a run of its own, whatever was evaluated or trained before it.
. "$E2E/lib.sh"
prepare_job
for kind in lora full; do
    must sweep $job --name "$kind" --grid seed=1,2 --set adapter_type=$kind
    for seed in 1 2; do
        must run $job --name "one_$kind$seed" --set seed=$seed --set adapter_type=$kind
        for id in "${kind}_00$seed" "one_$kind$seed"; do
            sed -n '/^    "baseline_metrics": {/,/^    },*$/p' "$(directory_of "${id}_*")/results.json" | sed 's/,$//' >"$id"
            [ "$(grep -c mae "$id")" = 6 ] || fail "$id has not two baselines of three splits"
        done
        cmp -s "${kind}_00$seed" "one_$kind$seed" ||
            fail "$kind, seed $seed: $(diff "${kind}_00$seed" "one_$kind$seed" | head -4)"
    done
    cmp -s "one_${kind}1" "one_${kind}2" && fail "$kind: the model before tuning draws the same with every seed"
done
cmp -s one_lora1 one_full1 || fail "the model before tuning is another for full"
finish
