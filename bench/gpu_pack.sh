#!/bin/sh
# Builds everything that bench/gpu_check.sh runs on a machine with a GPU, on any machine
# with nvcc: the GPU may be lent for minutes, and they should not go into compiling. The
# folder holds the programs, the shared libraries that they need beyond glibc and
# libstdc++, and the wheel of chronos-forecasting where pip can download it. A dry start
# in a root directory with glibc and libstdc++ alone shows that nothing is missing.
#
# usage: bench/gpu_pack.sh [--out DIR] [--architectures LIST] [--simulate] [--ftgpu PROGRAM]
#   --out            build/gpu; what is compiled on the way stays in DIR-build
#   --architectures  compute capabilities without their point, separated by semicolons
#                    (90: H100 and H200)
#   --simulate       tests/simt in the GPU's place, for a rehearsal of the check
#   --ftgpu          a program that is built already, instead of building one
set -eu
called_from=$PWD
cd "$(dirname "$0")/.."
out=build/gpu architectures=90 simulate='' ftgpu=''
usage() {
    sed -n 's/^# usage:/usage:/p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
    --simulate) simulate=yes ;;
    --out | --architectures | --ftgpu)
        [ $# -gt 1 ] || usage
        case $1 in
        --out) case $2 in /*) out=$2 ;; *) out=$called_from/$2 ;; esac ;;
        --architectures) architectures=$2 ;;
        --ftgpu) case $2 in /*) ftgpu=$2 ;; *) ftgpu=$called_from/$2 ;; esac ;;
        esac
        shift
        ;;
    *) usage ;;
    esac
    shift
done
out=${out%/}
most_mib=80 # as gzip packs it a third of that, so that it goes to a machine that is lent for minutes in seconds
build=$out-build

die() {
    echo "gpu_pack.sh: $*" >&2
    exit 1
}

# quietly COMMAND...: its output is shown where it fails.
mkdir -p "$build"
quietly() {
    "$@" >"$build/log" 2>&1 || {
        tail -n 40 "$build/log" >&2
        die "$1 failed; its output is above and in $build/log"
    }
}

# compile DIRECTORY TARGETS OPTION...: the loader will look for shared libraries in lib/
# beside the program. RPATH, not RUNPATH: it holds for what these libraries need, too.
compile() {
    directory=$1 targets=$2
    shift 2
    quietly cmake -S . -B "$directory" -DCMAKE_BUILD_TYPE=Release -DCMAKE_SKIP_BUILD_RPATH=ON \
        '-DCMAKE_EXE_LINKER_FLAGS=-Wl,-rpath,$ORIGIN/lib,--disable-new-dtags' "$@"
    # shellcheck disable=SC2086
    quietly cmake --build "$directory" --parallel "$(nproc)" --target $targets
}

if [ -d "$out" ] && [ "$(ls -A "$out")" ] && ! [ -e "$out/.gpu_pack" ]; then
    die "$out holds something else than a pack: name another directory"
fi
rm -rf "$out"
mkdir -p "$out/lib"
: >"$out/.gpu_pack" # that the folder is ours to remove
if [ "$simulate" ]; then
    compile "$build/check" 'run_ops gpu_bench' -DFTGPU_GPU_CHECK=SIMULATED -DFTGPU_CUDA=OFF
else
    compile "$build/check" 'run_ops gpu_bench' -DFTGPU_GPU_CHECK=ON -DFTGPU_CUDA=ON "-DFTGPU_CUDA_ARCHITECTURES=$architectures"
    cp "$build/check/libft_kernels.so" "$out/lib"
fi
cp "$build/check/run_ops" "$build/check/gpu_bench" "$out"
if [ -z "$ftgpu" ]; then
    # The kernels are compiled alike there: their objects need not be made twice.
    if [ -d "$build/check/cuda" ] && ! [ -d "$build/ftgpu" ]; then
        mkdir -p "$build/ftgpu/cuda"
        cp "$build"/check/cuda/*.o "$build/ftgpu/cuda"
    fi
    compile "$build/ftgpu" ftgpu -DFTGPU_TESTS=OFF -DFTGPU_CUDA=ON "-DFTGPU_CUDA_ARCHITECTURES=$architectures"
    ftgpu=$build/ftgpu/ftgpu
fi
git rev-parse --short HEAD >"$out/commit" 2>/dev/null || echo unknown >"$out/commit"
if [ "$simulate" ]; then
    echo tests/simt >"$out/compiler"
    ln -s "$ftgpu" "$out/ftgpu"
    echo "$out: for a rehearsal on this machine"
    exit 0
fi
nvcc=$(sed -n 's/^FTGPU_NVCC:[A-Z]*=//p' "$build/check/CMakeCache.txt")
"$nvcc" --version | sed -n 's/.*release \([0-9.]*\).*/nvcc \1/p' >"$out/compiler"
cp "$ftgpu" "$out/ftgpu"

# -- the shared libraries: all but those that every machine has --

is_everywhere() {
    case $1 in
    ld-linux* | linux-vdso* | libc.so.* | libm.so.* | libdl.so.* | librt.so.* | libpthread.so.* | libstdc++.so.* | libgcc_s.so.*) true ;;
    *) false ;;
    esac
}
# needs PROGRAM...: "NAME PATH" of each library that the loader takes for it here.
needs() {
    for program; do ldd "$program"; done | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' | sort -u
}
needs "$out"/ftgpu "$out"/run_ops "$out"/gpu_bench | while read -r name path; do
    is_everywhere "$name" || [ -e "$out/lib/$name" ] || cp -L "$path" "$out/lib/$name"
done

# -- PyTorch's side: the wheel is pure Python and is put on PYTHONPATH as it is --

python3 -m pip download -q --no-deps --only-binary=:all: -d "$out" chronos-forecasting >"$build/log" 2>&1 ||
    echo "the wheel of chronos-forecasting could not be downloaded: $(tail -n 1 "$build/log")"

# -- the dry start --

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/pack" "$root/proc/self" "$root/tmp"
cp -r "$out/." "$root/pack"
needs "$out/ftgpu" "$out/run_ops" "$out/gpu_bench" | while read -r name path; do
    if is_everywhere "$name"; then
        mkdir -p "$root$(dirname "$path")"
        cp -L "$path" "$root$path"
    fi
done
loader=$(ldd "$out/ftgpu" | awk '$1 ~ /^\/.*ld-linux/ { print $1 }')
mkdir -p "$root$(dirname "$loader")"
cp -L "$loader" "$root$loader"

# starts STATUS PATTERN PROGRAM ARGUMENT...: it ends with this status in the bare root and
# says something that matches.
starts() {
    expected=$1 pattern=$2 status=0
    shift 2
    ln -sf "$1" "$root/proc/self/exe" # by this the loader finds out where the program is
    if [ "$(id -u)" = 0 ]; then
        chroot "$root" "$@" >"$build/log" 2>&1 || status=$?
    else
        unshare --map-root-user --root "$root" "$@" >"$build/log" 2>&1 || status=$?
    fi
    if [ "$status" != "$expected" ] || ! grep -Eq "$pattern" "$build/log"; then
        die "in a bare root $* ended with status $status instead of $expected: $(tail -n 1 "$build/log")"
    fi
}
starts 0 '^ftgpu [0-9]' /pack/ftgpu --version
starts 0 'cpu' /pack/ftgpu devices
# They start, and end because there is no driver.
starts 2 '^gpu_bench: .*(GPU|CUDA|driver)' /pack/gpu_bench device
starts 2 '^run_ops: .*(GPU|CUDA|driver)' /pack/run_ops

size=$(du -sm --apparent-size "$out" | cut -f 1)
[ "$size" -le $most_mib ] || die "$out has $size MiB, more than $most_mib"
echo "$out: $size MiB; its programs start where there are glibc and libstdc++ alone"
