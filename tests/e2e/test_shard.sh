# A sweep cut into shards, each a process: together they do what one would, and the
# scripts that have Slurm start them.
. "$E2E/lib.sh"
. "$E2E/sweeps.sh"
sweeps=results/fine_tuning/.sweeps
epochs=$((2 * epochs)) # a lock that is held is waited for two seconds, several times while these sweeps run

# begin_shard N ARGUMENTS...: a sweep in the background, whose process is $pid_N and whose
# messages are in err_N. end_shard N.
begin_shard() {
    number=$1
    shift
    : >"err_$number"
    "$FTGPU" sweep $common "$@" >"out_$number" 2>"err_$number" &
    eval "pid_$number=\$!"
}
end_shard() {
    eval "pid=\$pid_$1"
    end
    ran="sweep $1"
    cp "err_$1" err
}

# Two side by side: what one process gets from batches of the same size, half each.
must sweep $common --set epochs=2 $six --max-adapters 3 --name whole
begin_shard 1 --set epochs=2 $six --max-adapters 3 --name halves --shard 1/2
begin_shard 2 --set epochs=2 $six --max-adapters 3 --name halves --shard 2/2
for shard in 1 2; do
    end_shard $shard
    expect_status 0
    expect err '^3 of 3 experiments done, 0 of them failed'
    [ "$(grep -c '"done"' $sweeps/halves/journal.$shard.jsonl)" = 3 ] || fail "shard $shard did not record 3"
done
grep -q 'the whole sweep is complete: 6 experiments' err_1 err_2 || fail "neither shard says that the sweep is complete"
contents whole >expected
contents halves >got
[ "$(grep -c '"error": null' got)" = 6 ] || fail "two shards recorded $(grep -c '"error": null' got) of 6"
cmp -s expected got || fail "two shards got other results than one process: $(diff expected got | head -5)"
must sweep $common --set epochs=2 $six --name halves --shard 1/2
expect err 'all of them were done before'
expect err 'the whole sweep is complete'
must sweep $common --set epochs=2 $six --name halves
expect err 'resuming: 6 of 6'
expect err 'all of them were done before'

# More shards than experiments: some have none.
must sweep $common --set epochs=1 --grid lora_rank=2,4 --name few --shard 3/3
expect err 'shard 3/3 has none of the 2 experiments'
expect err 'of the whole sweep 0 of 2 experiments are done'

# A shard that is killed goes on where it was, while another is at work that must not be
# disturbed.
long="--set epochs=$epochs $six --max-adapters 3"
must sweep $common $long --name long
begin_shard 1 $long --name killed --shard 1/2
await err_1 " epoch 2/$epochs "
refuses 'is being run by other shards, and its .* differ' sweep $common $long --seed 1 --name killed --shard 2/2
begin_shard 2 $long --name killed --shard 2/2
await err_2 " epoch 3/$epochs "

refuses 'shard 1/2 of sweep "killed" is being run by process [0-9]+ on ' sweep $common $long --name killed --shard 1/2
refuses 'sweep "killed" is being run by process' sweep $common $long --name killed
refuses 'shards of the same number' sweep $common $long --name killed --shard 3/3

kill -KILL "$pid_2"
end_shard 2
must sweep $common $long --name killed --shard 2/2
expect err '^3 of 3 experiments done, 0 of them failed'
end_shard 1
expect_status 0
expect err '^3 of 3 experiments done, 0 of them failed'
contents long >expected
contents killed >got
cmp -s expected got || fail "after a shard's death the results differ: $(diff expected got | head -5)"
[ "$(ls -d results/fine_tuning/killed_* | wc -l)" = 6 ] || fail "not 6 experiments: $(ls results/fine_tuning | grep -c killed)"

# Without a shard the sweep is had alone; what shards have left undone, one process
# finishes.
begin_shard 1 $long --name alone
await err_1 " epoch 2/$epochs "
refuses 'sweep "alone" is being run by process' sweep $common $long --name alone --shard 1/2
kill -TERM "$pid_1"
end_shard 1
expect_status 75
begin_shard 1 $long --name left --shard 1/2
await err_1 " epoch 3/$epochs "
kill -TERM "$pid_1"
end_shard 1
expect_status 75
expect err 'stopped with 0 of 3 experiments done'
must sweep $common $long --name left
expect err '^6 of 6 experiments done'
contents left >got
cmp -s expected got || fail "one process finishes shards with other results: $(diff expected got | head -5)"

# Schedulers compare within a shard: of three each, asha goes on with one.
for shard in 1 2; do must sweep $common --set epochs=3 $six --max-adapters 3 --scheduler asha --name asha --shard $shard/2; done
expect err 'the whole sweep is complete: 6 experiments'
for shard in 1 2; do
    pruned=$(grep -c '"pruned":true' $sweeps/asha/journal.$shard.jsonl) || true
    [ "$pruned" = 2 ] || fail "shard $shard: asha pruned $pruned of 3"
done

refuses 'not i/N' sweep $common $six --shard 0/2
refuses 'not i/N' sweep $common $six --shard 3/2
refuses 'not i/N' sweep $common $six --shard 2
refuses 'not i/N' sweep $common $six --shard 1/0
refuses 'leave out --shard' sweep $common $six --shard 1/2 --slurm
refuses '"yes" is not script' sweep $common $six --slurm=yes
refuses '--nodes .*--slurm is not given' sweep $common $six --nodes 2
refuses '--sbatch-arg: "gpu" is not an option' sweep $common $six --slurm=script --sbatch-arg gpu
refuses 'lora_rank' sweep $common --grid lora_rank=2,many --slurm=script

# The script of an array job: what was typed, and nothing of it meant for the shell.
mkdir "it's a place"
cp -r data model "it's a place"
cd "it's a place"
here=$(pwd)
notes='a "note" of $HOME; isn'\''t it'
must sweep $common $six --name 'l r' --notes "$notes" --slurm=script --array-tasks 4 --nodes 2 --gpus-per-task 3 \
    --sbatch-arg=--partition=gpu --sbatch-arg=--comment="it's # mine" --results 'my results'
script=$(cat out)
[ "$script" = "$here/my results/.sweeps/l r/slurm/tasks.sh" ] || fail "the script's path is $script"
compare=$(dirname "$script")/compare.sh
for file in "$script" "$compare"; do
    sh -n "$file" || fail "$file is no shell script"
    expect "$file" '^#SBATCH --partition=gpu$'
    expect "$file" "^#SBATCH \"--comment=it.'s .# mine\"\$"
done
expect "$script" '^#SBATCH --array=1-4%2$'
expect "$script" '^#SBATCH --gpus-per-task=3$'
expect "$script" '^#SBATCH --cpus-per-task=1$'
expect "$script" '^#SBATCH --signal=B:USR1@120$'
expect "$script" '^#SBATCH --requeue$'
expect "$script" '^#SBATCH --open-mode=append$'
expect_not "$script" '^[^#].*(--slurm|--array-tasks|--nodes|--gpus-per-task|--sbatch-arg)'
expect "$compare" ' export --csv '
[ -e "my results/.sweeps/l r/plan.json" ] && fail "--slurm=script began the sweep"

# Run as Slurm would run it, it trains its shard; one that is stopped asks for its
# requeue.
mkdir bin
printf '#!/bin/sh\necho "scontrol $*" >>requeued\n' >bin/scontrol
printf '#!/bin/sh\necho RUNNING\n' >bin/squeue
chmod +x bin/*
cat >bin/sbatch <<'END'
#!/bin/sh
echo "sbatch $*" >>submitted
[ ! -e full ] || { echo "sbatch: error: no room" >&2; exit 1; }
echo "$((40 + $(wc -l <submitted)));cluster"
END
chmod +x bin/sbatch
export PATH="$here/bin:$PATH"
must sweep $common $six --name 'l r' --slurm --nodes 3 --results 'my results'
expect out '^job 41: 3 tasks, .*/my results/.sweeps/l r/slurm/task_41_\*\.log$'
expect out '^job 42: after them, .*/my results/.sweeps/l r/comparison\.csv$'
expect submitted '^sbatch --parsable --dependency=afterany:41 .*/slurm/compare\.sh$'
expect "$script" '^#SBATCH --array=1-3$'
touch full
ft sweep $common $six --name 'l r' --slurm
expect_status 1
expect err '^ftgpu: sbatch did not take .*/slurm/tasks\.sh$'
status=0
PATH=$here/none "$FTGPU" sweep $common $six --slurm >out 2>err || status=$?
expect_status 1
expect err '^ftgpu: sbatch cannot be started here'

must sweep $common --grid lora_rank=2,4 --set epochs=1 --name 'l r' --notes "$notes" --slurm=script --array-tasks 2 --results 'my results'
for task in 1 2; do
    (cd / && SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=$task sh "$script") >out 2>err || fail "task $task: status $?"
done
ran="task 2"
expect err 'the whole sweep is complete: 2 experiments'
[ -e requeued ] && fail "a task that was done asked for a requeue"
grep -qF "$(printf '%s' "$notes" | sed 's/"/\\"/g')" "my results"/l\ r_001_*/results.json || fail "the notes are not those that were typed"
sh "$compare" >out 2>err || fail "the comparison failed: $(cat err)"
[ "$(wc -l <"my results/.sweeps/l r/comparison.csv")" = 3 ] || fail "the comparison does not have 2 experiments"
must sweep $common $long --name stopped --slurm=script
script=$(cat out)
SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=1 sh "$script" >out 2>err &
pid=$!
await err " epoch 2/$epochs "
kill -USR1 "$pid"
end
ran="task that is stopped"
expect_status 75
expect requeued '^scontrol requeue 7_1$'
cd ..
finish
