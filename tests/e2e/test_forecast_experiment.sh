# ftgpu forecast --experiment: with the lengths that it was tuned with, wherever results
# and model are now, on the right model.
. "$E2E/lib.sh"
prepare_job
data=data/data.csv
given="--target Close --num-samples 4 --dtype f32 --quantiles 0.5"

# It looks back as many rows as it was tuned and measured with: what was before changes
# nothing.
must run $job --name ctx16 --results r
awk -F, -v OFS=, -v last="$(wc -l <$data)" 'NR > 1 && NR < last - 16 { $2 = $2 * 3 } { print }' $data >other.csv
must forecast --experiment ctx16 --results r --data $data $given --horizon 6
expect err '^ftgpu: experiment ctx16_[0-9_]*: context_length 16, prediction_length 4$'
[ "$(wc -l <err)" = 1 ] || fail "more is said: $(cat err)"
cp out as_tuned
sed '1s/Close/Price/' $data >price.csv
must forecast --experiment best --results r --data price.csv --target Price --horizon 1 --num-samples 1
expect err '^ftgpu: warning: experiment ctx16_[0-9_]* was tuned on the target "Close", not on "Price"$'
must forecast --experiment ctx16 --results r --data other.csv $given --horizon 6
cmp -s out as_tuned || fail "rows before the last 16 change the forecast"
must forecast --experiment ctx16 --results r --data $data $given
[ "$(wc -l <out)" = 5 ] || fail "without --horizon there are $(($(wc -l <out) - 1)) rows instead of 4"
must forecast --experiment ctx16 --results r --data other.csv $given --horizon 6 --context-length 18
expect err 'context_length 18 .it was tuned with 16., prediction_length 4'
cmp -s out as_tuned && fail "--context-length changes nothing"
# In chunks of four it is another forecast than in one.
adapter=$(echo r/ctx16_*)/adapter
must forecast --model nano --adapter "$adapter" --context-length 16 --data $data $given --horizon 6
cmp -s out as_tuned && fail "prediction_length has no part in it"

# A whole model says itself what it was tuned with.
must run $job --name whole --results r --set adapter_type=full
expect r/whole_*/adapter/config.json '"context_length": 16'
expect r/whole_*/adapter/config.json '"prediction_length": 4'
expect r/whole_*/adapter/config.json '^  "eos_prediction_length": 64,'
must forecast --experiment whole --results r --data $data $given --horizon 6
cp out whole
must forecast --model r/whole_*/adapter --data $data $given --horizon 6
cmp -s out whole || fail "the model of an experiment and the experiment give different forecasts"
refuses 'leave out --model' forecast --experiment whole --results r --model nano --data $data $given
rm -r r/whole_*

# From elsewhere, renamed, copied.
mkdir -p other/place
cd other/place
must forecast --experiment best --results ../../r --data ../../$data $given --horizon 6
cmp -s out ../../as_tuned || fail "from another directory the forecast is another"
cd ../..
mv r renamed
mv renamed/ctx16_* renamed/mine
must forecast --experiment ctx16 --results renamed --data $data $given --horizon 6
cmp -s out as_tuned || fail "from renamed results the forecast is another"
must forecast --experiment mine --results renamed --data $data $given --horizon 6
cmp -s out as_tuned || fail "an experiment is not found by its directory's name"
mv nano moved
refuses 'its base model was nano in /.*crc32:[0-9a-f]{8}.*where no model is now; give it by --model' \
    forecast --experiment best --results renamed --data $data $given
must forecast --experiment best --results renamed --model moved --data $data $given --horizon 6
cmp -s out as_tuned || fail "with --model the forecast is another"
mv renamed/mine/adapter away
refuses 'its adapter is neither in renamed/mine nor at r/ctx16_.*/adapter' \
    forecast --experiment best --results renamed --model moved --data $data $given
mv away renamed/mine/adapter

# Another model than it was tuned on, at the same path or by --model: refused with both
# hashes.
must model init --size nano --seed 99 --out nano
hash=$(sed -n 's/.*"model_hash": "\(crc32:[0-9a-f]*\)".*/\1/p' renamed/mine/results.json)
refuses "^ftgpu: nano: is not the model that experiment ctx16_[0-9_]* was tuned on .crc32:[0-9a-f]{8} instead of $hash.*--model" \
    forecast --experiment best --results renamed --data $data $given
refuses "^ftgpu: nano: is not the model" forecast --experiment best --results renamed --model nano --data $data $given
must forecast --adapter renamed/mine/adapter --model nano --data $data $given
sed -i '/"model_hash"/d' renamed/mine/results.json
must forecast --experiment best --results renamed --model nano --data $data $given
expect err 'warning: experiment ctx16_[0-9_]*: results.json has no model_hash: whether nano is the model .* cannot be checked'

# The best of several data sets is told apart from the best for these data.
cp -r renamed/mine renamed/other
sed -i 's/"experiment_id": "/&other_/; s/"rows_hash": "crc32:[0-9a-f]*"/"rows_hash": "crc32:00000000"/' renamed/other/results.json
must forecast --experiment best --results renamed --model nano --data $data $given
expect err '^ftgpu: warning: experiments of 2 data sets .*: their metrics do not compare; choose by --match'
rm -r renamed/other

# The best of trials that did harm is used, and that is said.
mkdir judged
cp -r renamed/mine judged
baselines_have() { sed -i "/\"baseline_metrics\"/,/\"baseline_evaluation\"/s/\"mae\": [0-9.e+-]*/\"mae\": $1/" judged/mine/results.json; }
baselines_have 0
must forecast --experiment best --results judged --model nano --data $data $given
expect err '^ftgpu: warning: experiment ctx16_[0-9_]*: do not ship it: .*tuning .*, on test.* \(ftgpu best\)$'
must forecast --experiment ctx16 --results judged --model nano --data $data $given
grep 'do not ship' err && fail "whoever asks for a trial by name knows it"
baselines_have 1e9
must forecast --experiment best --results judged --model nano --data $data $given
grep 'do not ship' err && fail "the verdict is that it helps: $(cat err)"

# What metrics measure is always there.
must forecast --model moved --data $data --target Close --num-samples 4 --horizon 2 --quantiles 0.1,0.9
expect out '^item_id,timestamp,target_name,predictions,0.1,0.5,0.9$'
must forecast --model moved --data $data --target Close --num-samples 4 --horizon 2 --quantiles 0.9
expect out '^item_id,timestamp,target_name,predictions,0.5,0.9$'
for command in forecast best compare run; do
    must $command --help
    expect out 'median'
done

refuses 'quantile 0.1 is given twice' forecast --model moved --data $data --target Close --quantiles 0.1,0.1
refuses 'metric says what --experiment best means' forecast --model moved --metric mae --data $data $given
refuses 'context-length' forecast --model moved --data $data $given --context-length 0
finish
