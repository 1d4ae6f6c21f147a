# Workflow 1 of 5: a baseline with default hyperparameters (but for the sizes), its test
# error and its data insights.
. "$E2E/lib.sh"
prepare_job

must run $job --name baseline --notes 'Default configuration for reference'
expect out '^experiment +baseline_[0-9]{8}_[0-9]{6}$'
expect out '^notes +Default configuration for reference$'
expect out '^test +[0-9.]+ +[0-9.]+ +[0-9.]+'
expect out 'train_regimes: .*volatility_mean 0\.[0-9]+'
must compare --format csv
[ "$(wc -l <out)" = 2 ] || fail "not one experiment: $(cat out)"
mae=$(cell test_mae 1)
[ "$(cell hp_learning_rate 1),$(cell hp_lora_rank 1),$(cell hp_weight_decay 1)" = 0.0001,8,0.01 ] || fail "not the defaults: $(cat out)"
must best --metric mae --format json
expect out "^    \"mae\": $mae"
expect out '^      "volatility_mean": 0\.[0-9]+'

# What the data tells is known before training, and is the same.
must data insights $files --train-last 120 --format csv
for figure in target_distribution.mean target_distribution.skewness train_regimes.volatility_mean test_regimes.high_vol_periods; do
    value=$(sed -n "s/^$figure,//p" out)
    grep -Fq "\"${figure#*.}\": $value" results/fine_tuning/baseline_*/results.json || fail "$figure $value is not what the experiment recorded"
done

# One experiment says what it can.
must analyze importance
expect out '^1 of 1 experiments have a mae on val'
must analyze overfitting
expect out '^baseline '
must analyze convergence
expect out '^baseline .* 2 '
must analyze summary
expect out '1 experiment: 1 succeeded, 0 failed'
must analyze regimes
expect out 'returns of the two (are distributed differently|cannot be told apart) .Kolmogorov-Smirnov D [0-9.]+, p [-0-9.e]+, exact.$'
expect out '^baseline '
finish
