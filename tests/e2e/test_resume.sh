# A sweep that was killed goes on; changed data, model or arguments are refused; two at once are
# refused.
. "$E2E/lib.sh"
. "$E2E/resume.sh"

resume 5

# Started once more, nothing is left to do.
before=$(ls killed)
"$FTGPU" $arguments --results killed >out 2>err || fail "a finished sweep, started again: $(tail -1 err)"
expect err 'all of them were done before'
[ "$before" = "$(ls killed)" ] || fail "a finished sweep was run again"

# An unfinished sweep does not go on with other data, another model or other arguments.
common="--target Close --set epochs=1 --set context_length=48 --set prediction_length=8"
few="--train-last 200 --eval-windows 6"
splits="--train data/train.csv --val data/val.csv --test data/test.csv $few"
grid="--grid learning_rate=1e-3,1e-2"
part="--name part --results part"
must sweep --model model $splits $common $part $grid
sed -i '/"done","configuration":2/d' part/.sweeps/part/journal.jsonl
rm -r part/part_002_*
sed 's/^\(2019-01-02,[0-9.]*\)/\11/' data/train.csv >data/changed.csv
refuses 'sweep "part" stopped after 1 of 2 .*data_hash differs' sweep --model model --train data/changed.csv --val data/val.csv \
    --test data/test.csv $few $common $part $grid
must model init --size nano --seed 9 --out other
refuses 'model_hash differs' sweep --model other $splits $common $part $grid
refuses 'split_rows differ now' sweep --model model ${splits%%--train-last*} --train-last 201 --eval-windows 6 $common $part $grid
refuses 'rows_hash differs now' sweep --model model $splits $common $part $grid --missing "$(tail -n 1 data/train.csv | cut -d, -f2)"
refuses 'lora_rank differs now' sweep --model model $splits $common $part $grid --set lora_rank=4
refuses 'configurations differ now' sweep --model model $splits $common $part --grid learning_rate=1e-3,2e-2
must sweep --model model $splits $common $part $grid
expect err '^2 of 2 experiments done, 0 of them failed'
[ "$(ls -d part/part_* | wc -l)" = 2 ] || fail "not two experiments: $(ls part)"

# What failed before counts when the sweep is started again.
diverging="--name diverging --results part --set max_grad_norm=0 --set lr_scheduler=constant --set epochs=6 --grid learning_rate=1e-3,1000"
for start in first second third; do
    # Also where the crash came between a result and its line in the journal.
    [ "$start" != third ] || sed -i '/"done","configuration":2/d' part/.sweeps/diverging/journal.jsonl
    ft sweep --model model $splits --target Close --set context_length=48 --set prediction_length=8 $diverging
    expect_status 3
    expect err '^2 of 2 experiments done, 1 of them failed'
done

# A torn last line of the journal is no harm.
printf '{"event":"done","confi' >>part/.sweeps/part/journal.jsonl
must sweep --model model $splits $common $part $grid
expect err 'all of them were done before'

# Two sweeps of one name at once: the second is told who has it; another name shares the directory.
long="--set epochs=200000 --set context_length=48 --set prediction_length=8 --target Close --results shared"
"$FTGPU" sweep --model model $splits $long --name one $grid >/dev/null 2>first.err &
first=$!
for i in $(seq 200); do
    grep -q ' epoch [0-9]' first.err && break
    sleep 0.5
done
refuses "sweep \"one\" is being run by process $first on " sweep --model model $splits $long --name one $grid
must sweep --model model $splits $common --results shared --name two $grid
expect err "^next +ftgpu best --results 'shared' --match 'two_\[0-9\]\*'$"
kill -INT "$first"
wait "$first" && fail "an interrupted sweep says it is done" || status=$?
[ "$status" = 130 ] || fail "interrupted: exit status $status instead of 130"
cp first.err err
expect err 'sweep "one" stopped with 0 of 2 experiments done; the same command resumes it'
[ -s shared/.sweeps/one/checkpoints/batch_1.safetensors ] || fail "no checkpoint was left"
[ "$(ls -d shared/one_* 2>/dev/null | wc -l)" = 0 ] || fail "an interrupted experiment left its directory"

# A checkpoint is not thrown away for other arguments, though nothing is recorded yet.
refuses 'sweep "one" stopped after 0 of 2 experiments, and its season differs now' \
    sweep --model model $splits $long --name one $grid --season 7
[ -s shared/.sweeps/one/checkpoints/batch_1.safetensors ] || fail "the checkpoint of another season is gone"
finish
