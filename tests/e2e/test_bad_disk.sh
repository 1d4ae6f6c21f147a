# A full disk: one line that names the file, status 1, nothing half-written, and what was
# trained is not lost. Runs in a mount name space of its own, with a small file system
# that is filled up to some KB; skipped where that is not allowed.
if [ "${1-}" != inside ]; then
    for options in -m -rm; do
        unshare $options sh -c 'mount -t tmpfs -o size=1m none /mnt' 2>/dev/null && exec unshare $options sh -eu "$0" inside
    done
    echo "skipped: no small file system can be mounted here (neither as root nor in a user name space)"
    exit 77
fi
. "$E2E/lib.sh"
prepare_job
job="$(echo $job | sed s/epochs=2/epochs=1/) --threads 1"
kilobytes=4096
mkdir full
mount -t tmpfs -o size=${kilobytes}k none full

# Empties the file system but for a ballast that leaves $1 KB free.
leave() {
    rm -rf full/* full/.[a-z]*
    [ "$1" = "$kilobytes" ] || dd if=/dev/zero of=full/ballast bs=4096 count=$(((kilobytes - $1) / 4)) 2>/dev/null
}

# After a command: it succeeded, or failed with one line (beside progress) that names a
# place in full/.
check_failure() {
    [ "$status" = 0 ] && return
    expect_status 1
    grep -v -e ' epoch [0-9]' -e '^evaluating' -e '^going on' -e '  val mae ' err >messages || true
    [ "$(wc -l <messages)" = 1 ] || fail "$ran: $(wc -l <messages) lines on stderr: $(cat messages)"
    expect messages '^ftgpu: full/.*No space left on device'
}

# No temporary file stays; each result is whole; each adapter has both its files.
check_whole() {
    left=$(find full -name '*.tmp*')
    [ -z "$left" ] || fail "$ran: left behind: $left"
    for file in $(find full -name results.json); do
        [ "$(tail -c 2 "$file" | head -c 1)" = "}" ] || fail "$ran: $file is cut off"
    done
    for adapter in $(find full -type d -name adapter); do
        "$FTGPU" model merge --model nano --adapter "$adapter" --out merged >merged.out 2>&1 ||
            fail "$ran: $adapter is broken: $(cat merged.out)"
        rm -rf merged
    done
}

# A run: what was trained stays, even if its record does not find room.
kept=0
for free in 0 4 16 36 44 52 56 60 64 96 160; do
    leave $free
    ft run $job --results full/results
    check_failure
    check_whole
    if [ "$status" = 0 ]; then
        [ "$(find full -name results.json | wc -l)" = 1 ] || fail "$ran: succeeded without a result"
    elif [ "$(find full -type d -name adapter | wc -l)" = 1 ]; then
        expect messages '; the trained adapter is in full/results/experiment_[0-9_]+/adapter$'
        kept=$((kept + 1))
    else
        [ -z "$(find full -type f ! -name ballast)" ] || fail "$ran: left behind: $(find full -type f)"
    fi
done
expect_status 0
[ "$kept" -gt 0 ] || fail "no size of the disk was between adapter and record"

# A sweep goes on where it stopped once there is room, and does nothing twice.
for free in 0 8 24 96 192 256; do
    leave $free
    ft sweep $job --results full/results --grid lora_rank=1,2,3 --name grid
    [ "$free" = 256 ] || expect_status 1
    check_failure
    check_whole
    done_before=$(find full -name results.json -exec cksum {} + | sort)
    rm full/ballast
    must sweep $job --results full/results --grid lora_rank=1,2,3 --name grid
    check_whole
    [ "$(ls full/results | wc -l)" = 3 ] || fail "$ran: not three experiments: $(ls full/results)"
    for file in $(find full -name results.json -exec cksum {} + | sort); do echo "$file"; done >after
    for word in $done_before; do grep -qxF "$word" after || fail "$ran: did an experiment again"; done
done

# Other files that are written: whole or absent, and room is all that is needed to do it
# again.
write() { # COMMAND...
    enough=no
    for free in 0 4 28 100 400 1900 1924 1932 2400 $kilobytes; do
        leave $free
        ft "$@"
        check_failure
        check_whole
        if [ "$status" = 0 ]; then
            enough=yes
        else
            rm full/ballast
            must "$@"
        fi
    done
    [ $enough = yes ] || fail "$ran: succeeded nowhere"
}
write model init --size nano --out full/model
must run $job --name tuned
write model merge --model nano --adapter "$(directory_of 'tuned_*')/adapter" --out full/merged
write data demo --out full/demo
write forecast --model nano --data data/data.csv --target Close --horizon 60 --num-samples 1 --threads 1 --out full/forecast.csv
[ "$(wc -l <full/forecast.csv)" = 61 ] || fail "the forecast has $(wc -l <full/forecast.csv) lines"

# Read-only, which holds for root too: found out before the model is evaluated.
rm -rf full/*
mkdir full/results
mount -o remount,bind,ro full
remember_files
refuses '^ftgpu: full/results: cannot be written: Read-only file system' run $job --results full/results
refuses '^ftgpu: full/results: cannot be written: Read-only file system' sweep $job --grid lora_rank=1,2 --results full/results
refuses '^ftgpu: full/more: the directory cannot be made: Read-only file system' run $job --results full/more
refuses '^ftgpu: full/model: the directory cannot be made: Read-only file system' model init --size nano --out full/model
expect_same_files
umount full
finish
