# The power goes while a sweep runs: it must go on from what the file system then holds,
# to the bits of an undisturbed one.
# usage: FTGPU_POWER_CUTS=N (default 20) tests/e2e/run.sh FTGPU power_cut.sh
#
# The results are in a file system in an image. At a random moment all processes of the
# sweep are stopped, and the image is copied: what was not written to it by then is lost,
# as it would be. The copy is mounted, which replays the file system's journal, and the
# sweep is started on it. ext4, and xfs and btrfs where there is a mkfs for them.
if [ "${1-}" != inside ]; then
    # The mounts end with this name space, whatever becomes of the script.
    unshare -m true 2>/dev/null || { echo "skipped: needs root and a mount name space of its own"; exit 77; }
    exec unshare -m sh -eu "$0" inside
fi
. "$E2E/../e2e/lib.sh"
. "$E2E/sweep.sh"
arguments="$common --grid learning_rate=1e-3,1e-2 --workers 2"
mkdir disk after

kinds=
for kind in ext4 xfs btrfs; do
    command -v mkfs.$kind >/dev/null || continue
    # The smallest that each of them makes.
    truncate -s $([ $kind = ext4 ] && echo 16M || echo 320M) empty.$kind
    mkfs.$kind -q empty.$kind >mkfs.log 2>&1 && mount -o loop empty.$kind disk 2>>mkfs.log || continue
    umount disk
    kinds="$kinds $kind"
done
if [ -z "$kinds" ]; then
    echo "skipped: no image can be mounted here: $(tail -1 mkfs.log 2>/dev/null || echo no mkfs)"
    exit 77
fi

copy() { # FROM TO
    cp --sparse=always "$1" "$2"
}

# Killed processes may be a moment in going.
unmount() {
    tries=0
    until umount "$1" 2>unmounted; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || { fail "$(cat unmounted)"; finish; }
        sleep 0.1
    done
}

# Begins the sweep on a new file system of the kind. Sets $pid, which leads its process
# group.
begin_on_disk() { # KIND
    copy empty.$1 now.img
    mount -o loop now.img disk
    setsid "$FTGPU" $arguments --results "$place/disk/results" >out 2>err &
    pid=$!
}

# What an undisturbed sweep leaves, and how many milliseconds it takes on each kind.
for kind in $kinds; do
    started=$(date +%s%N)
    begin_on_disk $kind
    wait "$pid" || { fail "the undisturbed sweep on $kind: $(tail -1 err)"; finish; }
    eval "milliseconds_$kind=$((($(date +%s%N) - started) / 1000000))"
    signature disk/results >expected
    unmount disk
done

# Whether all processes of the group that are left stand still: a stopped one may still be
# in a call that writes.
all_stand() { # GROUP
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v group="$1" '$5 == group && $3 !~ /[TZX]/ { moving = 1 } END { exit moving }'
}

# Copies the image as it is when no process writes; what the kernel writes of itself
# meanwhile makes two copies differ.
cut_power() { # GROUP
    kill -s STOP -- -"$1" 2>/dev/null || true
    until all_stand "$1"; do sleep 0.01; done
    copy now.img cut.img
    copy now.img again.img
    while ! cmp -s cut.img again.img; do
        mv again.img cut.img
        copy now.img again.img
    done
    kill -s KILL -- -"$1" 2>/dev/null || true
}

check_after() { # KIND MILLISECOND
    before=$failures
    mount -o loop cut.img after || { fail "cut on $1 after $2 ms: the image cannot be mounted"; lost=$((lost + 1)); return; }
    for file in after/results/grid_*/results.json; do
        [ ! -e "$file" ] || [ "$(tail -c 2 "$file" | head -c 1)" = "}" ] || fail "cut on $1 after $2 ms: $file is cut off"
    done
    "$FTGPU" $arguments --results "$place/after/results" >out 2>err || fail "cut on $1 after $2 ms: started again: $(tail -1 err)"
    signature after/results >got 2>&1 || true
    cmp -s expected got || fail "cut on $1 after $2 ms: the results differ: $(diff expected got | grep '^[<>]' | head -5)"
    # The sweep was under way, and something had been recorded.
    grep -q '^going on' err && resumed=$((resumed + 1))
    unmount after
    [ "$failures" = "$before" ] || lost=$((lost + 1))
}

seed=$$ resumed=0 number=0 lost=0
while [ "$number" -lt "${FTGPU_POWER_CUTS-20}" ]; do
    for kind in $kinds; do
        seed=$(((seed * 1103515245 + 12345) % 2147483648))
        eval "most=\$milliseconds_$kind"
        pause=$((seed / 65536 % most))
        begin_on_disk $kind
        sleep "$(printf '%d.%03d' $((pause / 1000)) $((pause % 1000)))"
        cut_power $pid
        wait "$pid" 2>/dev/null || true
        unmount disk
        check_after $kind $pause
        number=$((number + 1))
    done
done
echo "power cuts: $number on$kinds, $resumed of them when something was recorded, $lost lost"
finish
