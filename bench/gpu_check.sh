#!/bin/sh
# Checks and measures the CUDA backend on GPU 0 of this machine, which needs nvcc, cmake and a C compiler and nothing else: no
# network, no oneDNN, no cJSON, no Criterion. Builds; runs the table of operations against ref; runs it under compute-sanitizer;
# times every operation against the device's own limits, and attention and softmax against cuDNN's; times training steps and
# forecasts from tiny to large. Writes bench/results/<card>.json and .md, in which a stage that failed, ran out of its time or
# could not run is recorded as such. All of it ends within nine minutes.
#
# usage: bench/gpu_check.sh [--simulate] [--build DIR] [--out DIR] [--ftgpu PROGRAM]
#   --simulate   the same stages without a GPU, by tests/simt and at tiny shapes: a rehearsal of this script, whose numbers say
#                nothing of a GPU and stay in the build directory
#   --ftgpu      the whole program, built with CUDA: then a sweep is timed as well (bench/sweep.sh), beside PyTorch + PEFT + ChronosPipeline where
#                python3 has them
# Exit status: 0 all stages went well, 1 one did not.
set -u
cd "$(dirname "$0")/.." || exit 1
simulate='' build='' out='' ftgpu=''
usage() {
    echo "usage: bench/gpu_check.sh [--simulate] [--build DIR] [--out DIR] [--ftgpu PROGRAM]" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
    --simulate) simulate=yes ;;
    --build) [ $# -gt 1 ] || usage; shift; build=$1 ;;
    --out) [ $# -gt 1 ] || usage; shift; out=$1 ;;
    --ftgpu) [ $# -gt 1 ] || usage; shift; ftgpu=$1 ;;
    *) usage ;;
    esac
    shift
done
if [ "$simulate" ]; then
    build=${build:-build/gpu_check_simulated} out=${out:-$build/results}
    kind=SIMULATED cuda=OFF sizes=nano job='1 16 4 2 2'
else
    build=${build:-build/gpu_check} out=${out:-bench/results}
    kind=ON cuda=ON sizes='tiny mini small base large' job='8 512 64 32 20'
fi
work=$build/gpu_check
mkdir -p "$work" "$out" || exit 1
rm -f "$work"/*.tsv "$work"/*.log
: >"$work/stages.tsv"
started=$(date +%s)
total_seconds=525
nvcc=$(command -v nvcc || ls "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" 2>/dev/null)
PATH=$PATH:${CUDA_HOME:-/usr/local/cuda}/bin

# note NAME STATUS SECONDS DETAIL: a line of the record.
note() {
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$(printf %s "$4" | tr '\t' ' ')" >>"$work/stages.tsv"
    printf '%-12s %-9s %4s s  %s\n' "$1" "$2" "$3" "$4"
}

# stage NAME SECONDS COMMAND...: runs the command for at most so long, and not beyond the end of all; its output becomes
# NAME.tsv, what it says of errors NAME.log.
stage() {
    name=$1 limit=$2
    shift 2
    begun=$(date +%s)
    left=$((total_seconds - begun + started))
    [ "$limit" -le "$left" ] || limit=$left
    if [ "$limit" -lt 2 ]; then
        note "$name" "timed out" 0 "no time was left for it"
        return 1
    fi
    status=0
    timeout -k 5 "$limit" "$@" >"$work/$name.tsv" 2>"$work/$name.log" || status=$?
    took=$(($(date +%s) - begun))
    case $status in
    0) note "$name" ok "$took" "" ;;
    124 | 137) note "$name" "timed out" "$took" "after $limit s; what it had measured until then is below" ;;
    *) note "$name" failed "$took" "status $status: $(cat "$work/$name.log" "$work/$name.tsv" | grep -v '^$' | tail -n 1 | cut -c 1-200)" ;;
    esac
    return $status
}

# -- the stages; each as a function, run by a shell of its own so that timeout can end it --

architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d .)
cat >"$work/stages.sh" <<EOF
build_all() {
    cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DFTGPU_GPU_CHECK=$kind -DFTGPU_CUDA=$cuda \\
        "-DFTGPU_CUDA_ARCHITECTURES=${architecture:-80;90;100}" &&
        cmake --build "$build" --parallel "$(nproc)"
}
each_size() { # COMMAND...: one size that fails leaves the others measured
    worst=0
    for size in $sizes; do "\$@" \$size $job || worst=\$?; done
    return \$worst
}
bench_ops() {
    each_size "$build/gpu_bench" ops
}
bench_jobs() {
    each_size "$build/gpu_bench" train,forecast
}
sanitize() { # TOOL SMALLEST OPERATION...
    tool=\$1 smallest=\$2
    shift 2
    compute-sanitizer --tool \$tool --error-exitcode 9 "$build/run_ops" --smallest \$smallest --stop "\$@"
}
cudnn() {
    cmake --build "$build" --target cudnn_peer >&2 || return
    each_size "$build/cudnn_peer"
}
"\$@"
EOF

if stage build 140 sh "$work/stages.sh" build_all; then
    if [ "$simulate" ]; then
        stage tests 120 "$build/run_ops" --smallest 6
    else
        stage tests 60 "$build/run_ops"
    fi
    # Races are looked for in our own kernels, memory errors also in what is handed to cuBLASLt.
    own=$(cut -f 1 "$work/tests.tsv" | sort -u | grep -v 'linear\|weight')
    for tool in memcheck racecheck; do
        if [ "$simulate" ]; then
            note $tool skipped 0 "compute-sanitizer runs on GPUs alone"
        elif command -v compute-sanitizer >/dev/null; then
            # shellcheck disable=SC2046,SC2086
            stage $tool 70 sh "$work/stages.sh" sanitize $tool $([ $tool = memcheck ] && echo 12 || echo 8 $own)
        else
            note $tool missing 0 "compute-sanitizer is not installed"
        fi
    done
    stage operations 100 sh "$work/stages.sh" bench_ops
    stage jobs 80 sh "$work/stages.sh" bench_jobs
    if [ "$simulate" ]; then
        note sweep skipped 0 "a sweep needs the whole program"
    elif [ "$ftgpu" ]; then
        python=none
        ! python3 -c 'import chronos, peft' 2>/dev/null || python=python3
        stage sweep 120 bench/sweep.sh --ftgpu "$ftgpu" --python $python --device cuda --dtype bf16 --sizes small --configs 3 --repetitions 1 --out "$out"
    else
        note sweep missing 0 "no program was named by --ftgpu"
    fi
    if [ "$simulate" ]; then
        note cudnn skipped 0 "cuDNN runs on GPUs alone"
    elif grep -q '^CUDNN_LIBRARY:.*NOTFOUND$' "$build/CMakeCache.txt" || grep -q '^CUDNN_INCLUDE:.*NOTFOUND$' "$build/CMakeCache.txt"; then
        note cudnn missing 0 "libcudnn or its header is not installed"
    else
        stage cudnn 60 sh "$work/stages.sh" cudnn
    fi
else
    sed -n '/error/p' "$work/build.log" "$work/build.tsv" | head -n 20 >&2
fi
rm -f "$work/build.tsv"

# -- the record --

card=$("$build/gpu_bench" device 2>/dev/null || nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1)
card=${card:-no GPU}
[ "$card" != "no GPU" ] || out=$work # nothing was measured on any card
file=$out/$(printf %s "$card" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9._-')
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
compiler=$([ "$simulate" ] && echo "tests/simt" || "$nvcc" --version 2>/dev/null | sed -n 's/.*release \([0-9.]*\).*/nvcc \1/p')
driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1)
for part in tests operations jobs cudnn; do [ -e "$work/$part.tsv" ] || : >"$work/$part.tsv"; done

# The columns of each part. Those of cuDNN get our own time, found by operation, size and place, beside theirs.
stages_columns='stage status seconds detail'
tests_columns='operation dtype shapes passed worst_error bound wrong'
operations_columns='operation size place shape microseconds gb_per_s tflops limit fraction_of_floor failure'
jobs_columns='job size batch_size seconds tokens_per_second tflops matrix_peak_tflops fraction_of_peak failure'
cudnn_columns='operation size place shape cudnn_microseconds ftgpu_microseconds cudnn_over_ftgpu failure'
awk -F '\t' -v OFS='\t' 'NR == FNR { ours[$1, $2, $3] = $5; next }
    { mine = ours[$1, $2, $3]; print $1, $2, $3, $4, $5, mine, mine > 0 && $5 > 0 ? sprintf("%.3g", $5 / mine) : "", $6 }' \
    "$work/operations.tsv" "$work/cudnn.tsv" >"$work/compared.tsv"
mv "$work/compared.tsv" "$work/cudnn.tsv"

# as_json PART: an array of objects, numbers as numbers, what is empty as null.
as_json() {
    eval "columns=\$${1}_columns"
    awk -F '\t' -v columns="$columns" '
        function text(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); gsub(/[\001-\037]/, " ", s); return "\"" s "\"" }
        function value(s) { return s == "" ? "null" : s ~ /^-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?$/ ? s : text(s) }
        BEGIN { n = split(columns, name, " "); printf "[" }
        { printf("%s\n    {", NR > 1 ? "," : "")
          for (i = 1; i <= n; i++) printf("%s\"%s\": %s", i > 1 ? ", " : "", name[i], value($i))
          printf("}") }
        END { printf("%s]", NR ? "\n  " : "") }' "$work/$1.tsv"
}

# as_table PART TITLE
as_table() {
    [ -s "$work/$1.tsv" ] || return 0
    eval "columns=\$${1}_columns"
    printf '\n## %s\n\n' "$2"
    awk -F '\t' -v columns="$columns" '
        BEGIN { n = split(columns, name, " ")
                for (i = 1; i <= n; i++) { gsub(/_/, " ", name[i]); printf "| %s ", name[i] }
                print "|"; for (i = 1; i <= n; i++) printf "|---"; print "|" }
        { for (i = 1; i <= n; i++) { gsub(/\|/, "\\|", $i); printf "| %s ", $i }; print "|" }' "$work/$1.tsv"
}

{
    printf '{\n  "card": "%s",\n  "simulated": %s,\n  "date": "%s",\n  "commit": "%s",\n  "compiler": "%s",\n  "driver": "%s"' \
        "$card" "$([ "$simulate" ] && echo true || echo false)" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$commit" "$compiler" "$driver"
    for part in stages tests operations jobs cudnn; do printf ',\n  "%s": %s' $part "$(as_json $part)"; done
    printf '\n}\n'
} >"$file.json"
{
    printf '# %s\n\n' "$card"
    [ -z "$simulate" ] || printf 'A rehearsal by the simulator: these numbers say nothing of a GPU.\n\n'
    printf '%s, commit %s, %s%s. Written by bench/gpu_check.sh.\n' "$(date -u +%Y-%m-%d)" "$commit" "$compiler" "${driver:+, driver $driver}"
    as_table stages 'Stages'
    as_table jobs 'Training steps and forecasts, bf16'
    as_table operations "Operations, bf16: against the device's copy and matrix rates"
    as_table cudnn "Beside cuDNN"
    as_table tests 'Operations against double arithmetic'
} >"$file.md"
echo "wrote $file.json and $file.md, $(($(date +%s) - started)) s in all"
! grep -Eq '	(failed|timed out)	' "$work/stages.tsv"
