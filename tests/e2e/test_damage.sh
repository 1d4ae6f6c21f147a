# What hands and failing disks do to a sweep that is not done: it goes on to the same results, or
# says what is wrong; nothing that is finished is lost, nothing is done twice, and nothing outside
# is touched.
. "$E2E/lib.sh"
. "$E2E/sweeps.sh"
results=results/fine_tuning

# seal TEXT: {"key":value,... as a line of a journal, with its checksum.
seal() {
    printf '%s,"crc32":"%s"}\n' "$1" "$(printf %s "$1" | gzip -c | tail -c 8 | od -An -N 4 -t x4 | tr -d ' ')"
}
# Six experiments as those of the sweep "whole", and nothing left in the state of a sweep that is
# done.
expect_whole() { # NAME
    contents whole >expected
    contents "$1" >got
    cmp -s expected got || fail "$1: the results differ: $(diff expected got | head -5)"
    [ "$(ls -d $results/"$1"_* | wc -l)" = 6 ] || fail "$1: not 6 experiments: $(ls $results | grep "^$1_")"
    left=$(find "$results/.sweeps/$1" $results/"$1"_* -name '*.tmp.*' -o -path '*/checkpoints/*' -o -path '*/discarded/*')
    [ -z "$left" ] || fail "$1: left behind: $left"
}
# Half of the configurations train longer: the others are recorded while their batch is under way.
mixed="--grid epochs=2,$epochs --grid lora_rank=2,4,8 --max-adapters 6"
must sweep $common $mixed --name whole

# Starts sweep NAME and kills it with its workers where half of it is recorded, and its checkpoint
# tells so, too.
kill_midway() { # NAME
    name=$1
    : >err # what the last command said is not to be taken for this one's
    setsid "$FTGPU" sweep $common $mixed --name "$name" >out 2>err &
    pid=$!
    await err " epoch 7/$epochs "
    kill -s KILL -- -"$pid"
    end
    [ "$status" = 137 ] || fail "$name was not killed"
    [ -s "$results/.sweeps/$name/checkpoints/batch_1.safetensors" ] || fail "$name: no checkpoint"
}
recorded() { # NAME: the experiments that have their result
    for file in $results/"$1"_*/results.json; do dirname "$file"; done
}

# A result that somebody deletes while its batch is under way is trained again, with the same bits.
kill_midway deleted
first=$(recorded deleted | head -1)
[ -n "$first" ] || fail "nothing was recorded"
rm -r "$first"
must sweep $common $mixed --name deleted
expect err 'begins anew: results of it are gone'
expect err '6 of 6 experiments done, 0 of them failed'
expect_whole deleted

# One that is deleted while the sweep runs is missed at the end, and trained again by the same
# command.
begin sweep $common $mixed --name missed
await err '^missed_00[0-9].*val mae'
rm -r "$(recorded missed | head -1)"
end
expect_status 1
expect err '^ftgpu: 1 of 6 results are gone since they were recorded; the same command trains them again$'
must sweep $common $mixed --name missed
expect_whole missed

# What a crash and a failing disk leave, and ids of nobody's: told, in a line each, and done again.
kill_midway damaged
state=$results/.sweeps/damaged
cp -r "$state" kept
mkdir -p other_001_20260101_000000 $results/other_001_20260101_000000
touch $results/other_001_20260101_000000/adapter "$state/plan.json.tmp.123.4" "$state/checkpoints/batch_1.safetensors.tmp.0a0b0c0d"
lines=$(wc -l <"$state/journal.jsonl")
for id in .. . '' ../../other_001_20260101_000000 other_001_20260101_000000; do
    seal "{\"event\":\"started\",\"configuration\":5,\"experiment_id\":\"$id\"" >>"$state/journal.jsonl"
done
sed -i '2s/configuration/confiXuration/' "$state/journal.jsonl"
printf '{"event":"done","configuration":6,"exp' >>"$state/journal.jsonl"
must sweep $common $mixed --name damaged
expect err "^$state/journal.jsonl:2: damaged, and passed over"
for i in 1 2 3 4 5; do expect err "^$state/journal.jsonl:$((lines + i)): damaged, and passed over"; done
[ -d other_001_20260101_000000 ] && [ -e $results/other_001_20260101_000000/adapter ] || fail "what is not the sweep's was removed"
expect_whole damaged

# A checkpoint that cannot be looked at is not missing.
kill_midway unseen
checkpoint=$results/.sweeps/unseen/checkpoints/batch_1.safetensors
mv "$checkpoint" checkpoint
ln -s batch_1.safetensors "$checkpoint"
ft sweep $common $mixed --name unseen
expect_status 1
expect err "^ftgpu: $checkpoint: cannot be looked at: Too many levels of symbolic links"
mv checkpoint "$checkpoint"
must sweep $common $mixed --name unseen
expect_whole unseen

# A plan that is damaged is not gone on with.
mv "$state" done
mv kept "$state"
cp -r "$state" before
sed -i 's/"season": 5/"season": 2/' "$state/plan.json"
refuses "^ftgpu: $state/plan.json is damaged; put back a copy of it, or move .* away" sweep $common $mixed --name damaged
printf '{}\n' >"$state/plan.json"
refuses "plan.json is damaged" sweep $common $mixed --name damaged
rm "$state/plan.json"
refuses "plan.json is gone, though what was done of it is there" sweep $common $mixed --name damaged
cp before/plan.json "$state/plan.json"
for file in journal.jsonl checkpoints/batch_1.safetensors; do
    cmp -s "$state/$file" "before/$file" || fail "$file was changed by a sweep that was refused"
done

# Whoever loses its lock stops, with a line and its checkpoint; the next start has it all.
begin sweep $common $mixed --name lost
await err "^lost_00[0-9].*val mae"
rm "$results/.sweeps/lost/lock"
second=0
"$FTGPU" sweep $common $mixed --name lost >out.second 2>err.second || second=$?
end
expect_status 1
expect err "^ftgpu: $results/.sweeps/lost/lock was removed or replaced while process $pid had it"
[ "$(grep -c '^ftgpu: ' err)" = 1 ] || fail "not one line: $(grep '^ftgpu: ' err)"
case $second in
0) ;;
2)
    ran="the second process"
    expect err.second "^ftgpu: $results/.sweeps/lost/journal.jsonl: another process still has it"
    must sweep $common $mixed --name lost
    ;;
*) fail "the second process: $second: $(cat err.second)" ;;
esac
expect_whole lost
[ "$(grep -c '"done"' "$results/.sweeps/lost/journal.jsonl")" = 6 ] || fail "something was recorded twice"

# A link in the place of the lock leads nowhere.
echo mine >thesis
rm "$results/.sweeps/lost/lock"
ln -s "$PWD/thesis" "$results/.sweeps/lost/lock"
refuses 'lock: is a symbolic link' sweep $common $mixed --name lost
[ "$(cat thesis)" = mine ] || fail "a file outside was written to"
finish
