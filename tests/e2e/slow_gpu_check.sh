# bench/gpu_check.sh, rehearsed without a GPU: builds with the simulator in nvcc's place, runs its stages and writes its record.
. "$E2E/lib.sh"

root=$E2E/../..
if grep -q '^BOOST_CONTEXT_[A-Z]*:.*NOTFOUND$' "$(dirname "$FTGPU")/CMakeCache.txt"; then
    echo "there is no libboost-context-dev"
    exit 77
fi
before=$(ls "$root/bench/results" 2>/dev/null || true)
ran='gpu_check.sh --simulate'
status=0
"$root/bench/gpu_check.sh" --simulate --build "$PWD/build" --out "$PWD/results" >out 2>err || status=$?
expect_status 0
for stage in build tests operations jobs; do expect out "^$stage +ok "; done
for stage in memcheck racecheck sweep cudnn; do expect out "^$stage +skipped "; done
[ "$(ls results)" = "simulated-gpu-0.json
simulated-gpu-0.md" ] || fail "$ran: results holds: $(ls results)"
[ "$(ls "$root/bench/results" 2>/dev/null || true)" = "$before" ] || fail "$ran: it wrote into bench/results"

# Every operation passed, was timed, and stands in both files.
record=results/simulated-gpu-0
grep -o '^    {"operation": "[a-z_]*", "dtype"' $record.json | cut -d '"' -f 4 | sort -u >tested
[ "$(wc -l <tested)" = 19 ] || fail "$ran: $(wc -l <tested) operations were tested"
while read -r operation; do
    expect $record.json "^    \{\"operation\": \"$operation\", \"dtype\": \"bf16\", \"shapes\": 6, \"passed\": 6, "
    expect $record.json "^    \{\"operation\": \"$operation\", \"size\": \"nano\", .*\"microseconds\": [0-9.e+]*, .*\"fraction_of_floor\": [0-9.e-]+, \"failure\": null\}"
    expect $record.md "^\| $operation \| nano \|"
done <tested
expect $record.json '"job": "train", "size": "nano", "batch_size": 1, "seconds": [0-9.e-]+,'
expect $record.json '"job": "forecast", "size": "nano", "batch_size": null, "seconds": [0-9.e-]+,'
expect $record.json '"simulated": true'
expect $record.md 'say nothing of a GPU'
# It is JSON: a program that reads JSON takes it.
if command -v python3 >/dev/null; then python3 -m json.tool $record.json >/dev/null || fail "$ran: its JSON is none"; fi

# One process measures several jobs and batch sizes of one model; begins behind operations that are there already; knows wrong usage.
gpu_bench() {
    status=0
    ran="gpu_bench $*"
    build/gpu_bench "$@" >out 2>err || status=$?
}
gpu_bench train,forecast nano 1,2 16 4 2 2
expect_status 0
[ "$(cut -f 1-3 out | tr '\t\n' '/ ')" = 'train/nano/1 train/nano/2 forecast/nano/ ' ] || fail "$ran: $(cat out)"
gpu_bench ops nano 1 16 4 2 2 42
expect_status 0
[ "$(cut -f 1 out | tr '\n' ' ')" = 'copy matrix product adamw ' ] || fail "$ran: $(cut -f 1 out)"
for wrong in 'train nano 1,0 16 4 2 2' 'train,ops nano 1 16 4 2 2' 'train nano 1 16 4 2' 'train nano 1 16 4 2 2 3' 'ops huge 1 16 4 2 2'; do
    # shellcheck disable=SC2086
    gpu_bench $wrong
    expect_status 2
done

# A stage that fails is recorded, the rest goes on and the exit status tells.
printf '#!/bin/sh\necho "the device fell off" >&2\nexit 3\n' >build/run_ops
mkdir bin
printf '#!/bin/sh\nexit 0\n' >bin/cmake
chmod +x build/run_ops bin/cmake
status=0
PATH=$PWD/bin:$PATH "$root/bench/gpu_check.sh" --simulate --build "$PWD/build" --out "$PWD/results" >out 2>err || status=$?
expect_status 1
expect out '^tests +failed .*status 3: the device fell off'
expect out '^jobs +ok '
expect $record.json '"stage": "tests", "status": "failed"'
finish
