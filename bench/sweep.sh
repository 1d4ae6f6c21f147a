#!/bin/sh
# A grid of 18 configurations (2 learning rates x 3 lengths x 3 weight decays) on the demo
# data: by PyTorch + PEFT + ChronosPipeline, one after the other
# (bench/peers/torch_sweep.py), and by `ftgpu sweep`. Same windows, batches, samples and
# metrics on both sides. Prints a table with each goal beside what was measured and writes
# it, with all figures, to bench/results/sweep-<device>.md and .json.
#
# usage: bench/sweep.sh [option...]
#   --ftgpu PROGRAM      (build/ftgpu)
#   --python PROGRAM     a Python with tests/oracle/requirements.txt (python3); "none":
#                        ftgpu alone
#   --sizes 'SIZE...'    ('nano tiny')
#   --repetitions N      of everything, in turn, so that a busy minute meets both sides
#                        (3); medians count
#   --peer-configs N     the peer trains only the first N of the 18, and its times are
#                        scaled to all: training by epochs, evaluation by number. It
#                        trains one after the other, so that nothing else changes. (18)
#   --configs N          only the first N of the 18 on both sides, and no other schedule:
#                        a short look (18)
#   --threads N (2), --device cpu|cuda (cpu), --dtype f32|bf16 (f32),
#   --out DIR (bench/results)
#   --peer-options 'OPTION...'   for torch_sweep.py, e.g. '--threads 1' or '--series 64':
#                                what is best on this machine
#
# Training of ftgpu is all that is not evaluation: start, steps, val_loss, checkpoints,
# records. Of the peer it is steps and val_loss alone. The peer runs with
# OMP_WAIT_POLICY=passive, so that on a machine that others use too no thread burns time
# while it waits, as none of ftgpu does.
set -u
cd "$(dirname "$0")/.." || exit 1
ftgpu=build/ftgpu python=python3 sizes='nano tiny' repetitions=3 peer_configs=18 configs=18 threads=2 device=cpu dtype=f32 out=bench/results peer_options=''
while [ $# -gt 0 ]; do
    if [ $# -lt 2 ]; then
        sed -n 's/^# usage:/usage:/p' "$0" >&2
        exit 2
    fi
    case $1 in
    --ftgpu) ftgpu=$2 ;;
    --python) python=$2 ;;
    --sizes) sizes=$2 ;;
    --repetitions) repetitions=$2 ;;
    --peer-configs) peer_configs=$2 ;;
    --configs) configs=$2 ;;
    --threads) threads=$2 ;;
    --device) device=$2 ;;
    --dtype) dtype=$2 ;;
    --out) out=$2 ;;
    --peer-options) peer_options=$2 ;;
    *)
        echo "bench/sweep.sh: $1: no such option" >&2
        exit 2
        ;;
    esac
    shift 2
done
[ "$configs" = 18 ] || peer_configs=$configs
case $ftgpu in */*) ftgpu=$(cd "$(dirname "$ftgpu")" && pwd)/$(basename "$ftgpu") ;; esac
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" || exit 1
: >"$work/times.tsv"
root=$PWD

die() {
    echo "bench/sweep.sh: $*" >&2
    tail -n 5 "$work/log" >&2
    exit 1
}

now() { date +%s.%N; }

# look_at_processor: sets processor, the seconds of all that this shell has started and
# that has ended. No subshell, which has started nothing.
look_at_processor() {
    times >"$work/cpu"
    processor=$(tail -n 1 "$work/cpu" | tr 'ms' '  ' | awk '{ print $1 * 60 + $2 + $3 * 60 + $4 }')
}

# line SIZE WHO TRAINING EVALUATION WHOLE CPU
line() {
    printf '%s\t%s\t%.3f\t%.3f\t%.3f\t%.3f\n' "$@" >>"$work/times.tsv"
    printf '%-6s %-14s training %9.3f s, evaluation %8.3f s, whole %9.3f s, processor %9.3f s\n' "$@"
}

# number KEY FILE: a figure of the peer's JSON, which is one line.
number() {
    sed -n "s/.*\"$1\": \([0-9.e+-]*\).*/\1/p" "$2"
}

peer() { # SIZE
    # shellcheck disable=SC2086
    OMP_WAIT_POLICY=passive "$python" "$root/bench/peers/torch_sweep.py" --model "$work/$1" --data "$work/data" --threads "$threads" --device "$device" \
        --dtype "$([ "$dtype" = bf16 ] && echo bf16 || echo fp32)" --first "$peer_configs" $peer_options >"$work/peer.json" 2>"$work/log" ||
        die "the peer failed"
    cp "$work/peer.json" "$work/peer-$1.json"
    # shellcheck disable=SC2046
    # The first N of the grid have some of the 108 epochs that all have; the model before
    # tuning is evaluated besides.
    set -- "$1" $(for key in training_seconds evaluation_seconds training_cpu_seconds evaluation_cpu_seconds; do number $key "$work/peer.json"; done)
    awk -v n="$peer_configs" -v all="$configs" -v size="$1" -v t="$2" -v e="$3" -v tc="$4" -v ec="$5" 'BEGIN {
        for (i = 0; i < all; i++) { sum += substr("030510", int(i / 3) % 3 * 2 + 1, 2); if (i < n) epochs = sum }
        t *= sum / epochs; tc *= sum / epochs; e *= (all + 1) / (n + 1); ec *= (all + 1) / (n + 1)
        print size, "peer", t, e, t + e, tc + ec }' >"$work/line"
    read -r size who training evaluation whole cpu <"$work/line"
    line "$size" "$who" "$training" "$evaluation" "$whole" "$cpu"
}

# sweep SIZE WHO OPTION...
sweep() {
    size=$1 who=$2
    shift 2
    rm -rf "$work/results"
    look_at_processor
    cpu=$processor begun=$(now)
    "$ftgpu" sweep --model "$work/$size" --train "$work/data/train.csv" --val "$work/data/val.csv" --test "$work/data/test.csv" --target Close \
        --name sweep --results "$work/results" --device "$device" --dtype "$dtype" --threads "$threads" "$@" >/dev/null 2>"$work/log" ||
        die "ftgpu sweep failed"
    ended=$(now)
    look_at_processor
    cpu_after=$processor
    # "evaluation": {"seconds": ...} of every experiment, and once that of the baselines.
    cat "$work"/results/sweep_*/results.json | tr -d ' \n\t' | grep -o '"\(baseline_\)\{0,1\}evaluation":{"seconds":[0-9.e+-]*' |
        awk -F ':' '/baseline/ { baseline = $NF; next } { sum += $NF } END { print sum + baseline }' >"$work/evaluation"
    set -- "$begun" "$ended" "$cpu" "$cpu_after" "$(cat "$work/evaluation")"
    line "$size" "$who" "$(echo "$2 $1 $5" | awk '{ print $1 - $2 - $3 }')" "$5" "$(echo "$2 $1" | awk '{ print $1 - $2 }')" \
        "$(echo "$4 $3" | awk '{ print $1 - $2 }')"
}

"$ftgpu" data demo --out "$work/data" >"$work/log" 2>&1 || die "no demo data"
for size in $sizes; do
    "$ftgpu" model init --size "$size" --out "$work/$size" >"$work/log" 2>&1 || die "no model"
done
awk -v n="$configs" 'BEGIN {
    split("1e-4 5e-4", rate, " "); split("3 5 10", epochs, " "); split("0 0.01 0.1", decay, " "); printf "["
    for (i = 0; i < n; i++)
        printf "%s{\"learning_rate\": %s, \"epochs\": %s, \"weight_decay\": %s}", i ? ", " : "", rate[int(i / 9) + 1], epochs[int(i / 3) % 3 + 1], decay[i % 3 + 1]
    print "]" }' >"$work/list.json"
grid='--grid learning_rate=1e-4,5e-4 --grid epochs=3,5,10 --grid weight_decay=0,0.01,0.1'
longest='--grid learning_rate=1e-4,5e-4 --grid epochs=10 --grid weight_decay=0,0.01,0.1'
for repetition in $(seq "$repetitions"); do
    for size in $sizes; do
        echo "repetition $repetition"
        sweep "$size" ftgpu --configs "$work/list.json"
        [ "$python" = none ] || peer "$size"
        [ "$configs" = 18 ] || continue
        # shellcheck disable=SC2086
        {
            sweep "$size" one-at-a-time $grid --max-adapters 1
            sweep "$size" asha $grid --scheduler asha
            sweep "$size" constant-18 $grid --set lr_scheduler=constant
            sweep "$size" constant-6 $longest --set lr_scheduler=constant
        }
    done
done

# -- the record --

name=$("$ftgpu" devices 2>/dev/null | awk -v gpu="$([ "$device" = cpu ] || echo yes)" 'NR == 1 { next } gpu ? /^cuda/ : /^cpu/ { print; exit }' | cut -c 1-60)
[ "$device" = cpu ] && name=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
file=$out/sweep-$(printf %s "${name:-$device}" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9.-' | sed 's/--*/-/g; s/-*$//')
torch=$(sed -n 's/.*"torch": "\([^"]*\)".*/\1/p' "$work"/peer-*.json 2>/dev/null | head -n 1)

# Medians: size, who, training, evaluation, whole, cpu.
awk -F '\t' -v OFS='\t' '
    function median(key, column,   n, i, j, v, t) {
        n = split(values[key, column], v, " ")
        for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
        return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
    }
    { key = $1 OFS $2; if (!(key in seen)) { seen[key] = 1; order[++n_keys] = key }
      for (c = 3; c <= 6; c++) values[key, c] = values[key, c] " " $c }
    END { for (k = 1; k <= n_keys; k++) {
        printf "%s", order[k]; for (c = 3; c <= 6; c++) printf "\t%.3f", median(order[k], c); print "" } }' "$work/times.tsv" >"$work/medians.tsv"

# Goals: what, size, measured, goal; the last is a bound from above.
awk -F '\t' -v OFS='\t' '
    { t[$1, $2] = $3; e[$1, $2] = $4; w[$1, $2] = $5; cpu[$1, $2] = $6; if (!($1 in seen)) { seen[$1] = 1; size[++n] = $1 } }
    function goal(s, what, value, bound, at_most) {
        print s, what, sprintf("%.2f", value), bound == "" ? "" : (at_most ? "at most " : "at least ") bound,
            bound == "" ? "" : (at_most ? value <= bound : value >= bound) ? "reached" : "missed" }
    END { for (i = 1; i <= n; i++) { s = size[i]
        if ((s, "peer") in t) {
            goal(s, "training: peer / ftgpu", t[s, "peer"] / t[s, "ftgpu"], s == "nano" ? 5 : s == "tiny" ? 2.5 : "")
            goal(s, "evaluation: peer / ftgpu", e[s, "peer"] / e[s, "ftgpu"], 4.5)
            goal(s, "whole: peer / ftgpu", w[s, "peer"] / w[s, "ftgpu"], "")
            goal(s, "processor time, whole: peer / ftgpu", cpu[s, "peer"] / cpu[s, "ftgpu"], "")
            if ((s, "asha") in w) goal(s, "whole with asha: peer / ftgpu", w[s, "peer"] / w[s, "asha"], 8) }
        if (!((s, "asha") in w)) continue
        goal(s, "training under a constant schedule: 18 / 6", t[s, "constant-18"] / t[s, "constant-6"], 1.05, 1)
        goal(s, "training: one adapter at a time / as planned", t[s, "one-at-a-time"] / t[s, "ftgpu"], "") } }' "$work/medians.tsv" >"$work/goals.tsv"

note="$(date -u +%Y-%m-%d), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown), ${name:-$device}, $threads threads, $dtype${torch:+, torch $torch}, \
medians of $repetitions, load $(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null). Written by bench/sweep.sh"
if [ "$configs" != 18 ]; then
    note="$note; both sides trained the first $configs of the 18 configurations"
elif [ "$peer_configs" != 18 ]; then
    note="$note; the peer trained $peer_configs of the 18 configurations, its times are scaled to all"
fi
table() { # FILE COLUMN...
    awk -F '\t' -v columns="$2" 'BEGIN { n = split(columns, name, ","); for (i = 1; i <= n; i++) printf "| %s ", name[i]; print "|"
        for (i = 1; i <= n; i++) printf "|---"; print "|" } { for (i = 1; i <= n; i++) printf "| %s ", $i; print "|" }' "$1"
}
{
    printf '# A sweep of 18 configurations\n\n%s.\n\n' "$note"
    table "$work/goals.tsv" 'size,what,measured,goal,'
    printf '\nSeconds:\n\n'
    table "$work/medians.tsv" 'size,who,training,evaluation,whole,processor'
} >"$file.md"
rows() { # FILE KEY...: objects, numbers as numbers
    awk -F '\t' -v keys="$2" 'BEGIN { n = split(keys, key, ","); printf "[" }
        { printf("%s\n    {", NR > 1 ? "," : "")
          for (i = 1; i <= n; i++) printf("%s\"%s\": %s", i > 1 ? ", " : "", key[i], $i ~ /^[0-9.]+$/ ? $i : "\"" $i "\"")
          printf "}" }
        END { printf "\n  ]" }' "$1"
}
{
    printf '{\n  "note": "%s",\n  "goals": ' "$note"
    rows "$work/goals.tsv" size,what,measured,goal,reached
    printf ',\n  "medians": '
    rows "$work/medians.tsv" size,who,training,evaluation,whole,processor
    printf ',\n  "runs": '
    rows "$work/times.tsv" size,who,training,evaluation,whole,processor
    printf '\n}\n'
} >"$file.json"
echo
cat "$file.md"
echo "wrote $file.md and $file.json"
