# Workflow 2 of 5: learning rates with all else fixed, compared, and the best.
. "$E2E/lib.sh"
prepare_job

must sweep $job --name lr_search --grid learning_rate=1e-5,1e-4,5e-4,1e-3
expect err '^4 of 4 experiments done, 0 '
must compare --format csv
[ "$(wc -l <out)" = 5 ] || fail "not four experiments: $(cat out)"
row=1
for rate in 1e-05 0.0001 0.0005 0.001; do
    [ "$(cell hp_learning_rate $row)" = $rate ] || fail "learning rate $row is $(cell hp_learning_rate $row)"
    case $(cell experiment_id $row) in
    lr_search_00${row}_*) ;;
    *) fail "experiment $row is called $(cell experiment_id $row)" ;;
    esac
    row=$((row + 1))
done

# The best is the one with the lowest validation error in the table.
must compare --sort mae --format csv
id=$(cell experiment_id 1) rate=$(cell hp_learning_rate 1)
must best
expect out "^best +$id: val mae"
expect out "^hyperparams +learning_rate $rate,"
expect out 'test of zero_shot'

# Comparison of one's own: by pattern, by value.
must compare --match '^lr_search_[0-9]+_' --regex --group-by learning_rate --format csv
expect out '^hp_learning_rate,count,val_mae_mean,val_mae_std,.*,test_mae_mean,test_mae_std,'
[ "$(wc -l <out)" = 5 ] || fail "not four groups: $(cat out)"
must compare "$id" --format csv
mae=$(cell test_mae 1)
must compare --where learning_rate=$rate --group-by learning_rate --format csv
[ "$(cell count 1),$(cell test_mae_mean 1),$(cell test_mae_std 1)" = "1,$mae," ] || fail "a group of one: $(cat out)"
must analyze importance --metric mae --top 5
expect out '^hp_learning_rate +-?[0-9.]+ +[0-9.]+ +-?[0-9.]+ +[0-9.]+ +-?[0-9.]+ +((lower|higher) values are better \(within chance\)|hardly matters)$'
must export --csv experiment_comparison.csv
[ "$(wc -l <experiment_comparison.csv)" = 5 ] || fail "the export: $(cat experiment_comparison.csv)"
finish
