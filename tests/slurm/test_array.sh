# A sweep of 12 as an array of 4 jobs of a real Slurm, one of which is preempted while the
# controller goes down and up.
E2E=$E2E/../e2e
. "$E2E/lib.sh"
. "$E2E/../slurm/cluster.sh"
need_slurm
here=
trap end_cluster EXIT
trap 'exit 1' INT TERM HUP
start_cluster
must data demo --out data
must model init --size nano --out model
sweeps=results/fine_tuning/.sweeps

# until_true SECONDS WHAT COMMAND...
until_true() {
    tries=$(($1 * 5))
    what=$2
    shift 2
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { fail "never: $what"; show; finish; }
        sleep 0.2
    done
}
show() {
    squeue
    tail -n 5 $sweeps/twelve/slurm/*.log cluster/slurmctld.log cluster/slurmd.log
}
said() { grep -Eq "$2" $sweeps/twelve/slurm/task_*_"$1".log 2>/dev/null; }
is_over() { [ -z "$(squeue --noheader 2>/dev/null)" ] && scontrol ping >/dev/null 2>&1; }

must sweep --model model --train data/train.csv --val data/val.csv --test data/test.csv --target Close --threads 1 \
    --set context_length=32 --set prediction_length=4 --eval-windows 2 --train-last 200 --set epochs=40 \
    --grid learning_rate=1e-4,3e-4,1e-3,3e-3 --grid lora_rank=2,4,8 --name twelve --notes "it's a \"test\"" \
    --slurm --array-tasks 4 --nodes 4 --sbatch-arg=--time=20 --sbatch-arg=--comment="it's # one"
expect out '^job [0-9]+: 4 tasks, .*/slurm/task_[0-9]+_\*\.log$'
expect out '^job [0-9]+: after them, .*/comparison\.csv$'
array=$(sed -n 's/^job \([0-9]*\): 4 tasks.*/\1/p' out)
scontrol show job "${array}_1" >shown 2>&1
expect shown "Comment=it's # one"

until_true 120 "task 2 trains" said 2 ' epoch 3/40 '
scontrol requeue "${array}_2"
kill -TERM "$controller"
wait "$controller" || true
sleep 1
start_controller
answers scontrol ping
until_true 120 "task 2 runs again" said 2 'going on|epoch 40/40'
until_true 400 "all jobs are done" is_over

[ "$(ls -d results/fine_tuning/twelve_* | wc -l)" = 12 ] || fail "$(ls results/fine_tuning | wc -l) directories instead of 12"
[ "$(grep -l '"error": null' results/fine_tuning/twelve_*/results.json | wc -l)" = 12 ] || fail "not 12 results without an error"
numbers=$(ls results/fine_tuning | sed 's/^twelve_\([0-9]*\)_.*/\1/' | sort -u | wc -l)
[ "$numbers" = 12 ] || fail "$numbers configurations instead of 12"
[ "$(cat $sweeps/twelve/journal.*.jsonl | grep -c '"done"')" = 12 ] || fail "the journals tell of other than 12 results"
[ "$(ls $sweeps/twelve/journal.*.jsonl | wc -l)" = 4 ] || fail "not 4 journals"
[ "$(scontrol show job "${array}_2" | sed -n 's/.* Restarts=\([0-9]*\).*/\1/p')" = 1 ] || fail "task 2 was not requeued once"
cp $sweeps/twelve/comparison.csv out
[ "$(wc -l <out)" = 13 ] || fail "the comparison has $(wc -l <out) lines instead of 13"
for row in 1 2 3 4 5 6 7 8 9 10 11 12; do [ "$(cell test_mae $row)" != "" ] || fail "row $row has no test_mae"; done
[ "$failures" = 0 ] || show

# A task that is told that its time is up goes back into the queue by itself; one that is
# cancelled stays away.
must sweep --model model --train data/train.csv --val data/val.csv --test data/test.csv --target Close --threads 1 \
    --set context_length=32 --set prediction_length=4 --eval-windows 2 --train-last 200 --set epochs=400 \
    --grid lora_rank=2,4 --name stopped --slurm --array-tasks 2
array=$(sed -n 's/^job \([0-9]*\): 2 tasks.*/\1/p' out)
log=$sweeps/stopped/slurm/task_${array}
is_away() { [ -z "$(squeue --noheader --jobs="${array}_$1" 2>/dev/null)" ]; }
trains() { grep -q ' epoch 2/400 ' "${log}_$1.log" 2>/dev/null; }
restarted() { [ "$(scontrol show job "${array}_$1" | sed -n 's/.* Restarts=\([0-9]*\).*/\1/p')" = 1 ]; }
until_true 60 "task 1 trains" trains 1
until_true 60 "task 2 trains" trains 2
scancel --batch --signal=USR1 "${array}_1"
scancel "${array}_2"
until_true 60 "task 1 is requeued" restarted 1
until_true 60 "task 2 is away" is_away 2
restarted 2 && fail "a task that was cancelled was requeued"
scancel "$array"
finish
