# ftgpu sweep: a grid, a list, failures inside it, and what is refused.
. "$E2E/lib.sh"
prepare_job

must sweep $job --grid learning_rate=1e-4,1e-3 --grid lora_rank=4,8 --dry-run --format csv
[ -e results ] && fail "a dry run wrote results"
[ "$(sed -n 3p out)" = "2,0.0001,8,1,2" ] || fail "the last key varies fastest: $(cat out)"
expect err '4 configurations, 4 trajectories, 1 batch'
must sweep $job --set lr_scheduler=constant --grid epochs=1,2 --grid lora_rank=4,8 --dry-run --format json
expect out '"n_trajectories": 2'
expect out '"memory_bytes": [1-9]'
expect out '"train_seconds": [0-9.e-]+'
expect out '"evaluation_seconds": [0-9.e-]+'
must sweep $job --grid learning_rate=1e-4,1e-3 --grid lora_rank=4,8 --name grid
expect err '4 of 4 experiments done, 0 of them failed'
# It ends with the verdict on its best, that of `best`, and the next command.
expect err "^next +ftgpu best --match 'grid_\[0-9\]\*'$"
expect err "^next +ftgpu report --match 'grid_\[0-9\]\*' --out report.html$"
grep -E '^(best|verdict|against) ' err >told
must best --match 'grid_[0-9]*'
grep -E '^(best|verdict|against) ' out | cmp -s - told && [ "$(wc -l <told)" = 4 ] || fail "the sweep's verdict is not that of best: $(cat told)"
# It goes to stderr, and is as wide as that is, wherever stdout goes.
if command -v script >/dev/null; then
    script -qc "stty cols 50; unset COLUMNS; $FTGPU sweep $(echo $job) --grid learning_rate=1e-4,1e-3 --grid lora_rank=4,8 --name grid >out" \
        /dev/null </dev/null | tr -d '\r' | sed -n '/^verdict/,/^next/p' | grep -v '^next' >told
    awk 'length($0) > 50 { exit 1 } END { exit NR < 3 }' told || fail "the verdict in a terminal of 50 columns: $(cat told)"
fi
must compare --match 'grid_*' --format csv
[ "$(wc -l <out)" = 5 ] || fail "the sweep recorded $(($(wc -l <out) - 1)) experiments"
case $(cell experiment_id 2) in
grid_002_*) ;;
*) fail "the second experiment is called $(cell experiment_id 2)" ;;
esac
[ "$(cell hp_learning_rate 2),$(cell hp_lora_rank 2)" = 0.0001,8 ] || fail "the second is $(cell hp_learning_rate 2),$(cell hp_lora_rank 2)"

echo '{"lora_rank": [2, 4]}' >grid.json
must sweep $job --grid-file grid.json --grid epochs=1 --name file
must compare --match 'file_*' --format csv
[ "$(cell hp_lora_rank 1),$(cell hp_lora_rank 2)" = 2,4 ] || fail "ranks of the grid file: $(cat out)"
echo '[{"learning_rate": 1e-3, "epochs": 1}, {"lora_rank": 2, "epochs": 1}]' >list.json
must sweep $job --configs list.json --name list
must compare --match 'list_*' --format csv
[ "$(cell hp_learning_rate 1),$(cell hp_lora_rank 2)" = 0.001,2 ] || fail "the list: $(cat out)"

# One that diverges is recorded with its error, the others go on, and the status says so.
ft sweep $job --set max_grad_norm=0 --set epochs=3 --grid learning_rate=1000,1e-4 --name diverging
expect_status 3
expect err '2 of 2 experiments done, 1 of them failed'
expect_not err '-nan'
must compare --match 'diverging_*' --format csv
[ "$(cell test_mae 1)" = "" ] || fail "a diverged experiment has a test_mae: $(cell test_mae 1)"
[ "$(cell test_mae 2)" != "" ] || fail "the experiment after a diverged one has no test_mae"
expect out 'diverging_001_.*(not finite|diverged|NaN)'
must best --metric mae
expect_not out 'diverging_001'

# What tuning has to beat is the model as it was, also where `full` trains in its place.
must sweep $job --set adapter_type=full --set learning_rate=1e-2 --grid weight_decay=0,0.1 --name whole
for name in grid whole; do
    sed -n '/"zero_shot"/,/"seasonal_naive"/p' "$(directory_of "${name}_002_*")/results.json" >"$name"
done
[ -s grid ] && cmp -s grid whole || fail "$ran: another zero-shot baseline than that of a sweep of lora"

before=$(ls results/fine_tuning | wc -l)
refuses 'grid' sweep $job
refuses 'lora_rnak.*lora_rank' sweep $job --grid lora_rnak=4
refuses 'lora_rank' sweep $job --grid lora_rank=
refuses 'lora_rank' sweep $job --grid lora_rank=4,x
refuses 'lora_rank' sweep $job --grid lora_rank=4,0
refuses 'lora_rank' sweep $job --grid lora_rank
refuses 'lora_rank' sweep $job --grid lora_rank=4 --grid lora_rank=8
refuses 'max-configs' sweep $job --grid lora_rank=1,2,3 --max-configs 2
refuses 'max-configs' sweep $job --grid lora_rank=1,2 --grid epochs=1,2 --max-configs 3
refuses 'none.json' sweep $job --grid-file none.json
refuses 'grid' sweep $job --grid lora_rank=4 --configs list.json
echo '{"lora_rank": 4}' >bad.json
refuses 'bad.json' sweep $job --grid-file bad.json
refuses 'bad.json' sweep $job --configs bad.json
echo '{"lora_rank": [4' >bad.json
refuses 'bad.json:[0-9]+:[0-9]+' sweep $job --grid-file bad.json
echo '[{"lora_rank": 4}, {"lora_rank": "many"}]' >bad.json
refuses 'bad.json.*lora_rank' sweep $job --configs bad.json
echo '[]' >bad.json
refuses 'bad.json' sweep $job --configs bad.json
must best --metric mae
expect out '^certainty    [0-9]+ val windows: too few to tell experiments apart \(at least 12 windows are needed\)'
expect out '^verdict      (do not ship it|do not ship it yet|ship it): .*, on test'
expect out '^against      zero_shot \(mae [0-9.]+\): [0-9.e-]+ (better|worse)'
expect out '^against      seasonal_naive \(season [0-9]+, mae [0-9.]+\): [0-9.e-]+ (better|worse)'
# A rank that the model cannot have is found before anything is trained.
refuses 'rank' sweep $job --grid lora_rank=4,200
[ "$(ls results/fine_tuning | wc -l)" = "$before" ] || fail "a refused sweep left something behind: $(ls results/fine_tuning)"
finish
