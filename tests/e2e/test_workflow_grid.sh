# Workflow 3 of 5: all 2 x 3 x 3 combinations of three hyperparameters.
. "$E2E/lib.sh"
prepare_job

cat >grid.json <<'END'
{"learning_rate": [1e-4, 5e-4], "epochs": [3, 5, 10], "weight_decay": [0.0, 0.01, 0.1]}
END
must sweep $job --name multi_param_search --grid-file grid.json --dry-run --format csv
[ "$(wc -l <out)" = 19 ] || fail "the plan does not have 18 configurations: $(cat out)"
# One thread: the tests beside it have the other cores.
must sweep $job --threads 1 --name multi_param_search --grid-file grid.json
expect err '^18 of 18 experiments done, 0 '
must compare --format csv
[ "$(wc -l <out)" = 19 ] || fail "not 18 experiments: $(cat out)"
[ "$(cell hp_learning_rate 1),$(cell hp_epochs 1),$(cell hp_weight_decay 1)" = 0.0001,3,0 ] || fail "the first: $(sed -n 2p out)"
[ "$(cell hp_learning_rate 6),$(cell hp_epochs 6),$(cell hp_weight_decay 6)" = 0.0001,5,0.1 ] || fail "the sixth: $(sed -n 7p out)"
[ "$(cell hp_learning_rate 18),$(cell hp_epochs 18),$(cell hp_weight_decay 18)" = 0.0005,10,0.1 ] || fail "the last: $(sed -n 19p out)"
# Each trained as long as it says.
must analyze convergence --format csv
cut -d, -f2 out | tail -n +2 | sort | uniq -c | tr -s ' ' | tr '\n' ';' >rest
[ "$(cat rest)" = ' 6 10; 6 3; 6 5;' ] || fail "epochs of the experiments: $(cat rest)"

must compare --group-by epochs --group-by learning_rate --format csv
[ "$(wc -l <out)" = 7 ] && [ "$(cell count 1),$(cell count 6)" = 3,3 ] || fail "groups: $(cat out)"
must analyze importance
for key in learning_rate epochs weight_decay; do expect out "^hp_$key "; done
[ "$(grep -c '^hp_' out)" = 3 ] || fail "importance shows what does not vary: $(cat out)"
expect_not out 'say little'
cp out importance
# The best tenth of 18: two, and whoever is as good as the second.
must compare --sort mae --format csv
second=$(cell val_mae 2)
for row in $(seq 18); do cell val_mae $row; done | awk -v most="$second" '$1 <= most { n++ } END { print n }' >best
cp importance out
expect out "^ped_anova rests on the best tenth, $(cat best) of 18 experiments"
expect out '^left out, as they did not vary: .*lora_rank.*, seed$'
must analyze overfitting --format csv
[ "$(wc -l <out)" = 19 ] || fail "overfitting: $(cat out)"
must analyze summary
expect out '18 experiments: 18 succeeded, 0 failed'
expect out '^strongest for val mae: hp_'
must best --metric mase
finish
