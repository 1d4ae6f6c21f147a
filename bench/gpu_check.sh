#!/bin/sh
# Checks and measures the CUDA backend on GPU 0 within minutes. Needs what
# bench/gpu_pack.sh made, a driver and cuBLASLt. Some stages need compute-sanitizer, ncu
# or a python3 with PyTorch, transformers and PEFT besides: one that lacks its tool is
# recorded as missing.
#
# usage: gpu_check.sh [--packed DIR] [--out DIR] [--seconds N] [--only STAGE,...] [--after STAGE]
#   --packed   what gpu_pack.sh made (build/gpu)
#   --out      takes stages.tsv, results.tsv, failures.txt, clocks.csv, ncu.csv and
#              log.txt (build/gpu-results); bench/gpu_record.sh reads it
#   --seconds  all of it ends within this time (420)
#   --only     these stages alone;  --after: those that follow this one
#
# The stages, the most telling first: card tests model steps operations memcheck racecheck
# sweep pytorch large ncu compiled. What each runs is in bench/gpu_check/stages.sh. Each
# has a time limit of its own. Failed lines and a table of ten rows come last. The card's
# settings are not touched.
# Exit status: 0 all stages went well or lacked their tool, 1 one did not, 2 wrong usage.
set -u
called_from=$PWD
cd "$(dirname "$0")/.." || exit 1
packed=build/gpu out=build/gpu-results seconds=420 only='' after=''
all_stages='card tests model steps operations memcheck racecheck sweep pytorch large ncu compiled'
usage() {
    sed -n 's/^# usage:/usage:/p' "$0" >&2
    exit 2
}
from_caller() {
    case $1 in /*) echo "$1" ;; *) echo "$called_from/$1" ;; esac
}
while [ $# -gt 0 ]; do
    [ $# -gt 1 ] || usage
    case $1 in
    --packed) packed=$(from_caller "$2") ;;
    --out) out=$(from_caller "$2") ;;
    --seconds) seconds=$2 ;;
    --only) only=$2 ;;
    --after) after=$2 ;;
    *) usage ;;
    esac
    shift 2
done
case $seconds in '' | *[!0-9]*) usage ;; esac
stages=
for stage in $(echo "${only:-$all_stages}" | tr , ' '); do
    case " $all_stages " in
    *" $stage "*) case "$stages " in *" $stage "*) ;; *) stages="$stages $stage" ;; esac ;;
    *) echo "gpu_check.sh: $stage: no such stage; there are: $all_stages" >&2; exit 2 ;;
    esac
done
if [ "$after" ]; then
    case " $stages " in
    *" $after "*) stages=${stages#*"$after"} ;;
    *) echo "gpu_check.sh: --after $after: not one of:$stages" >&2; exit 2 ;;
    esac
fi
[ "$stages" ] || { echo "gpu_check.sh: no stage is left to run" >&2; exit 2; }
if ! [ -x "$packed/run_ops" ]; then
    echo "gpu_check.sh: $packed holds no programs: make them with bench/gpu_pack.sh, here or elsewhere" >&2
    exit 2
fi
packed=$(cd "$packed" && pwd)
simulated=$(grep simt "$packed/compiler" 2>/dev/null)
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
if command -v flock >/dev/null; then
    exec 9>"$out/lock"
    flock -n 9 || { echo "gpu_check.sh: $out: another run writes there; choose another --out" >&2; exit 2; }
fi
work=$(mktemp -d) || exit 1
clocks='' child=''
# A stage is a process group of its own, which timeout leads: no program may be left on
# the GPU.
end_stage() { [ -z "$child" ] || kill -s KILL -- "-$child" 2>/dev/null; }
trap 'end_stage; [ -z "$clocks" ] || kill "$clocks" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP PIPE
# With --only and --after the other stages' results stay.
for file in stages.tsv results.tsv failures.txt; do
    touch "$out/$file"
    [ "$only$after" ] || : >"$out/$file"
    awk -F '\t' -v again="$stages " 'index(again, " " $1 " ") == 0' "$out/$file" >"$work/kept" && cp "$work/kept" "$out/$file"
done
rm -f "$out/clocks.csv"
: >"$out/log.txt"
PATH=$PATH:${CUDA_HOME:-/usr/local/cuda}/bin # at the end: an environment's python3 comes first
export packed out work PATH
started=$(date +%s)

if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=timestamp,clocks.sm,clocks.mem,power.draw,temperature.gpu,utilization.gpu,clocks_event_reasons.active \
        --format=csv -l 1 >"$out/clocks.csv" 2>/dev/null 9>&- &
    clocks=$!
fi

# limit_of STAGE: its seconds. A rehearsal shares its few cores with other work.
limit_of() {
    case $1 in
    card) set -- 30 ;;
    tests | model | steps) set -- 90 ;;
    pytorch) set -- 120 ;;
    compiled) set -- 200 ;;
    *) set -- 60 ;;
    esac
    if [ "$simulated" ]; then echo $((10 * $1)); else echo "$1"; fi
}

# failed_lines STAGE: of its results, those with a failure.
failed_lines() {
    case $1 in
    tests | memcheck | racecheck) awk -F '\t' '$3 != $4 || $7 != ""' "$work/$1.tsv" ;;
    steps | large) awk -F '\t' '$10 != ""' "$work/$1.tsv" ;;
    operations) awk -F '\t' '$10 != ""' "$work/$1.tsv" ;;
    pytorch | compiled) awk -F '\t' '$5 == "" && $7 !~ /the time was up/' "$work/$1.tsv" ;;
    *) awk -F '\t' '{ for (i = 1; i <= NF; i++) if ($i == "failed") { print; next } }' "$work/$1.tsv" ;;
    esac
}

# run_stage STAGE: within its limit and the end of all.
run_stage() {
    name=$1
    begun=$(date +%s)
    left=$((seconds - begun + started)) limit=$(limit_of "$1") status=0 state=ok detail=''
    [ "$limit" -le "$left" ] || limit=$left
    : >"$work/$name.tsv"
    : >"$work/$name.log"
    if [ "$limit" -lt 3 ]; then
        status=124 limit=0
    else
        stage_end=$((begun + limit))
        export stage_end
        timeout -k 3 "$limit" sh bench/gpu_check/stages.sh "$name" >"$work/$name.tsv" 2>"$work/$name.log" </dev/null 9>&- &
        child=$!
        wait "$child" || status=$?
        end_stage
        child=
        # What a program had written when the stage's time was up.
        [ ! -s "$work/part.tsv" ] || cat "$work/part.tsv" >>"$work/$name.tsv"
        rm -f "$work/part.tsv" "$work/sanitizer.txt"
    fi
    took=$(($(date +%s) - begun))
    case $status in
    0) ;;
    77) state=missing detail=$(tail -n 1 "$work/$name.log" | cut -c 1-200) ;;
    124 | 137)
        if [ $status = 124 ] || [ $took -ge "$limit" ]; then
            state='timed out' detail="after $limit s; what it had measured until then is kept"
        else
            state=failed detail="killed after $took s: no memory left?"
        fi
        ;;
    *) state=failed detail="status $status: $(grep -v '^$' "$work/$name.log" | tail -n 1 | cut -c 1-200)" ;;
    esac
    [ "$state" != ok ] || [ -s "$work/$name.tsv" ] || state=failed detail='it measured nothing'
    failed_lines "$name" >"$work/failed"
    if [ -s "$work/failed" ]; then
        [ "$state" != ok ] || detail="$(wc -l <"$work/failed") of $(wc -l <"$work/$name.tsv") lines failed"
        [ "$state" != ok ] || state=failed
    fi
    awk -v stage="$name" '{ print stage "\t" $0 }' "$work/$name.tsv" >>"$out/results.tsv"
    awk -v stage="$name" '{ print stage "\t" $0 }' "$work/failed" >>"$out/failures.txt"
    { echo "== $name"; cat "$work/$name.log"; } >>"$out/log.txt"
    printf '%s\t%s\t%s\t%s\n' "$name" "$state" "$took" "$(printf %s "$detail" | tr '\t' ' ')" >>"$out/stages.tsv"
    printf '%-11s %-9s %4s s  %s\n' "$name" "$state" "$took" "$detail"
}

for stage in $stages; do run_stage "$stage"; done
[ ! -s "$work/ncu.csv" ] || cp "$work/ncu.csv" "$out/ncu.csv"

if [ -s "$out/failures.txt" ]; then
    printf '\nFailed lines (%s; the first 40 here, all in failures.txt):\n' "$(wc -l <"$out/failures.txt")"
    head -n 40 "$out/failures.txt" | cut -c 1-220
fi
echo
sh bench/gpu_check/summary.sh "$out"
echo "in all $(($(date +%s) - started)) s; $out holds everything; bench/gpu_record.sh $out makes it part of the repository"
! grep -Eq '	(failed|timed out)	' "$out/stages.tsv"
