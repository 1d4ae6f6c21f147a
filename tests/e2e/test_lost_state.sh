# What people and disks do to a sweep's state: a journal or a plan that is gone, results
# that are damaged. Each costs what it must, no more.
. "$E2E/lib.sh"
prepare_job
state=results/fine_tuning/.sweeps/s
sweep="sweep $job --grid learning_rate=1e-4,1e-3 --grid lora_rank=2,4 --name s"
long="$(echo "$sweep" | sed "s/epochs=2/epochs=100000/") --max-adapters 1"
must $sweep
list_results() { (cd results/fine_tuning && find . -name results.json | sort); }
list_results >all
[ "$(wc -l <all)" = 4 ] || fail "not 4 results but $(wc -l <all)"

# The journal is gone, or empty: the results on disk count, and nothing is trained again.
for how in remove empty; do
    if [ $how = remove ]; then rm $state/journal.jsonl; else : >$state/journal.jsonl; fi
    must $sweep
    expect err 'journal.jsonl does not tell of 4 results of this sweep that are on disk: they count'
    list_results | cmp -s all - || fail "$how: something was trained again"
done
must $sweep
expect_not err 'does not tell'

# Results of an earlier sweep of that name are not taken for this one's.
must $sweep --set weight_decay=0.5
rm $state/journal.jsonl
must $sweep --set weight_decay=0.5
expect err 'does not tell of 4 results'
[ "$(list_results | wc -l)" = 8 ] || fail "not 8 results but $(list_results | wc -l)"

# A result that is empty, or a link to nothing, is none: that configuration alone is
# trained again.
rm -rf results
must $sweep
first=$(ls -d results/fine_tuning/s_001_*)
second=$(ls -d results/fine_tuning/s_002_*)
: >"$first/results.json"
rm "$second/results.json"
ln -s nowhere "$second/results.json"
mkdir $state/journal.7.jsonl
sleep 1.1 # an id has seconds
must $sweep
for number in 1 2 3 4; do
    whole=$(find results/fine_tuning/s_00${number}_*/results.json -size +0 -type f | wc -l)
    [ "$whole" = 1 ] || fail "configuration $number has $whole results"
done
rmdir $state/journal.7.jsonl

# The journal is removed while the sweep runs: it stops and says so, and the same command
# goes on with what is on disk.
rm -rf results
begin $long
await err 'epoch [2-9]'
rm $state/journal.jsonl
end
expect_status 1
expect err 'journal.jsonl was removed or replaced: this process stops; the same command resumes'

# The plan is removed while a shard runs: another shard does not begin anew beside it.
rm -rf results
"$FTGPU" $long --shard 1/2 >shard.out 2>shard.err &
shard=$!
for i in $(seq 1000); do
    grep -q 'epoch [2-9]' shard.err && break
    sleep 0.1
done
rm -f $state/plan.json $state/checkpoints/*
refuses 'plan.json (is gone while another shard runs|is gone, though what was done of it is there)' $long --shard 2/2
[ -e $state/journal.1.jsonl ] || fail "the running shard's journal was removed"
kill -9 "$shard" 2>/dev/null || fail "the shard has ended: $(tail -n 1 shard.err)"
wait "$shard" || true
finish
