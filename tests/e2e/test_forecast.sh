# ftgpu forecast: columns, horizons, series, adapters and experiments.
. "$E2E/lib.sh"
prepare_job
given="--data data/data.csv --target Close --num-samples 4"

must forecast --model nano $given --horizon 6
expect_quiet
[ "$(head -1 out)" = "item_id,timestamp,target_name,predictions,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9" ] || fail "header: $(head -1 out)"
[ "$(wc -l <out)" = 7 ] || fail "horizon 6 gives $(wc -l <out) lines"
last=$(tail -1 data/data.csv | cut -d, -f1)
[ "$(sed -n 2p out | cut -d, -f1-3)" = "Close,2024-01-01,Close" ] || fail "after $last, a Friday, comes: $(sed -n 2p out)"
cp out first
must forecast --model nano $given --horizon 6
cmp -s out first || fail "the same command gives another forecast"
must forecast --model nano $given --horizon 6 --seed 5
cmp -s out first && fail "another seed gives the same forecast"
must forecast --model nano $given --horizon 6 --out f.csv
[ -s out ] && fail "--out writes to stdout too"
cmp -s f.csv first || fail "--out holds something else"
# Longer than the model's prediction_length of 64: in chunks.
must forecast --model nano $given --horizon 70 --quantiles 0.05,0.5
[ "$(wc -l <out)" = 71 ] || fail "horizon 70 gives $(wc -l <out) lines"
expect out '^item_id,timestamp,target_name,predictions,0.05,0.5$'

# And beyond a history that does not fill the context: a shorter forecast is the beginning of a
# longer one, to the byte.
begins() {
    longest=$1
    shift
    must forecast --model nano --target Close --num-samples 2 --quantiles 0.5 --horizon "$longest" "$@"
    cp out longest
    for horizon in 70 127; do
        [ "$horizon" -lt "$longest" ] || continue
        must forecast --model nano --target Close --num-samples 2 --quantiles 0.5 --horizon $horizon "$@"
        # Of each series, its first rows.
        awk -F, -v n=$horizon '{ if ($1 != last) count = 0; last = $1 } count++ < n' longest | cmp -s out - ||
            fail "horizon $horizon is not the beginning of $longest ($*)"
    done
}
for rows in 1 120; do
    head -$((rows + 1)) data/data.csv >history.csv
    begins 130 --data history.csv
done
awk -F, 'NR == 1 { print "id,Date,Close"; next } NR < 122 { print "a," $1 "," $2 } NR < 22 { print "b," $1 "," $2 } NR < 302 { print "c," $1 "," $2 }' data/data.csv >unequal.csv
begins 128 --data unequal.csv --id id --timestamp Date

# Several series, one of them with nothing known: that is told. Of none is refused.
cat >long.csv <<END
item,month,y
a,2020-01,1
b,2020-01,
a,2020-02,2
b,2020-02,
a,2020-03,3
END
must forecast --model nano --data long.csv --target y --id item --timestamp month --horizon 2 --num-samples 2
[ "$(cut -d, -f1,2 out | tr '\n' ' ')" = "item_id,timestamp a,2020-04 a,2020-05 b,2020-03 b,2020-04 " ] || fail "series: $(cat out)"
expect err '^ftgpu: warning: 1 of 2 series have no known value in their last 512 rows; their forecasts say nothing: b$'
sed 's/,[0-9]$/,/' long.csv >unknown.csv
refuses 'unknown.csv: column "y": no value is known .* nothing to forecast from' forecast --model nano --data unknown.csv --target y --id item --timestamp month
# Beyond single precision nothing is invented.
extreme() {
    sed "s/,[0-9]*$/,$1/" long.csv >extreme.csv
    refuses "extreme.csv: series \"a\": $2" forecast --model nano --data extreme.csv --target y --id item --timestamp month --horizon 2 --num-samples 2
}
extreme 1e-44 'its values are below 1.18e-38'
extreme 2e38 'the sum of its values is beyond single precision'
extreme 1e38 'its forecast is beyond single precision'

# Of an experiment.
must sweep $job --grid learning_rate=1e-4,5e-2 --name tuned --set epochs=1
must forecast --experiment tuned_002 $given --horizon 3
cp out by_id
must forecast --model nano --adapter "$(directory_of 'tuned_002_*')/adapter" $given --horizon 3 --context-length 16
cmp -s out by_id || fail "an experiment and its adapter give different forecasts"
must forecast --model nano $given --horizon 3 --context-length 16
cmp -s out by_id && fail "tuning changed nothing"
# The best is that of `best`, by validation unless told otherwise, of those that match.
must best --format csv
id=$(cell experiment_id 1)
must forecast --experiment best $given --horizon 3
expect err "^ftgpu: experiment $id, the best by validation: val mae [0-9.]+, test [0-9.]+$"
must forecast --experiment best --match '*_002_*' --metric wql --split test $given --horizon 3
expect err '^ftgpu: experiment tuned_002_[0-9_]*, the best by test: test wql [0-9.]+, which is optimistic$'
cmp -s out by_id || fail "$ran: not the forecast of tuned_002"
refuses 'none of the 2 experiments in .* matches x' forecast --experiment best --match x $given
refuses '^ftgpu: --match says what --experiment best means, but tuned_002 is asked for' forecast --experiment tuned_002 --match x $given
must model merge --model nano --adapter "$(directory_of 'tuned_002_*')/adapter" --out merged
must forecast --model merged --dtype f32 $given --horizon 3 --context-length 16
cp out merged_forecast
must forecast --experiment tuned_002 --dtype f32 $given --horizon 3
paste -d, merged_forecast out | awk -F, 'NR > 1 { d = $4 - $17; if (d < 0) d = -d; if (d > 1e-3 * ($4 < 0 ? -$4 : $4) + 1e-3) bad = 1 } END { exit bad }' ||
    fail "the merged model forecasts something else"

refuses '--data' forecast --model nano --target Close
refuses 'nowhere' forecast --model nowhere $given
refuses 'tuned_9' forecast --experiment tuned_9 $given
refuses 'horizon' forecast --model nano $given --horizon 0
refuses 'quantiles' forecast --model nano $given --quantiles 0.5,1.5
refuses 'quantiles' forecast --model nano $given --quantiles ''
refuses 'temperature' forecast --model nano $given --temperature 0
refuses 'top-p' forecast --model nano $given --top-p 2
refuses 'Clsoe.*Close' forecast --model nano --data data/data.csv --target Clsoe
refuses 'long.csv' forecast --model nano --data long.csv --target y --timestamp month
refuses 'one of them' forecast --model nano --adapter x --experiment best $given
finish
