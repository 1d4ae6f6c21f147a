# Workflow 4 of 5: a coarse search, then a finer one around its best by validation, with
# more epochs.
. "$E2E/lib.sh"
prepare_job

must sweep $job --name stage1_lr --grid learning_rate=1e-4,1e-3,1e-2
must best --metric mae --split val --format csv
best=$(cell hp_learning_rate 1)

must refine --match 'stage1_*' --key learning_rate --grid epochs=1,3 --out stage2.json
expect out "^learning_rate +$best +0.0001, 0.001, 0.01 +[0-9.e-]+, $best, [0-9.e-]+$"
expect out '^6 configurations'
expect out 'ftgpu sweep \.\.\. --eval-windows 2 --grid-file stage2.json$'
# The grid holds the rest of what the best was trained with: the second stage needs the
# data alone.
must sweep --model nano $files --train-last 120 --eval-windows 2 --name stage2_refinement --grid-file stage2.json
expect err '^6 of 6 experiments done, 0 '
must compare --match 'stage2_*' --format csv
[ "$(wc -l <out)" = 7 ] || fail "not six experiments: $(cat out)"
awk -v best="$best" -v a="$(cell hp_learning_rate 1)" -v b="$(cell hp_learning_rate 3)" -v c="$(cell hp_learning_rate 5)" \
    'BEGIN { exit !(a == best / 2 && b == best && c == best * 2) }' || fail "not half, same and double of $best: $(cat out)"
[ "$(cell hp_epochs 5),$(cell hp_epochs 6),$(cell hp_context_length 6),$(cell hp_batch_size 6)" = 1,3,16,8 ] || fail "the fifth and sixth: $(cat out)"

# The best of both stages is no worse than that of the first.
must best --metric mae --split val --match 'stage1_*' --format json
first=$(awk '/"val_metrics"/ { inside = 1 } inside && /"mae"/ { gsub(/[^0-9.e+-]/, "", $2); print $2; exit }' out)
must best --metric mae --split val --format json
both=$(awk '/"val_metrics"/ { inside = 1 } inside && /"mae"/ { gsub(/[^0-9.e+-]/, "", $2); print $2; exit }' out)
awk -v first="$first" -v both="$both" 'BEGIN { exit !(first > 0 && both <= first) }' || fail "after refinement $both, before $first"
must analyze importance
expect out '^hp_learning_rate '
expect out '^hp_epochs '
# A third stage closes in between what the second tried.
must refine --key learning_rate --match 'stage2_*' --format csv
expect out '^learning_rate,'
# How the best was evaluated is proposed again, where that was asked for.
must run $(echo $job | sed 's/--eval-windows 2/--eval-windows 256/') --season 3 --eval-samples 7 --name asked
must refine --match 'asked_*' --key learning_rate
expect out '^  ftgpu sweep \.\.\. --season 3 --eval-samples 7 \\$'
finish
