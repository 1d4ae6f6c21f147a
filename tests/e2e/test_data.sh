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

# A file of the user's is not overwritten, and nothing is written beside it; the demo's
# own may be written again.
mkdir mine
echo 'Date,Close' >mine/val.csv
remember_files
refuses '^ftgpu: mine/val.csv: is there already, with other data; choose another --out or remove it$' data demo --out mine
refuses '^ftgpu: demo/data.csv: is there already, with other data' data demo --out demo --seed 7
must data demo --out demo
expect_same_files

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
# The frequency at which a forecast would go on.
expect three '"inferred": "business days"'
must data insights --train demo/train.csv --target Close --format csv
expect out '^frequency.inferred,business days$'
expect out '^frequency.evenly_spaced,true$'
must data insights --train demo/train.csv --target Close
expect out '^ *frequency.inferred +business days$'
{
    echo id,date,y
    for month in 01 02 03 04; do echo "a,2024-$month-01,1"; done
    for day in 01 02 04 05 06; do echo "b,2024-03-$day,1"; done
    echo c,2024-03-01,1
} >several.csv
must data insights --data several.csv --id id --target y --format csv
expect out '^frequency.inferred,1 day$'
expect out '^frequency.evenly_spaced,false$'
expect out '^frequency.series_that_differ,1$'
printf 'id,date,y\na,2024-01-01,1\nb,2024-01-02,2\n' >single.csv
must data insights --data single.csv --id id --target y --format json
expect out '"inferred": null'
must data insights --train demo/train.csv --target Close --format csv
expect out '^train_quality.n_rows,912$'

