# compare, best and show over results directories written by hand.
. "$E2E/lib.sh"

experiment() { # ID LEARNING_RATE VAL_MAE TEST_MAE [ERROR]
    mkdir -p "results/$1"
    error=null
    [ $# -lt 5 ] || error="\"$5\""
    cat >"results/$1/results.json" <<END
{"experiment_id": "$1", "timestamp": "2025-01-01T12:00:00.000000",
 "hyperparams": {"learning_rate": $2, "epochs": 5, "adapter_type": "lora"},
 "train_metrics": {}, "val_metrics": {"mae": $3}, "test_metrics": {"mae": $4, "rmse": 2.5, "directional_accuracy": 0.5},
 "data_insights": {}, "training_history": [{"epoch": 1, "loss": 3.25, "val_loss": null}],
 "notes": "a note", "model_path": "adapter", "error": $error,
 "run": {"model": "amazon/chronos-t5-tiny", "baseline_metrics": {"seasonal_naive": {"val_metrics": {"mae": 9}, "test_metrics": {"mae": 8.125}}}}}
END
}
experiment lr_001_20250101_120000 0.0001 1.5 2.25
experiment lr_002_20250101_120000 0.001 1.25 2.5
experiment lr_003_20250101_120000 0.01 null null 'diverged'
experiment other_20250101_120000 0.001 4 0.1

must compare --results results
expect_quiet
# A row a configuration, ranked by validation, with short ids; the rank of whoever has no metric is
# unknown.
expect out '^# +id +learning_rate +val mae +test mae +ended$'
expect out '^2 +lr_001 +0\.0001 +1\.5 +2\.25 +-$'
expect out '^- +lr_003 +0\.01 +- +- +failed: diverged$'
must compare --results results --sort test_mae --split test
expect out '^1 +other .* 0\.1 '
expect out '^ranked by test: the best of several looks better there than it is$'
[ "$(sed -n 3p out | cut -c1-8)" = "1  other" ] || fail "$ran begins with $(sed -n 3p out)"
expect out '^the same in all: epochs 5, adapter_type lora$'
expect out 'diverged'
must compare --results results --format csv
[ "$(wc -l <out)" = 5 ] || fail "compare --format csv: $(wc -l <out) lines"
[ "$(cell hp_learning_rate 1)" = 0.0001 ] || fail "hp_learning_rate of the first: $(cell hp_learning_rate 1)"
[ "$(cell test_mae 3)" = "" ] || fail "an undefined metric is not empty: $(cell test_mae 3)"
must compare lr_001 --results results --format json
expect out '"experiment_id": *"lr_001_20250101_120000"'
[ "$(grep -c experiment_id out)" = 1 ] || fail "compare ID shows more than that experiment"
must compare --results results --match 'lr_*' --where learning_rate=1e-3 --format csv
[ "$(wc -l <out)" = 2 ] || fail "--match and --where: $(cat out)"
must compare --results results --sort mae --split test --descending --format csv
[ "$(cell test_mae 1)" = 2.5 ] || fail "--sort mae --descending begins with $(cell test_mae 1)"
must compare --results results --sort mae --split test --format csv
[ "$(cell test_mae 1)" = 0.1 ] || fail "--sort mae begins with $(cell test_mae 1)"
head -1 out | grep -q val_mae && fail "--split test shows val_mae: $(head -1 out)"
# By default validation sorts, and its figure stands beside those of test.
must compare --results results --sort mae --format csv
[ "$(cell val_mae 1),$(cell test_mae 1)" = 1.25,2.5 ] || fail "--sort mae begins with $(sed -n 2p out)"
must compare --results results --sort val_rmse --format csv --split val --match 'none*'
must compare --results results --group-by learning_rate --sort mae --format csv
[ "$(cell val_mae_mean 1)" = 1.5 ] || fail "--group-by --sort mae: $(cat out)"
must compare --results results --group-by learning_rate --format csv
[ "$(cell count 2)" = 2 ] && [ "$(cell test_mae_mean 2)" = 1.3 ] || fail "--group-by: $(cat out)"
expect out '^hp_learning_rate,count,val_mae_mean,val_mae_std,.*,val_coverage_80_std,test_mae_mean,'
must compare --results results --group-by learning_rate --sort mae --split test --format csv
[ "$(cell test_mae_mean 1)" = 1.3 ] || fail "--group-by --sort mae --split test: $(cat out)"
refuses 'no column "mea"; did you mean "mae"' compare --results results --sort mea
refuses '^ftgpu: --descending says how --sort goes, but' compare --results results --descending
refuses 'lerning_rate.*learning_rate' compare --results results --group-by lerning_rate
refuses 'lerning_rate' compare --results results --where lerning_rate=1
refuses 'xyz' compare xyz --results results
refuses 'lr_' compare lr_ --results results
refuses 'nowhere' compare --results nowhere

# Nothing to compare: that is said, and what to do.
mkdir empty
must compare --results empty
[ "$(cat out)" = 'there are no experiments' ] || fail "$ran: $(cat out)"
expect err 'empty: there are no experiments \(run and sweep record them; --results DIR looks elsewhere\)$'

# What a user notes is not how it ended; the run says that. Experiments of other data are told of.
sed 's/"a note"/"as before, pruned after epoch 3"/' results/lr_001*/results.json >changed && cp changed results/lr_001_20250101_120000/results.json
must compare --results results
expect out '^2 +lr_001 +0\.0001 +1\.5 +2\.25 +-$'
expect_quiet
cp -r results mixed
sed -i 's/"run": {/"run": {"pruned_at_epoch": 1, "rows_hash": "crc32:1", /' mixed/lr_00[12]*/results.json
sed -i 's/"run": {/"run": {"rows_hash": "crc32:2", /' mixed/other*/results.json
for command in compare 'compare --group-by epochs' 'compare --sort mae --format csv' best refine 'analyze importance' 'analyze summary'; do
    must $command --results mixed
    expect err '^ftgpu: warning: experiments of 2 data sets \(2 as lr_001_20250101_120000, 1 as other_20250101_120000\): their metrics do not compare; choose by --match, --where or ids$'
done
must compare --results mixed --match 'lr_*'
expect_quiet
expect out '^2 +lr_001 +0\.0001 +1\.5 +2\.25 +pruned after epoch 1$'

must best --results results
expect out '^best +lr_002_20250101_120000: val mae 1.25'
expect out '^test +mae 2.5; test had no part in the choice$'
must best --split test --results results
expect out '^best +other_20250101_120000: test mae 0.1'
expect out '^optimism +chosen by test: the best of several looks better there than it is'
expect out '^validation +would choose lr_002_20250101_120000'
expect out 'test of seasonal_naive +8.125'
must best --metric mae --results results --format json
expect out '"experiment_id": "lr_002_20250101_120000"'
# The verdict of the table, for programs.
expect out '"is": "not yet"'
expect out '"sentence": "do not ship it yet: better than seasonal_naive, on test; how sure that is cannot be told: '
expect out '"better_by": 5\.625'
must best --metric directional_accuracy --split test --results results --format csv
[ "$(cell experiment_id 1)" = lr_001_20250101_120000 ] || fail "ties are won by the first: $(cat out)"
refuses 'mase' best --metric mase --results results
refuses 'maee.*mae' best --metric maee --results results
refuses '--split' best --metric mae --split all --results results

must show lr_002 --results results
expect out 'experiment +lr_002_20250101_120000'
expect out '^model +amazon/chronos-t5-tiny$'
expect out '^adapter +adapter$'
expect out 'a note'
must show other --results results --format json
expect out '"learning_rate": 0.001'
expect out '"val_loss": null'
must show lr_003 --results results
expect out 'failed +diverged'
refuses 'lr_0.*3 experiments' show lr_0 --results results
refuses 'oter.*other' show oter_20250101_120000 --results results

# No control character of a file reaches the terminal: U+009B begins an escape sequence as ESC [
# does. Data in CSV and JSON stays as it is.
csi=$(printf '\302\233')
experiment "odd${csi}31m_20250101_120000" "\"${csi}1m\"" 9 9 "gone ${csi}2J"
experiment odder_20250101_120000 "\"${csi}1m\"" 9 9.5
experiment oddest_20250101_120000 "\"${csi}1m\"" 9 9.75
sed -i "s/\"epochs\": 5/\"epochs\": 5, \"same${csi}\": \"${csi}A\", \"times${csi}\": 1/
    s/\"data_insights\": {}/\"data_insights\": {\"${csi}x\": [\"${csi}y\", {\"${csi}z\": \"${csi}\"}]}/; s/a note/a ${csi} note/" results/odd*/results.json
sed -i "s/\"times${csi}\": 1/\"times${csi}\": 2/" results/odder*/results.json
: >shown
set -f
for command in compare 'compare --match odd*' "show odd${csi}31m" 'best --metric mae --match odd*' 'analyze summary --split test --match odd*' "show none$csi" \
    "compare --where learning_rate=${csi}1m"; do
    ft $command --results results
    cat out err >>shown
done
set +f
expect shown '^experiment +odd'
expect shown '^the same in all: .*same'
expect shown '^strongest for test mae: .*times'
LC_ALL=C grep -n "$csi" shown >raw && fail "control characters are printed: $(head -3 raw | cat -v)"
must compare --results results --format csv
grep -q "odd${csi}31m" out || fail "$ran: data is changed"
rm -r results/odd*

# What cannot be read is named and the rest goes on; unfinished ones are counted.
mkdir results/broken results/empty results/array results/.sweeps results/lr_009_20250101_120000
echo '{"experiment_id": ' >results/broken/results.json
echo '[]' >results/array/results.json
must compare --results results --format csv
[ "$(wc -l <out)" = 5 ] || fail "broken files change the table"
expect err 'results/broken/results.json:[12]:'
expect err 'results/array/results.json'
expect err '1 unfinished'
# A folder that is not named as an experiment is not unfinished. For the folder above fine_tuning
# the message proposes that.
mkdir -p above/fine_tuning
refuses '^ftgpu: above: there are no experiments \(run and sweep record them; --results above/fine_tuning\)$' best --results above
must compare --results above
expect_not err 'unfinished'
refuses 'there are none' show anything --results results/empty
refuses 'no experiments' best --metric mae --results results/empty
finish
