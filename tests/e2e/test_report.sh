# report: one HTML page of a real sweep, and of results by whomever, whose texts never
# become HTML.
. "$E2E/lib.sh"

# The page's data, as one line of JSON.
data_of() {
    sed -n 's|.*<script type="application/json" id="data">\(.*\)</script>|\1|p' "$1"
}

prepare_job
must sweep --model nano $files --train-last 120 --eval-windows 15 --set context_length=16 --set prediction_length=14 --set batch_size=8 \
    --set epochs=3 --season 5 --name tiny --grid learning_rate=1e-4,1e-2 --grid lora_rank=2,4
must report --out report.html
sed -i '/built without Chart.js, so the report has tables and no charts/d' err
expect_quiet
expect out '^report\.html: 4 experiments, [0-9]+ kB'
data_of report.html >data.json
[ "$(wc -l <data.json)" = 1 ] || fail "the page has not its data on one line"
# The verdict is that of `best`.
must best
verdict=$(sed -n 's/^verdict  *//p' out)
[ -n "$verdict" ] || fail "best gives no verdict: $(cat out)"
grep -qF "\"sentence\":\"$verdict\"" data.json || fail "the report's verdict is not: $verdict"
best=$(sed -n 's/^best  *\([^:]*\):.*/\1/p' out)
grep -qF "\"experiments\":[{\"id\":\"$best\"" data.json || fail "the best, $best, is not the first"
for part in '"hyperparameters":["learning_rate","lora_rank"]' '"is_tied":true' '"behind":' '"epoch":[1,2,3]' \
    '"windows":[{"item":"Close"' '"seasonal_naive":[' '"zero_shot":[' '"runs":[{"split":"train"' '"importance":[{"hyperparameter":"hp_' \
    '"findings":{"ranking":{"title":"'; do
    grep -qF "$part" data.json || fail "the report's data lack $part"
done
# Nothing in the page leads elsewhere.
expect_not report.html '(src|href)="(https?:)?//'
expect report.html "default-src 'none'"

grep -qF '"warning":null' data.json || fail "one data set is warned of: $(head -c 300 data.json)"
# Results of two data sets: the page itself says so.
cp -r results/fine_tuning mixed
sed -i 's/"rows_hash": "[^"]*"/"rows_hash": "crc32:00000002"/' mixed/tiny_001*/results.json
must report --out mixed.html --results mixed
data_of mixed.html | grep -qE '"warning":"experiments of 2 data sets \(3 as tiny_002_[0-9_]*, 1 as tiny_001_[0-9_]*\): their metrics do not compare' ||
    fail "the page says nothing of two data sets: $(data_of mixed.html | head -c 300)"
expect mixed.html '<p id="warning" role="note" hidden>'

# What is chosen, and by what.
must report --out two.html --match '*_00[12]_*' --metric rmse --split test
data_of two.html >data.json
grep -q '"metric":"rmse".*"split":"test"' data.json || fail "not by rmse on test"
[ "$(grep -o '"id":"tiny_00' data.json | wc -l)" = 2 ] || fail "--match chooses others"
must report --out one.html "$best"
expect out '1 experiment,'

# Bad input: one line, and no file.
refuses '--out' report
refuses 'nowhere/r.html' report --out nowhere/r.html
refuses 'maee.*mae' report --out r.html --metric maee
refuses '--split' report --out r.html --split train
refuses 'none' report --out r.html --match 'nothing*'
refuses 'there are no experiments' report --out r.html --results data
refuses 'belongs to an experiment' report --out "results/fine_tuning/$best/results.json"
[ ! -e r.html ] || fail "a refused report leaves a file"
# The full disk of a report: the old page stays, and nothing half-written.
cksum report.html >before
(ulimit -f 20; trap '' XFSZ; "$FTGPU" report --out report.html) >out 2>err && fail "a full disk is not noticed"
expect err '^ftgpu: report\.html'
cksum report.html | cmp -s - before || fail "a failed report spoils the one before"
[ -z "$(find . -name 'report.html.tmp*')" ] || fail "a failed report leaves $(find . -name 'report.html.tmp*')"

# Texts of any kind stay texts.
hostile='</script><script>window.hacked = 1</script><img src=x onerror=hacked=1>'
mkdir -p odd/a odd/b odd/c
cat >odd/a/results.json <<END
{"experiment_id": "$hostile", "hyperparams": {"$hostile": "$hostile", "x\u2028": 1}, "val_metrics": {"mae": 1},
 "notes": "$hostile", "run": {"target": "$hostile", "season": 1,
 "baseline_metrics": {"$hostile": {"val_metrics": {"mae": 2}}}}}
END
cat >odd/b/results.json <<END
{"experiment_id": "b", "hyperparams": {"$hostile": "<!--", "x\u2028": -5e300}, "error": "$hostile"}
END
echo '{"experiment_id": "c \u0000", "hyperparams": {}}' >odd/c/results.json
cat >odd/a/forecasts.csv <<END
split,item_id,origin,timestamp,target,mean,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9
test,"$hostile","<b>",</style>,1,1,1,1,1,1,1,1,1,1,1
END
must report --out odd.html --results odd
[ "$(grep -c hacked odd.html)" = 1 ] || fail "a text is outside the data"
data_of odd.html >data.json
grep -q '<' data.json && fail "a < stands in the data"
[ "$(grep -o '<script' odd.html | wc -l)" = "$(grep -o '<script' report.html | wc -l)" ] || fail "a text became an element"
# A forecasts.csv that is none: the rest is reported.
echo 'not,one' >odd/a/forecasts.csv
must report --out odd.html --results odd
data_of odd.html | grep -q '"unread":"odd/a/forecasts.csv:1: this is no line' || fail "an unreadable forecasts.csv is not named"
# All failed, or without metrics.
mkdir -p failed && cp -r odd/b failed
must report --out failed.html --results failed
data_of failed.html | grep -q '"sentence":"no experiment has a mae on val' || fail "no metric: $(data_of failed.html | head -c 300)"

# sweep --report: of what is recorded of this sweep, while it still trains, and at its end.
experiments_in() {
    data_of "$1" | grep -o '"id":"live_[0-9]*' | sort -u | wc -l
}
live="sweep $job --name live --workers 2 --grid learning_rate=1e-4,1e-3 --report live.html"
begin $live --grid epochs=1,100000
await err '^live_001_.*val mae'
await err '^live_003_.*val mae'
tries=0
until [ -s live.html ] && [ "$(experiments_in live.html)" = 2 ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || { fail "$ran: the report never had both experiments"; break; }
    sleep 0.1
done
kill -INT "$pid"
end
expect_status 130
# One that cannot be written is told of once, and the sweep goes on; a place that is none is refused
# before.
mkdir gone
begin sweep $job --name untold --set epochs=25 --max-adapters 1 --grid learning_rate=1e-4,1e-3 --report gone/r.html
await err ' epoch 1/'
rm -rf gone
end
expect_status 0
[ "$(grep -c '^warning: the report is not up to date: gone/r.html' err)" = 1 ] || fail "$ran: $(cat err)"
refuses '^ftgpu: nowhere/r.html: cannot be written' sweep $job --seeds 2 --report nowhere/r.html
refuses '^ftgpu: data/train.csv: is the training data' sweep $job --seeds 2 --report data/train.csv
refuses '^ftgpu: --report shows what was trained' sweep $job --seeds 2 --report r.html --dry-run
finish
