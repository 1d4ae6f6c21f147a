#!/bin/sh
# Installs what is missing, builds, and runs the tests: once as they are, once under the
# Address and UndefinedBehavior sanitizers.
# usage: ./test.sh [--all]    --all adds the tests that take long (label "slow")
# FTGPU_CUDA=ON in the environment: a machine without nvcc fails, instead of testing
# without CUDA.
set -eu
cd "$(dirname "$0")"
. ./packages.sh

# One GPU architecture is enough to find what does not compile, and the plain build's
# simulator to find what the kernels get wrong; --all has all architectures, and the
# simulator under sanitizers too.
labels="-LE slow"
architectures=-DFTGPU_CUDA_ARCHITECTURES=90
sanitized_simulator=OFF
case "${1-}" in
"") ;;
--all)
    labels=
    architectures=-UFTGPU_CUDA_ARCHITECTURES
    sanitized_simulator=ON
    test_packages="$test_packages $slow_test_packages"
    ;;
*)
    echo "usage: ./test.sh [--all]" >&2
    exit 2
    ;;
esac

passed=0 failed=0
# Some tests wait more than they work: half as many again as there are cores keep all
# cores busy.
side_by_side=$((($(nproc) * 3 + 1) / 2))

# run_tests DIRECTORY: counts what ctest says of itself; without its summary line nothing
# passed.
run_tests() {
    log=$1/ctest.log
    # shellcheck disable=SC2086
    ctest --test-dir "$1" --output-on-failure --parallel "$side_by_side" $labels >"$log" 2>&1 || true
    counts=$(sed -n 's/^[0-9]*% tests passed, \([0-9]*\) tests\{0,1\} failed out of \([0-9]*\).*/\1 \2/p' "$log")
    if [ -z "$counts" ]; then
        tail -n 60 "$log" >&2
        echo "ctest said no result: $log" >&2
        failed=$((failed + 1))
        return
    fi
    # ctest counts a test that could not run on this machine among the passed.
    skipped=$(sed -n 's/^[ \t]*[0-9]* - \(.*\) (Skipped)$/\1/p' "$log")
    [ -z "$skipped" ] || echo "skipped in $1:" $skipped
    # shellcheck disable=SC2086
    set -- "$1" $skipped
    passed=$((passed + ${counts#* } - ${counts% *} - ($# - 1)))
    failed=$((failed + ${counts% *}))
    if [ "${counts% *}" != 0 ]; then
        cat "$log" >&2
        echo "failed in $1; the output is above and in $log" >&2
    fi
}

# shellcheck disable=SC2086
install_packages $build_packages $test_packages

echo "building and testing in build/test"
build build/test -DCMAKE_BUILD_TYPE=RelWithDebInfo -DFTGPU_WERROR=ON -DFTGPU_CUDA="${FTGPU_CUDA:-AUTO}" "$architectures"
if grep -Eq '^FTGPU_(NVCC|CUDART|CUDART_INCLUDE|CUBLASLT_INCLUDE):.*NOTFOUND' build/test/CMakeCache.txt; then echo "CUDA not built: no nvcc or headers"; fi
run_tests build/test

echo "building and testing with sanitizers in build/sanitize"
build build/sanitize -DCMAKE_BUILD_TYPE=RelWithDebInfo -DFTGPU_WERROR=ON -DFTGPU_SANITIZE=ON \
    -DFTGPU_SIMT="$sanitized_simulator"
ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1
UBSAN_OPTIONS=print_stacktrace=1
export ASAN_OPTIONS UBSAN_OPTIONS
run_tests build/sanitize

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
