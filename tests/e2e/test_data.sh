# Demo data and data insights.
. "$E2E/lib.sh"

must data demo --out demo
expect_quiet
[ "$(head -1 demo/train.csv)" = "Date,Close,SMA_20,SMA_50,Volume,Volatility" ] || fail "header of train.csv: $(head -1 demo/train.csv)"
rows=0
for part in train val test; do rows=$((rows + $(wc -l <demo/$part.csv) - 1)); done
[ "$rows" = "$(($(wc -l <demo/data.csv) - 1))" ] || fail "the parts have $rows rows"
must data demo --out again
cmp -s demo/data.csv again/data.csv || fail "the same seed gives different data"
must data demo --out other --seed 7
cmp -s demo/data.csv other/data.csv && fail "another seed gives the same data"
refuses '/dev/null' data demo --out /dev/null/demo

# The same figures from three files and from one that is split.
must data insights --train demo/train.csv --val demo/val.csv --test demo/test.csv --target Close --format json
expect_quiet
cp out three
expect out '"n_rows": 912'
expect out '"corr_with_SMA_20": 0\.9'
must data insights --data demo/data.csv --split 0.7,0.15,0.15 --target Close --format json
cmp -s out three || fail "three files and one file give different insights"
must data insights --train demo/train.csv --val demo/val.csv --test demo/test.csv --target Close
expect out 'kurtosis is excess'
must data insights --train demo/train.csv --target Close --format csv
expect out '^train_quality.n_rows,912$'

