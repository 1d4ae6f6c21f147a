# The library through its public header: the C example trains, records and forecasts like
# the program.
. "$E2E/lib.sh"

must data demo --out data
must model init --size nano --out model
status=0
ran=example
"$(dirname "$FTGPU")/example" model data results >out 2>err || status=$?
expect_status 0
expect out '^baseline_[0-9]{8}_[0-9]{6}$'
expect out '^baseline MAE: [0-9]+\.[0-9]{4}$'
expect out '^item_id,timestamp,target_name,predictions,0.1'
[ "$(grep -c '^Close,20' out)" = 5 ] || fail "the forecast does not have 5 rows"
expect err 'epoch 1/1 .*loss'

# What it recorded is an experiment like any other.
id=$(head -1 out)
mae=$(sed -n 's/^baseline MAE: //p' out)
must show "$id" --results results --format csv
[ "$(printf '%.4f' "$(cell test_mae 1)")" = "$mae" ] || fail "results.json has test_mae $(cell test_mae 1), the example printed $mae"
finish
