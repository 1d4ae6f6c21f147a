# Places that cannot be written: one line that names them, status 2, nothing left, and
# found out before anything is trained. test_bad_disk.sh has read-only and full file
# systems.
. "$E2E/lib.sh"
prepare_job
forecast="forecast --model nano --data data/data.csv --target Close --horizon 1 --num-samples 1"
echo text >file
remember_files

# A path through a file, a file where a directory is needed, and where not even root may
# write.
for place in file file/place /proc/place /proc/self/place; do
    refuses '^ftgpu: (file|/proc)' run $job --results $place
    refuses '^ftgpu: (file|/proc)' sweep $job --grid lora_rank=2,4 --results $place
    refuses '^ftgpu: (file|/proc)' model init --size nano --out $place
    refuses '^ftgpu: (file|/proc)' data demo --out $place
    refuses '^ftgpu: (file|/proc)' $forecast --out $place/forecast.csv
done
refuses '^ftgpu: data: is a directory, a file name is needed' $forecast --out data
refuses '^ftgpu: nowhere/f.csv: cannot be written: No such file' $forecast --out nowhere/f.csv
# Found out before the forecasts are made, for which there is no memory.
refuses '^ftgpu: nowhere/f.csv: cannot be written: No such file' forecast --model nano --data data/data.csv --target Close \
    --horizon 100000 --num-samples 100000 --out nowhere/f.csv
expect_same_files

# Names that are no text.
bad=$(printf 'bad\377name')
for command in run 'sweep --grid lora_rank=2,4'; do
    refuses '^ftgpu: bad.name: is not UTF-8' $command $job --results "$bad"
    refuses '^ftgpu: experiment name "bad.name" is not UTF-8$' $command $job --name "$bad"
done
expect_same_files

# A limit on the size of files, as batch schedulers set it: said as such, and nothing is
# left.
status=0
(ulimit -f 8 && exec "$FTGPU" data demo --out limited) >out 2>err || status=$?
ran="ulimit -f 8; ftgpu data demo"
expect_status 1
expect err '^ftgpu: limited/data.csv: cannot be written: File too large$'
[ -z "$(ls limited)" ] || fail "$ran: left $(ls limited)"

# What is read from there.
for command in compare 'best --metric mae' 'show x' 'forecast --experiment x --data data/data.csv --target Close'; do
    refuses '^ftgpu: nowhere: there is no such directory \(run and sweep .*--results' $command --results nowhere
    refuses '^ftgpu: file: cannot be read: Not a directory' $command --results file
done


# What cannot be looked at (here a link to itself) is not missing: nothing is put in its
# place, nothing goes on without it.
unseen() { # FILE COMMAND...: the command says so of the file, with status 1
    file=$1
    shift
    mv "$file" kept 2>/dev/null || :
    ln -s "$(basename "$file")" "$file"
    ft "$@"
    [ -L "$file" ] || fail "$ran: $file was replaced"
    rm "$file"
    mv kept "$file" 2>/dev/null || :
    expect_status 1
    [ "$(wc -l <err)" = 1 ] || fail "$ran: $(wc -l <err) lines on stderr instead of 1"
    expect err "^ftgpu: $file: cannot be looked at: Too many levels of symbolic links"
}
must run $job --set epochs=1 --name seen --results looked
experiment=$(echo looked/seen_*)
unseen nano/generation_config.json $forecast
unseen nano/model.safetensors $forecast
unseen nano/model.safetensors.index.json $forecast
unseen "$experiment/adapter/adapter_config.json" $forecast --adapter "$experiment/adapter"
unseen "$experiment/adapter/adapter_model.safetensors" $forecast --adapter "$experiment/adapter"
mkdir fresh
unseen fresh/config.json model init --size nano --out fresh
unseen data/train.csv data demo --out data
mv "$experiment/results.json" kept
ln -s results.json "$experiment/results.json"
ft compare --results looked
mv kept "$experiment/results.json"
expect err "$experiment/results.json: .*Too many levels of symbolic links"

# Standard streams that are closed: no file and no socket gets what is meant for them.
status=0
"$FTGPU" sweep $job --grid lora_rank=2,4 --name mute --results closed </dev/null >&- 2>&- || status=$?
ran="ftgpu sweep >&- 2>&-"
expect_status 0
must compare --results closed --match 'mute_*' --format csv
[ "$(grep -c ',[0-9.]*$' out)" = 2 ] || fail "$ran: not two experiments: $(cat out)"
status=0
"$FTGPU" compare --results closed >&- 2>err || status=$?
ran="ftgpu compare >&-"
expect_status 1
expect err 'cannot write to standard output'

if [ "$(id -u)" != 0 ]; then
    mkdir locked
    chmod 555 locked
    refuses '^ftgpu: locked: cannot be written: Permission denied' run $job --results locked
    refuses '^ftgpu: locked: cannot be written: Permission denied' sweep $job --grid lora_rank=2,4 --results locked
    refuses '^ftgpu: locked/f.csv: cannot be written: Permission denied' $forecast --out locked/f.csv
    chmod 755 locked
fi
finish
