# Workflow 5 of 5: configurations of one's own, as a list; and the same one by one.
. "$E2E/lib.sh"
prepare_job

cat >configs.json <<'END'
[{"learning_rate": 1e-4, "epochs": 2, "weight_decay": 0.01, "dropout_rate": 0.1},
 {"learning_rate": 5e-4, "epochs": 3, "weight_decay": 0.05, "dropout_rate": 0.2, "adapter_type": "ln_tuning"}]
END
must sweep $job --name custom_config --configs configs.json
expect err '^2 of 2 experiments done, 0 '
must compare --format csv
[ "$(wc -l <out)" = 3 ] || fail "not two experiments: $(cat out)"
row() { echo "$(cell hp_learning_rate $1),$(cell hp_epochs $1),$(cell hp_weight_decay $1),$(cell hp_dropout_rate $1),$(cell hp_adapter_type $1)"; }
[ "$(row 1)" = 0.0001,2,0.01,0.1,lora ] || fail "the first: $(row 1)"
[ "$(row 2)" = 0.0005,3,0.05,0.2,ln_tuning ] || fail "the second: $(row 2)"
swept=$(cell test_mae 2)

# One by one, each is an experiment of its own, and comes out as it did in the list.
must run $job --name custom_1 --set learning_rate=1e-4
must run $job --name custom_2 --set learning_rate=5e-4 --set epochs=3 --set weight_decay=0.05 --set dropout_rate=0.2 \
    --set adapter_type=ln_tuning
must compare --match 'custom_2_*' --format csv
[ "$(cell test_mae 1)" = "$swept" ] || fail "run gives test_mae $(cell test_mae 1), the sweep $swept"
must compare --where adapter_type=ln_tuning --format csv
[ "$(wc -l <out)" = 3 ] || fail "--where adapter_type: $(cat out)"
must compare --group-by adapter_type
expect out '^lora +2 '
must best --metric mae
# By test: of so small a job all may forecast the same on validation.
must analyze importance --split test
expect out '^hp_learning_rate '
expect out '^only 4 experiments'
finish
