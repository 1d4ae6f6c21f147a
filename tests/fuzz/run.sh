#!/bin/sh
# Builds the fuzz targets and runs each for some time, starting from seeds/<target>.
# usage: run.sh [SECONDS [BUILD_DIRECTORY [TARGET...]]]
# Defaults: 60 seconds each, build/fuzz of the repository, all targets. Ends with 1 and the input
# that shows it where something was found, with 77 where there is no clang with libFuzzer.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
seconds=${1-60}
build=${2-$here/../../build/fuzz}
[ $# -lt 1 ] || shift
[ $# -lt 1 ] || shift
targets=${*:-csv dates safetensors checkpoint config adapter_config grid results sweep_store command_line}
CLANG=${CLANG-clang}

mkdir -p "$build"
build=$(cd "$build" && pwd)
echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return d && n > 9 ? 0 : 0; }' >"$build/probe.c"
if ! "$CLANG" -fsanitize=fuzzer,address "$build/probe.c" -o "$build/probe" 2>"$build/probe.log"; then
    echo "skipped: $CLANG with libFuzzer is needed (Debian: clang libclang-rt-14-dev)"
    exit 77
fi
cmake -S "$here" -B "$build" -DCMAKE_C_COMPILER="$CLANG" >"$build/cmake.log" 2>&1 || { cat "$build/cmake.log"; exit 1; }
cmake --build "$build" --parallel "$(nproc)" >"$build/build.log" 2>&1 || { tail -n 40 "$build/build.log"; exit 1; }

found=0
for target in $targets; do
    # Inputs that reached something new stay there and are begun with the next time.
    mkdir -p "$build/corpus/$target"
    log=$build/$target.log
    # close_fd_mask 3: what the program prints is not shown.
    status=0
    "$build/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=512 -max_len=8192 \
        -close_fd_mask=3 -print_final_stats=1 -artifact_prefix="$build/found_${target}_" "$build/corpus/$target" \
        "$here/seeds/$target" >"$log" 2>&1 </dev/null || status=$?
    # Nothing run is nothing shown, whatever the exit status says.
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    if [ "$status" = 0 ] && [ "${runs:-0}" -gt 0 ]; then
        echo "$target: $runs inputs, $covered edges, nothing found"
    else
        found=1
        echo "$target: FOUND something (exit status $status); the input is $build/found_${target}_*, the log $log:"
        tail -n 40 "$log"
    fi
done
exit $found
