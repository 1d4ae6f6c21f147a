# What must not keep a sweep's coordinator waiting, nor be blamed on a configuration:
# workers that do not begin, a journal that cannot be written, a suspended job, a limit on
# file sizes. test_sweep_allocations.sh is the same for memory.
. "$E2E/lib.sh"
. "$E2E/sweeps.sh"
[ "$epochs" -lt 24 ] || epochs=24 # processes are ended at epoch 4 at the latest
common="$common --device cpu" # else a process that looks for GPUs is the first child
short="--set epochs=4 $six --max-adapters 3 --workers 2"
must_timed sweep $common $short --name short
short_took=$took

# same NAME OTHER: two sweeps left the same.
same() {
    contents "$1" >expected
    contents "$2" >got
    cmp -s expected got || fail "$1 and $2: the results differ: $(diff expected got | head -5)"
}

# ended_within SECONDS: since $since, on an idle machine; else by as many sweeps longer.
ended_within() {
    took=$(($(date +%s) - since))
    [ "$took" -le $(($1 + 3 * short_took)) ] || fail "$ran: took $took s to end"
}

# begin_limited BYTES ARGUMENTS...: as begin, while no file may grow beyond a size. err
# may: cat writes it.
mkfifo pipe
begin_limited() {
    : >err
    cat pipe >err &
    bytes=$1
    shift
    ran="ftgpu $* (files of $bytes bytes at most)"
    prlimit --fsize="$bytes" "$FTGPU" "$@" >out 2>pipe &
    pid=$!
}
end_limited() {
    end
    wait
}

# The journal cannot be written: one line says so, the worker that waits for it ends, the
# other keeps what it has, and the same command goes on from there. One batch ends long
# before the other; by then the limit is on the coordinator alone.
uneven="--grid epochs=2,$epochs --grid learning_rate=1e-4,1e-3 --max-adapters 2 --workers 2"
must sweep $common $uneven --name uneven
begin_limited unlimited sweep $common $uneven --name unwritten
await err " epoch 1/$epochs "
prlimit --pid "$pid" --fsize=0
end_limited
expect_status 1
[ "$(grep -c '^ftgpu: ' err)" = 1 ] || fail "$ran: not one line: $(grep '^ftgpu: ' err)"
expect err '^ftgpu: results/fine_tuning/.sweeps/unwritten/journal.jsonl: .*File too large$'
expect_not err " epoch $epochs/$epochs "
must sweep $common $uneven --name unwritten
same uneven unwritten

# Suspended twice for longer than a worker may be silent: nobody is to blame. That is
# longer than the whole sweep takes.
long="--set epochs=$epochs $six --max-adapters 3 --workers 2"
must_timed sweep $common $long --name long
silent=$((2 * took))
: >err
setsid "$FTGPU" sweep $common $long --worker-timeout $silent --name suspended >out 2>err &
pid=$! ran="ftgpu sweep --name suspended"
for epoch in 2 4; do
    await err " epoch $epoch/$epochs "
    kill -s STOP -- "-$pid"
    sleep $((silent + 2))
    kill -s CONT -- "-$pid"
done
end
expect_status 0
expect_not err 'no sign of life'
expect err '6 of 6 experiments done, 0 of them failed'
same long suspended

# No file may grow beyond some size: that is what the message says, of whichever file, and
# no configuration has failed.
for limit in 2000 100000; do
    begin_limited $limit sweep $common $short --name limited
    end_limited
    expect_status 1
    expect err '^ftgpu: results/fine_tuning/.*: .*File too large'
    expect_not err 'disk full|ended by signal|failed:'
done
must sweep $common $short --name limited
same short limited

# In the first worker as it begins: fail_allocation.c sends it a signal there.
if ! can_preload libft_fail_allocation.so; then
    echo "without $library, or with AddressSanitizer: no worker dies as it begins"
    finish
fi

# begin_dying SIGNAL WORKERS ARGUMENTS...: in the workers of these numbers ("1": the
# first, "1-": all).
begin_dying() {
    : >err
    signal=$1 which=$2
    shift 2
    ran="ftgpu $* (signal $signal in worker $which)"
    LD_PRELOAD=$library FTGPU_FAIL_SIGNAL=$signal FTGPU_FAIL_PROCESS=$which FTGPU_FAIL_ALLOCATION=50 "$FTGPU" "$@" >out 2>err &
    pid=$!
    since=$(date +%s)
}

begin_dying 9 1 sweep $common $short --name dead
end
expect_status 0
expect err '^a worker ended before it began: its worker process was ended by signal 9'
same short dead

begin_dying 9 1- sweep $common $short --name all_dead --retries 3
end
expect_status 1
[ "$(grep -c 'ended before it began' err)" = 2 ] || fail "$ran: not three tries"
expect err '^ftgpu: workers end before they begin, 3 of them in a row: its worker process was ended by signal 9'
ended_within 10

silent=$((2 * short_took))
begin_dying 19 1 sweep $common $short --name hanging --worker-timeout $silent
end
expect_status 0
expect err "^a worker gave no sign of life for $silent s and is ended"
expect err "^a worker ended before it began: its worker process gave no sign of life for $silent s"
same short hanging

# Asked to stop while the first worker hangs, and while another does that begins when the
# first is at work.
for asked in INT TERM; do
    begin_dying 19 1 sweep $common $short --name "stopped_$asked"
    tries=0
    until ps -o stat= --ppid "$pid" | grep -q T; do
        tries=$((tries + 1))
        [ "$tries" -lt 3000 ] || { fail "$ran: the worker does not hang"; break; }
        sleep 0.1
    done
    since=$(date +%s)
    kill -s "$asked" "$pid"
    end
    case $asked in INT) expect_status 130 ;; *) expect_status 75 ;; esac
    expect err "^ftgpu: sweep \"stopped_$asked\" stopped before it began"
    ended_within 5
done
begin_dying 19 2 sweep $common $long --name later
await err " epoch 3/$epochs "
since=$(date +%s)
kill -TERM "$pid"
end
expect_status 75
ended_within 10
must sweep $common $long --name later
same long later
finish
