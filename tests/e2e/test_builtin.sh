# The model in the program: what no --model means, where it is unpacked, and that it
# forecasts better than seasonal naive.
. "$E2E/lib.sh"
export XDG_CACHE_HOME="$PWD/cache"
unset HF_HOME
export HF_HUB_OFFLINE=1 HF_HOME="$PWD/hub"
must data demo --out data
files="--train data/train.csv --val data/val.csv --test data/test.csv --target Close"
short="--set context_length=64 --set prediction_length=5 --set epochs=1 --train-last 200 --eval-windows 8"
forecast() { must forecast --data data/data.csv --target Close --horizon 8 --num-samples 20 "$@"; }

# No --model is ftgpu-nano, and the same numbers come every time.
forecast
cp out default.csv
forecast --model ftgpu-nano
cmp -s out default.csv || fail "--model ftgpu-nano is not the default"
must model info ftgpu-nano --format json
expect out "\"path\": \"$PWD/cache/ftgpu/models/ftgpu-nano-[0-9a-f]{8}\""
expect out '"dtype": "BF16"'
expect out '"num_samples": 100'
must model pull ftgpu-nano
place=$(cat out)
expect "$place/pretraining.json" '"command": "ftgpu pretrain --size ftgpu-nano .*--store bf16"'
expect "$place/pretraining.json" '"commit": "[0-9a-f]{12}"'
[ "$(wc -c <"$place/model.safetensors")" -le 4194304 ] || fail "the model is larger than 4 MiB"

# A copy that was damaged or lost is made anew; one that is right stays untouched.
before=$(stat -c %Y.%i "$place/model.safetensors")
forecast
[ "$(stat -c %Y.%i "$place/model.safetensors")" = "$before" ] || fail "a copy that was right was written again"
printf 'x' | dd of="$place/model.safetensors" bs=1 seek=2000000 conv=notrunc 2>dd.txt
rm "$place/config.json"
forecast
cmp -s out default.csv || fail "a damaged copy was used"
# Many at once, with nothing there yet.
rm -rf cache/ftgpu/models
for i in 1 2 3 4 5 6; do
    "$FTGPU" model info ftgpu-nano >"info.$i" 2>&1 || echo "process $i: $(cat "info.$i")" >>failed &
done
wait
[ ! -e failed ] || fail "$(cat failed)"
[ "$(ls "$place")" = "$(printf 'config.json\nmodel.safetensors\npretraining.json')" ] || fail "in its directory: $(ls "$place")"

# No place in the cache: a directory of this user below TMPDIR, and none where others
# could write there.
mkdir temporary
no_cache() { (unset XDG_CACHE_HOME HOME; TMPDIR=$PWD/temporary "$FTGPU" model info ftgpu-nano >out 2>err); }
no_cache || fail "without a home: $(cat err)"
private=temporary/ftgpu-$(id -u)
expect out "$PWD/$private/models/ftgpu-nano-"
[ "$(stat -c %a "$private")" = 700 ] || fail "$private is open to others"
chmod o+w "$private"
no_cache && fail "used a directory that others can write"
expect err 'ftgpu-nano: no place .*is not a directory of this user alone.*XDG_CACHE_HOME'
rm -rf "$private"
ln -s "$PWD/data" "$private"
no_cache && fail "followed a link below TMPDIR"
rm "$private"
: >file
XDG_CACHE_HOME=$PWD/file TMPDIR=$PWD/temporary "$FTGPU" model info ftgpu-nano >out 2>err || fail "a file as cache: $(cat err)"

# A directory of that name is taken instead.
must model init --size nano --out ftgpu-nano
must model info ftgpu-nano --format json
expect out '"path": "ftgpu-nano"'
rm -rf ftgpu-nano

# Tuned without --model: recorded by its name, the adapter by the directory, which PEFT
# finds, and found again.
must run $files $short --name tuned --season 5
id=$(ls results/fine_tuning | grep '^tuned_')
expect "results/fine_tuning/$id/results.json" '"model": "ftgpu-nano"'
expect "results/fine_tuning/$id/adapter/adapter_config.json" "\"base_model_name_or_path\": \"$place\""
forecast --experiment tuned
rm -rf cache/ftgpu/models
forecast --experiment tuned
# As it comes it is better than repeating the week before: WQL and MAE of the test rows.
baseline() { # NAME METRIC
    tr -d ' \n' <"results/fine_tuning/$id/results.json" | sed "s/.*\"$1\":{//" | grep -o '"test_metrics":{[^}]*}' | head -n 1 |
        sed "s/.*\"$2\":\([0-9.]*\).*/\1/"
}
for metric in mae wql; do
    ours=$(baseline zero_shot $metric) naive=$(baseline seasonal_naive $metric)
    echo "$ours $naive" | awk '{ exit !($1 > 0 && $1 < $2) }' || fail "zero-shot $metric $ours, seasonal naive $naive"
done
finish
