# analyze, export, refine and compare over results directories written by hand, by whomever, few and
# broken ones included.
. "$E2E/lib.sh"

# write DIRECTORY JSON: a results.json of any content.
write() {
    mkdir -p "$1"
    printf '%s\n' "$2" >"$1/results.json"
}

experiment() { # NUMBER LEARNING_RATE EPOCHS TRAIN_MAE VAL_MAE TEST_MAE DIRECTIONAL LOSSES...
    number=$1 id=search_00$1_20250101_120000 rate=$2 epochs=$3 train=$4 val=$5 test=$6 directional=$7
    shift 7
    history=
    for loss in "$@"; do history="$history${history:+, }{\"loss\": $loss, \"val_loss\": $loss}"; done
    write "results/$id" "{\"experiment_id\": \"$id\", \"timestamp\": \"2025-01-01T12:00:00\",
 \"hyperparams\": {\"learning_rate\": $rate, \"epochs\": $epochs, \"lora_rank\": 8, \"adapter_type\": \"lora\"},
 \"train_metrics\": {\"mae\": $train}, \"val_metrics\": {\"mae\": $val},
 \"test_metrics\": {\"mae\": $test, \"directional_accuracy\": $directional},
 \"data_insights\": {\"train_regimes\": {\"volatility_mean\": 0.2}, \"test_regimes\": {\"volatility_mean\": 0.${number}5}},
 \"training_history\": [$history], \"error\": null}"
}
# Test mae rises with the learning rate exactly; epochs go with it, not exactly, the other way
# round.
experiment 1 0.0001 9 1 1.25 1 0.5 4 3 2
experiment 2 0.0002 3 1 2 2 0.4 4 5 4.5 6
experiment 3 0.0004 3 2 2.5 4 0.2 2

must analyze importance --results results --split test
expect out '^hp_learning_rate +1 +1 +1 +[0-9.]+ +lower values are better$'
expect out '^hp_epochs +-0\.7.* +higher values are better$'
expect_not out 'hp_lora_rank|hp_adapter_type'
expect out '^left out, as they did not vary: lora_rank, adapter_type$'
expect out 'only 3 experiments .* say little'
expect out '^ped_anova rests on the best tenth, 1 of 3 experiments; 5 are advised, the best of 50$'
expect out '^by the test split: what one chooses by this looks better on test than it is'
must analyze importance --results results --split test --metric directional_accuracy --format csv
[ "$(head -1 out)" = hyperparameter,correlation,abs_correlation,spearman,ped_anova,effect ] || fail "importance has columns $(head -1 out)"
[ "$(cell hyperparameter 1)" = hp_learning_rate ] || fail "the strongest comes first: $(cat out)"
[ "$(cell correlation 1),$(cell abs_correlation 1)" = -1,1 ] || fail "correlation: $(cat out)"
[ "$(cell effect 1)" = "lower values are better" ] || fail "for directional accuracy: $(cell effect 1)"
expect err 'only 3 experiments'
# By validation, which is the default: (1.25, 2, 2.5) against (1, 2, 4); test stands beside it.
must analyze importance --results results
expect out '^hp_learning_rate +0\.9538 +0\.9538 +1 +[0-9.]+ +1 +lower values are better$'
expect_not out 'by the test split'
must analyze importance --results results --top 1 --format json
expect out '"hyperparameter": "hp_learning_rate", "correlation": 0\.95382'
[ "$(grep -c hyperparameter out)" = 1 ] || fail "--top 1 shows more"
refuses 'maee.*mae' analyze importance --results results --metric maee
refuses '--split' analyze importance --results results --split train
refuses '--top' analyze importance --results results --top 0

must analyze overfitting --results results --format csv
[ "$(head -1 out)" = experiment_id,train_mae,val_mae,ratio,overfitting_flag,best_val_epoch ] || fail "overfitting has columns $(head -1 out)"
[ "$(cell best_val_epoch 1),$(cell best_val_epoch 2)" = 3,1 ] || fail "overfitting has no epochs: $(cat out)"
[ "$(cell ratio 1),$(cell overfitting_flag 1)" = 1.25,false ] || fail "overfitting of the first: $(sed -n 2p out)"
[ "$(cell ratio 2),$(cell overfitting_flag 2)" = 2,true ] || fail "overfitting of the second: $(sed -n 3p out)"
must analyze overfitting --results results
expect out '^1 of 3 experiments overfit'

must analyze convergence --results results --format csv
[ "$(head -1 out)" = experiment_id,epochs,initial_loss,final_loss,reduction,increasing_pct,convergence_issue,best_val_epoch,finding ] ||
    fail "convergence has columns $(head -1 out)"
sed 's/^[^,]*,//' out >rest
[ "$(sed -n 2p rest | cut -d, -f1-7)" = 3,4,2,0.5,0,false,3 ] || fail "convergence of the first: $(sed -n 2p out)"
[ "$(sed -n 3p rest | cut -d, -f1-4,6,7)" = 4,4,6,-0.5,true,1 ] || fail "convergence of the second: $(sed -n 3p out)"
[ "$(sed -n 4p rest | cut -d, -f1-7)" = 1,2,2,0,,,1 ] || fail "convergence of the third: $(sed -n 4p out)"

must analyze regimes --results results --format csv
[ "$(head -1 out)" = experiment_id,train_volatility_mean,test_volatility_mean,ratio,regime_shift,ks_statistic,ks_pvalue ] || fail "regimes has columns $(head -1 out)"
[ "$(cell ratio 2),$(cell regime_shift 2)" = 1.25,false ] || fail "regimes of the second: $(sed -n 3p out)"
[ "$(cell regime_shift 1),$(cell regime_shift 3)" = false,true ] || fail "a test volatility of 1.75 times that of training: $(cat out)"
must analyze regimes --results results
expect out '^1 of 3 experiments are tested in another regime'
expect out '^3 have no test on returns recorded'
must analyze convergence --results results
expect out 'best val_loss 2 in epoch 3, the last: still falling$'
expect out 'best val_loss 4 in epoch 1, the first: later ones made it worse$'
expect out '^val_loss of 2 experiments was lowest in the last epoch of 1 \(more epochs may help\), in the first epoch of 1 \(later ones made it worse\)$'

must analyze summary --results results
expect out '^mae +3 +1\.917 +0\.6292 +1\.25 +2 +2\.5 +search_001_20250101_120000 +1$'
expect out 'strongest for val mae: hp_learning_rate, correlation 0.9538: lower values are better'
must analyze summary --results results --split test
expect out '^the best by test look better there than they are'
expect out '^mae +3 +2\.333 +1\.528 +1 +2 +4 +search_001_20250101_120000$'
expect out '^directional_accuracy .*search_001_20250101_120000$'
expect out '^mase +0 +- '
expect out '^3 experiments: 3 succeeded, 0 failed$'
expect out 'strongest for test mae: hp_learning_rate, correlation 1: lower values are better'

# Each looks at what is chosen.
must analyze overfitting search_002 --results results --format csv
[ "$(wc -l <out)" = 2 ] || fail "analyze overfitting ID: $(cat out)"
must analyze convergence --results results --match '*_00[12]_*' --where epochs=3 --format csv
[ "$(wc -l <out)" = 2 ] && expect out '^search_002' || fail "analyze convergence, chosen: $(cat out)"
must analyze overfitting --results results --match '^search_00[13]' --regex --format csv
[ "$(wc -l <out)" = 3 ] || fail "analyze overfitting --regex: $(cat out)"
refuses 'match' analyze overfitting --results results --regex
must compare --results results --match 'nothing*'
expect err 'none of the 3 experiments in results is chosen'

must export --csv table.csv --results results --match '*_00[12]_*'
expect out '^table.csv: 2 experiments'
must compare --results results --match '*_00[12]_*' --format csv
cmp -s table.csv out || fail "export differs from compare: $(cat table.csv)"
refuses '--csv' export --results results
refuses 'nowhere/table.csv' export --csv nowhere/table.csv --results results
[ -e nowhere ] && fail "a failed export leaves something behind"

# By validation the first is best. Values between those that were tried, whole numbers rounded;
# 0.0001 is the smallest.
must refine --results results
expect out '^best of 3 experiments: search_001_20250101_120000, val mae 1.25'
expect out '^its test mae, which had no part in the choice: 1$'
expect out '^learning_rate +0.0001 +0.0001, 0.0002, 0.0004 +5e-05, 0.0001, 0.000141$'
expect out '^epochs +9 +3, 9 +5, 9, 18$'
expect out 'the best learning_rate, 0.0001, is the smallest that was tried'
expect out '^9 configurations'
expect out '--grid learning_rate=5e-05,0.0001,0.000141 '
# What an experiment has recorded is not overwritten; a table that was written before is.
first=results/search_001_20250101_120000
echo 'item_id,mean' >$first/forecasts.csv
remember_files
for file in results.json forecasts.csv; do
    refuses "^ftgpu: $first/$file: belongs to an experiment; choose another place" export --csv $first/$file --results results
    refuses "^ftgpu: $first/$file: belongs to an experiment; choose another place" refine --out $first/$file --results results
done
expect_same_files
rm $first/forecasts.csv
must export --csv table.csv --results results
must refine --results results --key learning_rate --grid epochs=3,5,10 --grid lora_rank=4 --out grid.json --format json
cmp -s grid.json out || fail "--out differs from --format json: $(cat grid.json)"
[ "$(tr -d ' \n' <out)" = '{"learning_rate":[5e-05,0.0001,0.000141],"epochs":[3,5,10],"lora_rank":[4]}' ] || fail "the grid: $(cat out)"
must refine --results results --split test
expect out '^chosen by test: the best of several looks better there than it is'
must refine --results results --split test --metric directional_accuracy --match '*_00[23]_*' --format csv
[ "$(cell hyperparameter 1),$(cell best 1)" = learning_rate,0.0002 ] || fail "refine by test: $(cat out)"
refuses 'adapter_type' refine --results results --key adapter_type
refuses 'lerning_rate.*learning_rate' refine --results results --key lerning_rate
refuses 'weight_decay' refine --results results --key weight_decay
refuses 'twice' refine --results results --key epochs --key epochs
refuses 'epochs' refine --results results --key learning_rate --grid epochs=0
refuses 'mase on val: .*--split test would choose by test' refine --results results --metric mase
refuses 'mase on val' compare --sort mase --results results
refuses 'mase on val' best --metric mase --results results

# Twelve experiments, three seeds each of four learning rates: validation is best in between; test
# likes the adapter that validation does not.
for rate in 1 2 3 4; do
    for seed in 0 1 2; do
        kind=lora mae=1.0$seed
        case $rate in 1 | 4) mae=1.5$seed ;; esac
        [ $seed != 2 ] || kind=ln
        write turn/t_$rate$seed "{\"experiment_id\": \"t_$rate$seed\", \"hyperparams\": {\"learning_rate\": 1e-$rate, \"seed\": $seed, \"adapter_type\": \"$kind\",
            \"epochs\": 3}, \"val_metrics\": {\"mae\": $mae}, \"test_metrics\": {\"mae\": $rate}}"
    done
done
must analyze importance --results turn
expect out '^hp_learning_rate .* best in between, near 0\.003'
expect out '^hp_adapter_type +- +- +- +[0-9.]+ +- +best on average: lora$'
expect_not out '^hp_(seed|epochs)'
expect out 'the best or worst lies in between: hp_learning_rate$'
expect out '^left out, as it did not vary: epochs$'
expect out '^left out: seed; experiments that differ in it alone are replicates and count by their mean: 8 configurations of 12 experiments$'
expect out '^ped_anova rests on the best tenth, 2 of 8 configurations'
# What refine goes on from is a mean of seeds, and so is what it compares with next.
must refine --results turn
expect out '^best of 12 experiments: t_20, val mae 1 '
expect out '^2 seeds: val mae 1\.005 ± 0\.0071, test mae 2 ± 0; means of seeds were compared, of 8 configurations$'
expect out '^[0-9]+ configurations, 2 seeds of each; with the same'
expect out '^ +--seeds 2$'
must refine --results turn --out next.json
expect out "^  ftgpu sweep \.\.\. --results 'turn' --grid-file next.json --seeds 2$"

# Either alone hardly matters; together they decide: 3 of the 3.08 squares, by hand.
for rate in 1 2; do
    for rank in 4 8; do
        for dropout in 0 1 2; do
            mae=2.$dropout
            case $rate$rank in 14 | 28) mae=1.$dropout ;; esac
            write pairs/p_$rate$rank$dropout "{\"experiment_id\": \"p_$rate$rank$dropout\", \"val_metrics\": {\"mae\": $mae},
                \"hyperparams\": {\"rate\": $rate, \"rank\": $rank, \"dropout\": $dropout}}"
        done
    done
done
must analyze importance --results pairs
expect out '^hp_rate .* hardly matters$'
expect out '^strongest interaction: hp_rate and hp_rank, 97 % of the variance .F test, p [0-9.]+e-07 for the strongest of 3 pairs.; best together: rate 1, rank 4$'
must analyze importance --results results
expect out '^interactions of pairs cannot be told from chance by 3 experiments: more are needed'

# No experiments: what can be said is said.
mkdir none
for analysis in overfitting convergence regimes; do
    must analyze $analysis --results none
    [ "$(cat out)" = "there are no experiments" ] || fail "analyze $analysis of nothing: $(cat out)"
done
must analyze importance --results none
expect out '^0 of 0 experiments have a mae on val'
must analyze summary --results none
expect out '^0 experiments: 0 succeeded'
must analyze importance --results none --format json
[ "$(cat out)" = '[]' ] || fail "importance of nothing as JSON: $(cat out)"
must compare --results none --format csv
expect err 'none: there are no experiments'
must export --csv empty.csv --results none
[ "$(wc -l <empty.csv)" = 1 ] || fail "export of nothing: $(cat empty.csv)"
refuses 'no experiments' best --metric mae --results none
refuses 'no experiments' refine --results none
for command in 'analyze importance' 'analyze summary' compare refine 'export --csv f'; do
    refuses 'nowhere' $command --results nowhere
done

# One.
mkdir one
cp -r results/search_001_20250101_120000 one
must analyze importance --results one
[ "$(cat out)" = "1 of 1 experiments have a mae on val: two are needed to see what matters" ] || fail "importance of one: $(cat out)"
must analyze summary --results one
expect out '^mae +1 +1\.25 +- +1\.25 +1\.25 +1\.25 +search_001_20250101_120000 +1$'
must refine --results one --format json
[ "$(tr -d ' \n' <out)" = '{"learning_rate":[5e-05,0.0001,0.0002],"epochs":[9]}' ] || fail "refine of one: $(cat out)"
must best --metric mae --results one
must compare --results one

# All failed.
for i in 1 2; do
    write failed/f_$i "{\"experiment_id\": \"f_$i\", \"hyperparams\": {\"learning_rate\": $i}, \"error\": \"diverged\"}"
done
must analyze importance --results failed
expect out '^0 of 2 experiments have a mae on val'
must analyze overfitting --results failed
expect out '^2 of 2 experiments cannot be judged'
must analyze convergence --results failed
expect out '^2 of 2 experiments cannot be judged'
must analyze summary --results failed
expect out '^2 experiments: 0 succeeded, 2 failed'
must compare --results failed
expect out 'f_1 .*diverged'
refuses '2 failed' best --metric mae --results failed
refuses '2 failed' refine --results failed

# Whoever wrote it: other keys, missing and null and infinite metrics, odd ids; what is no
# experiment is named and skipped.
write odd/a '{"experiment_id": "-b, \"c\" \u00e9\n", "hyperparams": {"learning_rate": 1, "x": [1, 2], "y": null, "z": true},
    "test_metrics": {"mae": 3, "own": "text"}, "training_history": [{"epoch": 1, "loss": NaN}]}'
write odd/b '{"experiment_id": "'"$(printf '%0300d' 7)"'", "hyperparams": {"learning_rate": "fast"}, "test_metrics": {"mae": null}}'
write odd/c '{"experiment_id": "c", "hyperparams": {"learning_rate": 2, "lora_targets": ["q"]}, "test_metrics": {"mae": -1e999}, "val_metrics": {}}'
write odd/d '{"experiment_id": "d", "hyperparams": {}, "test_metrics": {"mae": 4, "rmse": 1e999}, "val_metrics": null}'
write odd/copy '{"experiment_id": "d", "hyperparams": {}}'
write odd/e '{"experiment_id": 5, "hyperparams": {}}'
write odd/f '{"experiment_id": "f", "hyperparams": []}'
write odd/g '{"experiment_id": "g", "hyperparams": {}, "test_metrics": {"mae": "1"}}'
write odd/h '{"name": "of another program"}'
write odd/i 'not JSON'
write odd/j ''
: >odd/j/results.json
write "odd/k$(printf '\033')[31m" '['
mkdir odd/l odd/l/results.json
ln -s results.json odd/l/loop
for command in compare 'analyze importance' 'analyze overfitting' 'analyze convergence' 'analyze summary' 'analyze regimes' \
    'export --csv odd.csv' 'best --split test' 'refine --split test'; do
    ft $command --results odd
    [ "$status" = 0 ] || { [ "${command%% *}" = refine ] && [ "$status" = 2 ]; } || fail "$ran: exit status $status: $(cat err)"
    for name in copy e f g h i j l; do expect err "odd/$name"; done
    expect err 'odd/k\?\[31m'
    grep -q "$(printf '\033')" err out && fail "$ran: an escape sequence of a file's name reaches the terminal"
done
must compare --results odd --format csv
expect out '^"-b, ""c"" é$'
must compare --results odd
expect out '^-b, "c" é\? '
must best --split test --results odd
expect out 'test mae 3'
must show --results odd -- '-b'
expect out 'test +3 '
must compare --results odd --where learning_rate=fast --format csv
expect out '^0+7,'
# Numbers as text elsewhere: not a numeric hyperparameter.
must analyze importance --split test --results odd
expect_not out 'hp_learning_rate'
must refine --results odd --split test --match '-*' --key learning_rate
expect out '^learning_rate +1 +1 +0.5, 1, 2$'
expect out '^left out: unknown hyperparameter "x"'
finish
