# Worker processes of a sweep: what they share, and that no death of one, or of the
# coordinator, costs anything.
. "$E2E/lib.sh"
. "$E2E/sweeps.sh"
[ "$epochs" -lt 24 ] || epochs=24 # processes are ended at epoch 4 at the latest

workers() { ps -o pid= --ppid "$1"; }

# A constant schedule: 2 x 3 x 3 configurations are 6 trajectories of one batch, read off
# at 3 lengths.
must sweep $common --set lr_scheduler=constant --grid learning_rate=1e-4,1e-3 --grid epochs=1,2,3 --grid weight_decay=0,0.01,0.1 \
    --max-adapters 6 --name guide
expect err '18 of 18 experiments done'
[ "$(grep -c 'epoch [0-9]*/3 ' err)" = 18 ] || fail "not 6 trajectories of 3 epochs: $(grep -c epoch err) epochs"
[ "$(grep -c 'epoch [12]/[12] ' err)" = 0 ] || fail "a shorter trajectory was trained besides"
must compare --match 'guide_*' --format csv
[ "$(cell hp_epochs 4)" = 2 ] || fail "the fourth configuration has $(cell hp_epochs 4) epochs"
first=$(ls -d results/fine_tuning/guide_001_*)
[ "$(grep -c '"epoch":' "$first/results.json")" = 1 ] || fail "the history of one epoch holds more"
grep -A30 '"shared_with"' "$first/results.json" | tr -d ' \n' | grep -q '"shared_with":\[[0-9,]*18' || fail "shared_with of $first"

# As two workers have it, so has one.
must sweep $common --set epochs=2 $six --workers 1 --max-adapters 3 --name one
must sweep $common --set epochs=2 $six --workers 2 --max-adapters 3 --name two
contents one >expected
contents two >got
[ "$(grep -c '"error": null' got)" = 6 ] || fail "two workers recorded $(grep -c '"error": null' got) of 6"
cmp -s expected got || fail "two workers got other results than one: $(diff expected got | head -5)"

# GPUs that share an experiment must be there.
refuses '^ftgpu: --gpus-per-experiment 2: there is no GPU .*mpirun' sweep $common $six --device cpu --gpus-per-experiment 2
refuses '^ftgpu: --gpus-per-experiment 2: there is no GPU .*mpirun' sweep $common $six --device cpu --gpus-per-experiment 2 --dry-run
refuses '^ftgpu: --gpus-per-experiment 2: there is no GPU .*mpirun' run $common --device cpu --gpus-per-experiment 2
refuses '^ftgpu: .*--gpus-per-experiment' run $common --gpus-per-experiment 0

# A worker that is killed costs nothing but its time.
long="--set epochs=$epochs $six --max-adapters 3 --workers 1"
must_timed sweep $common $long --name whole
begin sweep $common $long --name killed
await err " epoch 3/$epochs "
kill -KILL $(workers "$pid")
end
expect_status 0
expect err 'its worker process was ended by signal 9'
expect err '6 of 6 experiments done, 0 of them failed'
contents whole >expected
contents killed >got
cmp -s expected got || fail "after a worker's death the results differ: $(diff expected got | head -5)"

# One that hangs is ended: who is silent for longer than the whole sweep took.
begin sweep $common $long --name hanging --worker-timeout $((2 * took))
await err " epoch 3/$epochs "
kill -STOP $(workers "$pid")
end
expect_status 0
expect err "no sign of life for $((2 * took)) s"
contents hanging >got
cmp -s expected got || fail "after a worker hung the results differ: $(diff expected got | head -5)"

# A configuration that brings every worker down is recorded as failed, the others are as
# ever.
begin sweep $common --set epochs=$epochs $six --name deadly
(
    tail -f -n +1 --pid="$pid" err | while read -r line; do
        case $line in
        3/6*'epoch '[2-9]*) kill -KILL $(workers "$pid") 2>/dev/null || true ;;
        esac
    done
) &
end
expect_status 3
expect err '6 of 6 experiments done, 1 of them failed'
must compare --match 'deadly_*' --format csv
expect out 'deadly_003_.*its worker process was ended by signal 9'
[ "$(cell test_mae 3)" = "" ] || fail "the deadly configuration has a test_mae"
for row in 1 2 4 5 6; do [ "$(cell test_mae $row)" != "" ] || fail "configuration $row has no test_mae"; done

# When the coordinator is killed its workers end; the same command goes on.
begin sweep $common $long --name orphans
await err " epoch 3/$epochs "
children=$(workers "$pid")
kill -KILL "$pid"
end
for child in $children; do
    tries=0
    while ps -o stat= -p "$child" | grep -q "^[^Z]"; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || { fail "worker $child outlived its coordinator"; break; }
        sleep 0.1
    done
done
must sweep $common $long --name orphans
contents orphans >got
cmp -s expected got || fail "after the coordinator's death the results differ: $(diff expected got | head -5)"

# Stopped for a requeue: at once, with a checkpoint.
begin sweep $common $long --name requeue
await err " epoch 3/$epochs "
kill -TERM "$pid"
end
expect_status 75
[ -s results/fine_tuning/.sweeps/requeue/checkpoints/batch_1.safetensors ] || fail "no checkpoint was left"
must sweep $common $long --name requeue
contents requeue >got
cmp -s expected got || fail "after a requeue the results differ: $(diff expected got | head -5)"

# A checkpoint that the disk has damaged costs its epochs, and one line says so.
begin sweep $common $long --name damaged
await err " epoch 3/$epochs "
kill -TERM "$pid"
end
expect_status 75
checkpoint=results/fine_tuning/.sweeps/damaged/checkpoints/batch_1.safetensors
printf 'rotten' | dd of=$checkpoint bs=1 seek=$(($(wc -c <$checkpoint) / 2)) conv=notrunc 2>/dev/null
must sweep $common $long --name damaged
[ "$(grep -c "$checkpoint: damaged: its checksum is .*; training starts from the beginning" err)" = 1 ] || fail "$ran: no such line, or several"
contents damaged >got
cmp -s expected got || fail "after a damaged checkpoint the results differ: $(diff expected got | head -5)"

# Schedulers stop what does badly, and the same again when they are asked again.
must sweep $common --set epochs=9 $six --max-adapters 6 --scheduler asha --grace-epochs 1 --eta 3 --name asha
expect err '6 of 6 experiments done, 0 of them failed, 5 pruned'
expect_not err 'mae nan'
[ "$(grep -c '^asha_00[1-6]_[0-9_]*  pruned after epoch 1$' err)" = 4 ] || fail "$ran: not four were told to be pruned"
[ "$(grep -c '"pruned":true' results/fine_tuning/.sweeps/asha/journal.jsonl)" = 5 ] ||
    fail "asha pruned $(grep -c '"pruned":true' results/fine_tuning/.sweeps/asha/journal.jsonl) of 6"
[ "$(grep -l '"pruned_at_epoch": 1' results/fine_tuning/asha_*/results.json | wc -l)" = 4 ] ||
    fail "not four of six were pruned after the first epoch"
must sweep $common --set epochs=9 $six --max-adapters 6 --scheduler asha --name asha # the same, left to the defaults
expect err 'all of them were done before'
must best --metric mae --match 'asha_*'
expect out 'of 6 experiments ha(s|ve) it'
must compare --match 'asha_*'
expect out '^[1-5] of 6 experiments did not fail, but have no metrics'
must compare --match 'asha_*' --format csv
expect_not out 'experiments did not fail'
must sweep $common --set epochs=4 $six --scheduler median --grace-epochs 2 --name median
expect err '6 of 6 experiments done, 0 of them failed'

refuses 'scheduler' sweep $common $six --scheduler best
refuses '^ftgpu: --eta says .* --scheduler is not given' sweep $common $six --eta 2
refuses '^ftgpu: --grace-epochs says .* --scheduler is not given' sweep $common $six --grace-epochs 2 --scheduler none
refuses '^ftgpu: --format says .* --dry-run is not given' sweep $common $six --format json
ft sweep $common --grid epochs=1,2 --set lr_scheduler=constant --dry-run
expect err '^2 configurations, 1 trajectory, 1 batch, '
expect err '^batch 1: 1 trajectory, 1 at a time, '
refuses 'no GPU|cuda' sweep $common $six --device cuda
refuses 'device' sweep $common $six --device cuda:0,x
finish
