# Too little memory (an address space that ulimit bounds): one line that says what it was
# for, status 1, nothing half-written; of a sweep only the configuration that is too large
# fails. tests/fuzz/fail_allocation.c makes single allocations fail; this is the real
# thing.
if ldd "$FTGPU" | grep -q libasan; then
    echo "skipped: AddressSanitizer needs all of the address space"
    exit 77
fi
. "$E2E/lib.sh"
prepare_job

# with_memory KB ARGUMENTS...: as ft, within that much address space. Two threads: their
# stacks count too.
with_memory() {
    kilobytes=$1
    shift
    status=0
    ran="ftgpu $* (in $kilobytes KB)"
    (ulimit -v "$kilobytes" && exec "$FTGPU" "$@") >out 2>err || status=$?
}

# Status 1 and, beside progress, the one line.
expect_no_memory() { # PATTERN
    expect_status 1
    grep -v -e ' epoch [0-9]' -e '^evaluating' err >messages || true
    [ "$(wc -l <messages)" = 1 ] || fail "$ran: $(wc -l <messages) lines on stderr: $(cat messages)"
    expect messages "^ftgpu: $1"
}

# A batch of labels too many: recorded as a failed experiment, as a divergence is.
long="--model nano --data data/data.csv --split 0.7,0.15,0.15 --target Close --eval-windows 1 --threads 2 --set epochs=1
    --set context_length=2 --set prediction_length=100 --set window_stride=1"
with_memory 900000 run $long --set batch_size=1000 --name large
expect_no_memory 'large_[0-9_]+: a pass of [0-9]+ sequences of 3 . 101 tokens .a smaller batch_size or .*: out of memory: [0-9]+ bytes'
must show large
expect out 'failed +a pass of .*: out of memory: [0-9]+ bytes'
with_memory 900000 sweep $long --grid batch_size=1000,4 --name mixed
expect_status 3
expect err 'mixed_001_[0-9_]+ +failed: a pass of .*: out of memory: [0-9]+ bytes'
expect err 'experiments done, 1 of them failed'

# A ladder of address spaces from what the program cannot start in to what is enough: on
# each rung oneDNN, which makes its code in memory, OpenMP's threads or a pass may be what
# gets none. One line each time, never a signal; what a sweep began is recorded.
small="sweep --model nano --data data/data.csv --split 0.7,0.15,0.15 --target Close --eval-windows 1 --threads 2 --set epochs=1
    --set batch_size=8 --set context_length=8 --set prediction_length=2 --train-last 12 --grid lora_rank=2,4 --results ladder"
refused=0 recorded=0 whole=0 kilobytes=40000
while [ "$whole" -lt 2 ] && [ "$kilobytes" -lt 400000 ]; do
    kilobytes=$((kilobytes + 2500))
    (ulimit -v "$kilobytes" && exec "$FTGPU" --version) >out 2>err || continue
    rm -rf ladder
    with_memory "$kilobytes" $small
    case $status in
    0) whole=$((whole + 1)) ;;
    3)
        expect err '^experiment_00[12]_[0-9_]+ +failed: out of memory: [0-9]+ bytes for [a-z]'
        expect err '^2 of 2 experiments done, [12] of them failed'
        recorded=$((recorded + 1))
        ;;
    *)
        expect_no_memory 'out of memory: [0-9]+ bytes for [a-z]'
        refused=$((refused + 1))
        ;;
    esac
done
[ "$refused" -gt 3 ] && [ "$recorded" -gt 0 ] && [ "$whole" = 2 ] ||
    fail "the ladder: $refused starts refused, $recorded with failed experiments, $whole whole"

# Models, forecasts and data that do not fit.
remember_files
# A fresh model is drawn while it is written.
with_memory 400000 model init --size large --out large
expect_status 0
rm -r large
must model init --size mini --out mini
remember_files
with_memory 90000 model info mini
expect_no_memory 'out of memory: [0-9]+ bytes for [a-zA-Z0-9._]+$'
with_memory 90000 model merge --model mini --adapter mini --out merged
expect_no_memory 'out of memory: '
with_memory 300000 forecast --model nano --data data/data.csv --target Close --num-samples 100000 --horizon 20000 --threads 2
expect_no_memory 'out of memory: [0-9]+ bytes for the forecasts'
with_memory 300000 forecast --model nano --data data/data.csv --target Close --num-samples 50000 --horizon 20 --threads 2 --out f.csv
expect_no_memory '50000 sampled paths of 20 tokens for 1 series .fewer num_samples need less.: out of memory: [0-9]+ bytes'
expect_same_files
{
    echo Date,Close
    head -c 150000000 /dev/zero
} >large.csv
remember_files
with_memory 120000 data insights --train large.csv --target Close
expect_no_memory 'out of memory: [0-9]+ bytes for large.csv'
# A file is held once: then its fault is found.
with_memory 270000 data insights --train large.csv --target Close
expect_status 2
expect err '^ftgpu: large.csv:2: a NUL byte'
expect_same_files
finish
