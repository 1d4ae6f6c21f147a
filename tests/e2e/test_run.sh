# ftgpu run: one experiment on disk, the same bits each time, refused where it cannot make sense.
. "$E2E/lib.sh"
prepare_job

must run $job --name baseline --notes 'first try'
expect out '^experiment +baseline_[0-9]{8}_[0-9]{6}$'
expect out 'test of seasonal_naive'
expect err 'epoch 1/2 +loss [0-9.]+ +val_loss [0-9.]+'
directory=$(directory_of 'baseline_*')
# It ends with the same verdict as `best` gives.
grep -E '^(verdict|against) ' err >told || true
must best baseline
grep -E '^(verdict|against) ' out | cmp -s - told && [ "$(wc -l <told)" = 3 ] || fail "the run's verdict is not that of best: $(cat told)"
[ "$(ls "$directory" | tr '\n' ' ')" = "adapter baselines.csv forecasts.csv results.json windows.csv " ] || fail "in the directory: $(ls "$directory")"
[ "$(ls "$directory/adapter" | tr '\n' ' ')" = "adapter_config.json adapter_model.safetensors " ] || fail "in adapter: $(ls "$directory/adapter")"
head -1 "$directory/forecasts.csv" >out
expect out '^split,item_id,origin,timestamp,target,mean,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9$'
# 2 windows of 4 steps in each of 3 splits, and what two baselines forecast in those of test.
[ "$(cut -d, -f1 "$directory/forecasts.csv" | sort | uniq -c | awk '{ printf "%s %s ", $2, $1 }')" = \
    "split 1 test 8 test_seasonal_naive 8 test_zero_shot 8 train 8 val 8 " ] || fail "forecasts.csv has $(cut -d, -f1 "$directory/forecasts.csv" | sort | uniq -c)"
[ "$(wc -l <"$directory/forecasts.csv")" = 41 ] || fail "forecasts.csv has $(wc -l <"$directory/forecasts.csv") lines"
# How the baselines did in each test window adds up to their metrics.
[ "$(wc -l <"$directory/baselines.csv")" = 5 ] || fail "baselines.csv has $(wc -l <"$directory/baselines.csv") lines"
for name in zero_shot seasonal_naive; do
    recorded=$(sed -n "/\"$name\": {/,/^      }/p" "$directory/results.json" | sed -n '/test_metrics/,$s/.*"mae": \([^,]*\).*/\1/p' | head -1)
    awk -F, -v name=$name -v mae="$recorded" '$1 == name { steps += $4; sum += $5 } END { d = sum / steps / mae - 1; exit !(d * d < 1e-24) }' \
        "$directory/baselines.csv" || fail "the windows of $name do not add up to $recorded: $(cat "$directory/baselines.csv")"
done
# Exactly these keys.
sed -n 's/^  "\([a-z_]*\)": .*/\1/p' "$directory/results.json" | tr '\n' ' ' >out
expect out '^experiment_id timestamp hyperparams train_metrics val_metrics test_metrics data_insights training_history notes model_path error run $'
cp "$directory/results.json" out
expect out '^  "notes": "first try"'
expect out '^  "error": null'
expect out '"commit": "([0-9a-f]{12}(-dirty)?|unknown)"'
expect out '"zero_shot": \{'
expect out '"seasonal_naive": \{'
expect out '^    "frequency": "business days"'
expect out '"inferred": "business days"'

# The same command gives the same weights and forecasts; another seed does not.
must run $job --name again
must run $job --name other --seed 1
again=$(directory_of 'again_*') other=$(directory_of 'other_*')
cmp -s "$directory/forecasts.csv" "$again/forecasts.csv" || fail "the same command gives different forecasts"
cmp -s "$directory/adapter/adapter_model.safetensors" "$again/adapter/adapter_model.safetensors" || fail "the same command gives different weights"
cmp -s "$directory/adapter/adapter_model.safetensors" "$other/adapter/adapter_model.safetensors" && fail "another seed gives the same weights"

# Of a val_loss that rises again the best epoch is kept, as if training had ended with it. How many
# epochs show that: the most that do not end with the best of 6.
rising="$job --set learning_rate=1 --set lr_scheduler=constant"
must run $rising --set epochs=6 --set keep=last --name longest
epochs=$(sed -n 's/^ *"val_loss": \([0-9.e+]*\),*$/\1/p' "$(directory_of 'longest_*')/results.json" |
    awk 'NR > 1 && $1 > least { last = NR } NR == 1 || $1 < least { least = $1 } END { print last + 0 }')
[ "$epochs" -gt 1 ] || fail "$ran: its val_loss never rises"
must run $rising --set epochs=$epochs --name kept
must run $rising --set epochs=$epochs --set keep=last --name longer
kept=$(directory_of 'kept_*') longer=$(directory_of 'longer_*')
best=$(sed -n 's/^    "best_epoch": \([0-9]*\),$/\1/p' "$kept/results.json")
[ "$best" -lt "$epochs" ] || fail "$ran: the best of $epochs epochs is $best"
grep -q "^    \"kept_epoch\": $best," "$kept/results.json" || fail "$ran: $(grep kept_epoch "$kept/results.json")"
grep -q "^    \"kept_epoch\": $epochs," "$longer/results.json" || fail "$ran: another epoch than the last is kept"
must run $rising --set epochs=$best --set keep=last --name shorter
shorter=$(directory_of 'shorter_*')
cmp -s "$kept/adapter/adapter_model.safetensors" "$shorter/adapter/adapter_model.safetensors" ||
    fail "the best weights are not those of a training that ends with them"
cmp -s "$kept/adapter/adapter_model.safetensors" "$longer/adapter/adapter_model.safetensors" && fail "the best weights are the last"
cmp -s "$kept/forecasts.csv" "$shorter/forecasts.csv" || fail "the best weights are not evaluated"

# Adapter kinds, another dtype, one file, several series, going on from an adapter.
must run $job --name ln --set adapter_type=ln_tuning --dtype f32 --format json
expect out '"dtype": "f32"'
must run $job --name full --set adapter_type=full --set epochs=1
must model info "$(directory_of 'full_*')/adapter" --format csv
expect out '^parameters.total,492544$'
must run --model nano --data data/data.csv --split 0.7,0.15,0.15 --target Close --eval-windows 1 --set context_length=16 \
    --set prediction_length=4 --set epochs=1 --train-last 60 --name onefile
awk -F, 'NR == 1 { print "Date,item,Close" } NR > 1 { print $1 ",a," $2; rows = rows $1 ",b," 2 * $2 "\n" } END { printf "%s", rows }' \
    data/data.csv >long.csv
must run --model nano --data long.csv --split 0.7,0.15,0.15 --target Close --id item --eval-windows 4 --set context_length=16 \
    --set prediction_length=4 --set epochs=1 --train-last 60 --name two
grep -q '^test,b,' "$(directory_of 'two_*')/forecasts.csv" || fail "no forecast of the second series"
must run $job --adapter "$directory/adapter" --name goes_on --format json
expect out '"lora_rank": 8'

# Wrong usage and bad input: one line, status 2, and no experiment is left behind.
before=$(ls results/fine_tuning | wc -l)
refuses 'nowhere' run --model nowhere $files
refuses '--model is given twice' run $job --model nano
refuses 'lerning_rate.*learning_rate' run $job --set lerning_rate=1
refuses 'learning_rate' run $job --set learning_rate=fast
refuses 'learning_rate' run $job --set learning_rate=-1
refuses 'lora_rank' run $job --set lora_rank=0
refuses 'lora_rank|rank' run $job --set lora_rank=200
refuses 'adapter_type' run $job --set adapter_type=lara
refuses 'lora_targets' run $job --set lora_targets=q+x
refuses 'Clsoe.*Close' run --model nano --train data/train.csv --val data/val.csv --test data/test.csv --target Clsoe
refuses 'name' run $job --name ../elsewhere
refuses 'context_length|rows' run --model nano $files --train-last 10 --set prediction_length=24
refuses 'device' run $job --device tpu
refuses 'dtype' run $job --dtype f8
refuses 'threads' run $job --threads 0
printf 'Date,Close\n2020-01-01,1\n2020-01-02,x\n' >bad.csv
refuses 'bad.csv:3' run --model nano --train bad.csv --val bad.csv --test bad.csv --target Close
refuses 'train.csv:2: .*does not come after' run --model nano --train data/val.csv --val data/train.csv --test data/test.csv --target Close
refuses 'nano: is a model' run $job --adapter nano
[ "$(ls results/fine_tuning | wc -l)" = "$before" ] || fail "a refused run left something behind: $(ls results/fine_tuning)"
touch file
ft run $job --results file/results
[ "$status" = 0 ] && fail "$ran: succeeded"
[ "$(wc -l <err)" -le 4 ] || fail "results that cannot be written: $(cat err)"
finish
