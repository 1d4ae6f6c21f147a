# Cores and memory are what a container, Slurm or systemd leaves the process, not what the
# machine has.
. "$E2E/lib.sh"

# value KEY: of the CPU, as `ftgpu devices` tells it.
value() {
    ft devices --format json
    expect_status 0
    sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" out | head -n 1
}

[ "$(SLURM_CPUS_PER_TASK=1 value threads)" = 1 ] || fail "SLURM_CPUS_PER_TASK=1: $(SLURM_CPUS_PER_TASK=1 value threads) threads"

# Real groups, where this process may make them: version 1 has a directory for each
# controller.
made=
trap 'for group in $made; do rmdir "$group"; done' EXIT
# group CONTROLLER FILE VALUE...: makes a group with these limits; $group is empty where
# that cannot be.
group() {
    for group in /sys/fs/cgroup/$1/ftgpu_test.$$ /sys/fs/cgroup/ftgpu_test.$$ ''; do
        [ "$group" ] || return 0
        [ -d "$group" ] || mkdir "$group" 2>/dev/null || continue
        case $made in *"$group"*) ;; *) made="$made $group" ;; esac
        if [ -e "$group/$2" ]; then
            echo "$3" >"$group/$2"
            return
        elif [ -e "$group/$4" ]; then
            echo "$5" >"$group/$4"
            return
        fi
    done
}
# within GROUP KEY: the value as a process in the group has it.
within() {
    sh -c 'echo $$ >"$1/cgroup.procs"; exec "$2" devices --format json' - "$1" "$FTGPU" | sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p" | head -n 1
}
group cpu cpu.cfs_quota_us 100000 cpu.max '100000 100000'
if [ "$group" ]; then
    [ "$(within "$group" threads)" = 1 ] || fail "a quota of one processor: $(within "$group" threads) threads"
    inner=$group/inner
    if mkdir "$inner" 2>/dev/null; then
        [ "$(within "$inner" threads)" = 1 ] || fail "a group within a quota of one processor: $(within "$inner" threads) threads"
        rmdir "$inner"
    fi
else
    echo "no group with a quota could be made"
fi
group memory memory.limit_in_bytes 1073741824 memory.max 1073741824
if [ "$group" ]; then
    [ "$(within "$group" memory_bytes)" = 1073741824 ] || fail "a limit of 1 GiB: $(within "$group" memory_bytes) bytes"
else
    echo "no group with a limit of memory could be made"
fi
finish
