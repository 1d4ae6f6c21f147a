# compare, best and analyze fit the terminal: 40, 80 and 200 columns by COLUMNS, 80 where nothing
# says how many; machine formats stay as they are.
. "$E2E/lib.sh"

# Twelve experiments: two learning rates, two ranks, three seeds each.
n=0
for rate in 1e-4 1e-3; do
    for rank in 4 8; do
        for seed in 0 1 2; do
            n=$((n + 1)) id=sweep_$(printf '%03d' $n)_20250101_120000
            mkdir -p results/$id
            cat >results/$id/results.json <<END
{"experiment_id": "$id", "timestamp": "2025-01-01T12:00:00.123456",
 "hyperparams": {"learning_rate": $rate, "lora_rank": $rank, "epochs": 3, "adapter_type": "lora", "lora_targets": "q+v", "scheduler": "linear", "seed": $seed},
 "train_metrics": {"mae": 1.23456789}, "val_metrics": {"mae": 1.$rank$seed$n, "rmse": 2.123456789}, "test_metrics": {"mae": 2.345678901, "rmse": 3},
 "training_history": [{"loss": 4, "val_loss": 3, "seconds": 600}, {"loss": 3, "val_loss": 2.$n, "seconds": 600}, {"loss": 3, "val_loss": 2.5, "seconds": 480}],
 "run": {"baseline_metrics": {"zero_shot": {"test_metrics": {"mae": 2}}, "seasonal_naive": {"test_metrics": {"mae": 1.5}}}}}
END
        done
    done
done

longest() {
    LC_ALL=C.UTF-8 sed 's/[^ -~]/X/g' out | awk '{ if (length($0) > most) most = length($0) } END { print most + 0 }'
}
for columns in 40 80 200 ''; do
    for command in compare 'compare --sort mae' 'compare --all-columns' 'compare --group-by lora_rank' best 'best --split test' \
        'analyze importance' 'analyze overfitting' 'analyze convergence' 'analyze summary' 'analyze regimes'; do
        COLUMNS=$columns
        export COLUMNS
        must $command --results results
        [ "$(longest)" -le "${columns:-80}" ] || fail "$ran: $(longest) columns instead of ${columns:-80}: $(cat out)"
        expect_not out '[1-9]\.[0-9]{4}'
    done
done

# show, too; a path stays whole, so that it can be copied.
for columns in 40 80 200 ''; do
    COLUMNS=$columns
    must show sweep_001 --results results
    sed -i '/results.sweep_001_/d' out
    [ "$(longest)" -le "${columns:-80}" ] || fail "$ran: $(longest) columns instead of ${columns:-80}: $(cat out)"
done
expect out '^hyperparams  learning_rate 0\.0001, '
expect out '^             [a-z]'

# refine, too; its command stays whole.
for columns in 40 80 200 ''; do
    COLUMNS=$columns
    must refine --results results
    expect out "^  ftgpu sweep \.\.\. --results 'results' "
    sed -i '/^  ftgpu sweep/,$d' out
    [ "$(longest)" -le "${columns:-80}" ] || fail "$ran: $(longest) columns instead of ${columns:-80}: $(cat out)"
done

# What is left out is named; seeds are one row with their mean and deviation; the order is that of
# the means.
COLUMNS=80
must compare --results results --sort mae
expect out '^# +id +learning_rate +lora_rank +seeds +val mae +test mae'
expect out '^left out for the width: best epoch'
[ "$(grep -c '^[1-4] ' out)" = 4 ] || fail "not four configurations: $(cat out)"
expect out '^1 +sweep_001 +0\.0001 +4 +3 +1\.412 ± 0\.011 +2\.346 ± 0$'
COLUMNS=200
must compare --results results --sort mae
expect out '^1 +sweep_001 .* +█▁▄ +2 of 3 +28 min$'
expect out '^± is the standard deviation over seeds; id is that of the best of them$'
must compare --results results --each-seed
[ "$(grep -c '^ *[0-9]* *sweep_' out)" = 12 ] || fail "--each-seed: $(cat out)"
must best --results results
expect out '^best +sweep_001_20250101_120000: val mae 1\.401 '
expect out '^replicates +3 seeds: val mae 1\.412 ± 0\.011, test mae 2\.346 ± 0; means of seeds were compared, of 4 configurations$'
expect out '^verdict +do not ship it: none of 12 experiments beats seasonal_naive; tuning made it worse in all 12 experiments, on test'
# Groups: the metric that ranks, on validation and test; other columns where they are asked for.
COLUMNS=80
must compare --results results --group-by lora_rank
expect out '^lora_rank +count +val_mae_mean +val_mae_std +test_mae_mean +test_mae_std$'
[ "$(wc -l <out)" = 3 ] || fail "--group-by is more than a table: $(cat out)"
must compare --results results --group-by lora_rank --sort rmse
expect out '^lora_rank +count +val_rmse_mean +val_rmse_std +test_rmse_mean +test_rmse_std$'
must compare --results results --group-by lora_rank --metric rmse --sort val_mae_mean
expect out '^lora_rank +count +val_rmse_mean '
must compare --results results --group-by lora_rank --all-columns
expect out ' test_coverage_80_mean'
must compare --results results --group-by lora_rank --columns 'seconds,val_rmse'
expect out '^lora_rank +count +val_rmse_mean +val_rmse_std +seconds_mean +seconds_std$'
expect out '^ +4 +6 +2\.123 +0 +1680 +0$'
must compare --results results --group-by lora_rank --columns 'hp_seed,test_mae' --format csv
[ "$(head -1 out)" = hp_lora_rank,count,test_mae_mean,test_mae_std ] || fail "--group-by --columns: $(head -1 out)"
refuses 'no column "vol_mae"; did you mean "val_mae"' compare --results results --group-by lora_rank --columns vol_mae
refuses 'no column "lora_tank" to group by' compare --results results --group-by lora_tank --columns val_mae
refuses 'to group by .give --group-by once for each' compare --results results --group-by lora_rank,learning_rate
must compare --results results --group-by lora_rank --group-by learning_rate --columns val_mae
[ "$(wc -l <out)" = 5 ] || fail "two keys: $(cat out)"

# In a terminal of its own width, where there is one to be had.
if command -v script >/dev/null; then
    unset COLUMNS
    script -qc "stty cols 60; $FTGPU compare --results results" /dev/null </dev/null | tr -d '\r' >out
    [ "$(longest)" -le 60 ] && [ "$(longest)" -gt 40 ] || fail "in a terminal of 60 columns: $(cat out)"
fi

# For programs nothing is shortened, whatever the width. Columns are chosen by name.
COLUMNS=40
export COLUMNS
must compare --results results --format csv
[ "$(wc -l <out)" = 13 ] && expect out '^sweep_001_20250101_120000,2025-01-01T12:00:00.123456,.*2\.345678901'
must compare --results results --format csv --columns 'hp_lora_rank,val_*,train_mae,best_*,mean_val_loss,epochs_run,seconds,pruned'
expect out '^experiment_id,hp_lora_rank,val_mae,val_rmse,(val_[a-z_0-9]+,)+train_mae,best_epoch,best_val_loss,mean_val_loss,epochs_run,seconds,pruned$'
[ "$(cell train_mae 1),$(cell best_epoch 1),$(cell best_val_loss 1),$(cell epochs_run 1),$(cell seconds 1),$(cell pruned 1)" = \
    1.23456789,2,2.1,3,1680,false ] || fail "--columns: $(sed -n 2p out)"
refuses 'no column "vol_mae"; did you mean "val_mae"' compare --results results --columns vol_mae

# Files: what the name ends in decides, and what cannot be written is refused by name.
must export --results results --out x.csv --columns 'val_mae,seconds'
[ "$(head -1 x.csv)" = experiment_id,val_mae,seconds ] || fail "export --columns: $(head -1 x.csv)"
must export --results results --out x.jsonl --columns 'val_mae,seconds'
[ "$(wc -l <x.jsonl)" = 12 ] && cp x.jsonl out && expect out '^{"experiment_id": "sweep_001_20250101_120000", "val_mae": 1\.401, "seconds": 1680}$'
refuses 'x.parquet: ftgpu cannot write Parquet; it writes .csv and .jsonl' export --results results --out x.parquet
refuses 'x.xlsx: ftgpu cannot write a file of that kind' export --results results --out x.xlsx
refuses 'one of --csv FILE, --jsonl FILE, --out FILE, --tensorboard DIR and --mlflow URI' export --results results --csv x.csv --out y.csv
[ ! -e x.parquet ] || fail "a refused file is there"
finish
