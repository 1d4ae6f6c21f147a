# Ranks of CPUs under OpenMPI's mpirun: they train each adapter batch together and get
# what one process gets; one of them alone speaks and writes; a sweep whose rank dies goes
# on when it is started again. Without a launcher no MPI is loaded.
. "$E2E/lib.sh"
. "$E2E/sweeps.sh"

skip() {
    echo "skipped: $*"
    exit 77
}
command -v mpirun >/dev/null || skip "no mpirun (package openmpi-bin)"
[ -e "$(dirname "$FTGPU")/libftgpu_mpi.so" ] || skip "built without MPI (package libopenmpi-dev)"
mpirun --version | grep -q 'Open MPI' || skip "this mpirun is not OpenMPI's"
# MPI keeps what it allocates until the end of the process.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS

# ranks N ARGUMENTS...: as ft, in N processes.
ranks() {
    n=$1
    shift
    status=0
    ran="mpirun -n $n ftgpu $*"
    mpirun --allow-run-as-root --oversubscribe -n "$n" "$FTGPU" "$@" >out 2>err || status=$?
}

# The losses, errors and baselines of all experiments of a sweep NAME, one a line.
figures() {
    cat results/fine_tuning/"$1"_*/results.json | sed -n 's/^ *"\(loss\|val_loss\|mae\|wql\)": \([-0-9.e]*\),*$/\2/p'
}

# expect_near NAME: the same figures as in the file `expected`, but for their last digits.
expect_near() {
    figures "$1" | paste - expected | awk -v name="$1" '
        NF != 2 { print "FAILED: " name " has another number of figures"; exit 1 }
        { off = ($1 - $2) / $2; if (off < 0) off = -off; if (off > most) most = off }
        END { printf "%s: %d figures, the largest relative difference is %.2g\n", name, NR, most; exit !(NR > 0 && most < 1e-5) }' ||
        fail "the figures of $1 are not those of one process"
}

common="${common%--train-last*} --train-last 120 --device cpu --dtype f32 --set batch_size=8"
short="$common --set epochs=3 --grid learning_rate=1e-4,1e-3 --grid lora_rank=2,4"
must sweep $short --name alone
figures alone >expected
for n in 2 4; do
    ranks "$n" sweep $short --name "of$n"
    expect_status 0
    expect_near "of$n"
    [ "$(ls results/fine_tuning | grep -c "^of${n}_00[1-4]_")" = 4 ] || fail "$ran: not one directory a configuration"
    [ "$(grep -l "\"ranks\": $n" results/fine_tuning/"of$n"_*/results.json | wc -l)" = 4 ] || fail "$ran: ranks are not recorded"
    [ "$(grep -c 'epoch 3/3' err)" = 4 ] || fail "$ran: each epoch should be told once"
    [ "$(grep -c '4 of 4 experiments done' err)" = 1 ] || fail "$ran: the end should be told once"
done
# The same ranks, the same bits.
ranks 2 sweep $short --name again
contents of2 >first
contents again >second
cmp -s first second || fail "two runs of two ranks differ: $(diff first second | head -5)"

# More ranks than an adapter has sequences, full training, and a scheduler that only rank
# 0 asks, whose answers depend on how many train at a time.
must sweep $common --set epochs=2 --set batch_size=1 --set adapter_type=full --grid learning_rate=1e-4,1e-3 --name alone1
figures alone1 >expected
ranks 4 sweep $common --set epochs=2 --set batch_size=1 --set adapter_type=full --grid learning_rate=1e-4,1e-3 --name full4
expect_status 0
expect_near full4
must sweep $common --set epochs=4 $six --scheduler asha --max-adapters 1 --name alone2
figures alone2 >expected
ranks 2 sweep $common --set epochs=4 $six --scheduler asha --max-adapters 1 --name asha2
expect_status 0
expect_near asha2

ranks 2 run $common --set epochs=2 --name single
expect_status 0
[ "$(grep -c '^experiment  *single_' out)" = 1 ] || fail "$ran: the experiment should be printed once: $(cat out)"

# What is wrong is told once, and all ranks end.
told_once() { # PATTERN
    expect_status 2
    [ "$(grep -c '^ftgpu: ' err)" = 1 ] || fail "$ran: $(grep -c '^ftgpu: ' err) messages instead of 1: $(cat err)"
    expect err "$1"
}
ranks 3 sweep $short --name bad --workers 2
told_once '^ftgpu: .*leave out --workers'
ranks 3 sweep $short --name bad --frobnicate
told_once 'frobnicate'
ranks 3 sweep $short --name bad --set lora_rank=2000000
told_once 'lora_rank'
ranks 2 run --model nowhere --train data/train.csv --val data/val.csv --test data/test.csv --target Close
told_once 'nowhere'
ranks 2 run --model model --train nowhere.csv --val data/val.csv --test data/test.csv --target Close
told_once 'nowhere.csv'
: >file
ranks 2 sweep $short --name bad --results file
told_once 'file'
ranks 2 sweep $short --learning --name alone
told_once 'learning'

# -- ranks that end --

# begin NAME LINE: starts a sweep in two ranks and waits until it tells the line; $pid is
# mpirun's.
[ "$epochs" -gt 30 ] && epochs=30
long="$common --set epochs=$epochs $six --max-adapters 3"
begin() {
    ran="mpirun -n 2 ftgpu sweep --name $1"
    : >err
    mpirun --allow-run-as-root --oversubscribe -n 2 "$FTGPU" sweep $long --name "$1" >out 2>err &
    pid=$!
    tries=0
    until grep -q "$2" err; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] && kill -0 "$pid" 2>/dev/null || { fail "$ran: never said $2"; sed 's/^/    /' err; finish; }
        sleep 0.1
    done
}
end() {
    status=0
    wait "$pid" || status=$?
}
# The process of rank N.
rank() {
    for child in $(pgrep -P "$pid"); do
        tr '\0' '\n' <"/proc/$child/environ" 2>/dev/null | grep -qx "OMPI_COMM_WORLD_RANK=$1" && echo "$child"
    done
}

# kill_rank_and_go_on RANK NAME: what the same command ends with after that is what is in
# the file expected.
kill_rank_and_go_on() {
    kill -KILL "$(rank "$1")"
    end
    [ "$status" != 0 ] || fail "$ran: status 0 though rank $1 was killed"
    ranks 2 sweep $long --name "$2"
    expect_status 0
    contents "$2" >got
    cmp -s expected got || fail "$2: after the death of rank $1 the results differ: $(diff expected got | head -5)"
}

ranks 2 sweep $long --name whole
expect_status 0
contents whole >expected
for who in 0 1; do
    begin "killed$who" " epoch 3/$epochs "
    [ "$who" = 1 ] && cat "/proc/$(rank 0)/maps" >maps
    kill_rank_and_go_on "$who" "killed$who"
done
expect maps 'libmpi\.so'
expect_not maps '/[^/]*(cuda|cublas|nccl|nvidia)[^/]*$'

# mpirun hands SIGUSR1 on: all ranks stop with a checkpoint.
begin requeue " epoch 3/$epochs "
kill -USR1 "$pid"
end
expect_status 75
[ -s results/fine_tuning/.sweeps/requeue/checkpoints/batch_1.safetensors ] || fail "no checkpoint was left"
begin requeue " epoch 3/$epochs "
kill -TERM "$pid"
end
[ "$status" != 0 ] || fail "$ran: status 0 though it was ended"
ranks 2 sweep $long --name requeue
expect_status 0
contents requeue >got
cmp -s expected got || fail "after a requeue the results differ: $(diff expected got | head -5)"

# They evaluate together, too, which takes its time here: rank 1 is busy as rank 0 is,
# where one that waits would be by a fiftieth; one that dies costs no experiment.
processor_time() { # PID: in ticks
    awk '{ print $14 + $15 }' "/proc/$1/stat"
}
must model init --size tiny --out tiny
long=$(echo "$common" | sed 's/--model model/--model tiny/; s/--eval-windows 2/--eval-windows 256/; s/context_length=32/context_length=512/')
long="$long --set epochs=1 --grid learning_rate=1e-4,1e-3 --max-adapters 2"
ranks 2 sweep $long --name evaluated
expect_status 0
contents evaluated >expected
for who in 0 1; do
    begin "evaluating$who" '2/2  epoch 1/1 '
    rank_0=$(rank 0) rank_1=$(rank 1)
    before_0=$(processor_time "$rank_0") before_1=$(processor_time "$rank_1") busy_0=0
    while [ "$busy_0" -lt 60 ]; do
        sleep 0.1
        busy_0=$(($(processor_time "$rank_0") - before_0))
    done
    busy_1=$(($(processor_time "$rank_1") - before_1))
    expect_not err '  val mae '
    [ $((5 * busy_1)) -gt "$busy_0" ] || fail "$ran: while they evaluate rank 0 computes for $busy_0 ticks, rank 1 for $busy_1"
    kill_rank_and_go_on "$who" "evaluating$who"
done

# Without a launcher nothing of MPI, CUDA or NCCL is loaded.
ran="ftgpu run"
"$FTGPU" run $common --set epochs=1000 --name watched >out 2>err &
pid=$!
tries=0
until grep -q ' epoch 1/' err; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] && kill -0 "$pid" 2>/dev/null || { fail "$ran: no epoch"; finish; }
    sleep 0.1
done
cat "/proc/$pid/maps" >maps
kill "$pid"
wait "$pid" || true
expect maps 'libdnnl'
expect_not maps '/[^/]*(mpi|open-rte|open-pal|pmix|cuda|cublas|nccl|nvidia)[^/]*$'
finish
