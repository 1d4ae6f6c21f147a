#!/bin/sh
# Makes what bench/gpu_check.sh measured part of the repository: writes
# bench/results/<card>.json and .md, and fills the column "measured" of the table of
# floors in kernels/README.md.
#
# usage: bench/gpu_record.sh DIR [--root REPOSITORY]
#   DIR     what gpu_check.sh wrote with --out
#   --root  where bench/results and kernels/README.md are (this repository)
# Exit status: 0 done, 1 DIR holds no measurement of a card, 2 wrong usage.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
usage() {
    sed -n 's/^# usage:/usage:/p' "$0" >&2
    exit 2
}
[ $# = 1 ] || { [ $# = 3 ] && [ "$2" = --root ]; } || usage
from=$1 root=${3:-$here/..}
. "$here/gpu_check/columns.sh"

if ! [ -s "$from/stages.tsv" ] || ! [ -s "$from/results.tsv" ]; then
    echo "gpu_record.sh: $from: no stages.tsv and results.tsv of gpu_check.sh" >&2
    exit 1
fi
fact() { awk -F '\t' -v key="$1" '$1 == "card" && $2 == key { print $3; exit }' "$from/results.tsv"; }
card=$(fact card | tr -d '"\\|&')
if [ -z "$card" ]; then
    echo "gpu_record.sh: $from: no card is named there: its stage \"card\" must have run" >&2
    exit 1
fi
mkdir -p "$root/bench/results"
slug=$(printf %s "$card" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9._-')
file=$root/bench/results/${slug:-unknown}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$from/stages.tsv" "$work/stages.tsv"
for stage in $result_stages; do
    awk -F '\t' -v stage="$stage" '$1 == stage' "$from/results.tsv" | cut -f 2- >"$work/$stage.tsv"
done

# as_json PART: an array of objects, numbers as numbers, what is empty as null.
as_json() {
    awk -F '\t' -v columns="$(columns_of "$1")" '
        function text(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); gsub(/[\001-\037]/, " ", s); return "\"" s "\"" }
        function value(s) { return s == "" ? "null" : s ~ /^-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[-+]?[0-9]+)?$/ && columns != "key value" ? s : text(s) }
        BEGIN { n = split(columns, name, " "); printf "[" }
        { printf("%s\n    {", NR > 1 ? "," : "")
          for (i = 1; i <= n; i++) printf("%s\"%s\": %s", i > 1 ? ", " : "", name[i], value($i))
          printf("}") }
        END { printf("%s]", NR ? "\n  " : "") }' "$work/$1.tsv"
}

# as_table PART TITLE
as_table() {
    [ -s "$work/$1.tsv" ] || return 0
    printf '\n## %s\n\n' "$2"
    awk -F '\t' -v columns="$(columns_of "$1")" '
        BEGIN { n = split(columns, name, " ")
                for (i = 1; i <= n; i++) { gsub(/_/, " ", name[i]); printf "| %s ", name[i] }
                print "|"; for (i = 1; i <= n; i++) printf "|---"; print "|" }
        { for (i = 1; i <= n; i++) { gsub(/\|/, "\\|", $i); printf "| %s ", $i }; print "|" }' "$work/$1.tsv"
}

date=$(date -u -r "$from/stages.tsv" +%Y-%m-%d)
{
    printf '{\n  "card": "%s",\n  "date": "%s",\n  "commit": "%s",\n  "compiler": "%s",\n  "driver": "%s",\n  "stages": %s' \
        "$card" "$date" "$(fact commit)" "$(fact compiler)" "$(fact driver)" "$(as_json stages)"
    for stage in $result_stages; do printf ',\n  "%s": %s' "$stage" "$(as_json "$stage")"; done
    printf '\n}\n'
} >"$work/record.json"
{
    printf '# %s\n\n%s, commit %s, %s, driver %s. Measured by bench/gpu_check.sh, written by bench/gpu_record.sh.\n' \
        "$card" "$date" "$(fact commit)" "$(fact compiler)" "$(fact driver)"
    as_table stages 'Stages'
    as_table card 'The machine'
    as_table steps 'Training steps and forecasts, bf16'
    as_table large 'Size large'
    as_table pytorch 'PyTorch on the same card'
    as_table sweep 'A sweep of 18'
    as_table operations 'Operations, bf16, against their floors'
    as_table compiled 'PyTorch with torch.compile'
    as_table ncu 'Counters'
    as_table tests 'Operations against double arithmetic'
    as_table model 'The model against the reference backend'
    as_table memcheck 'Memory errors: operations under compute-sanitizer'
    as_table racecheck 'Races: operations under compute-sanitizer'
} >"$work/record.md"

# The rows of the table of floors name operations in their first cell, as
# `attention_forward`; their last cell takes what was reached.
awk -F '\t' -v OFS='\t' '$2 == "base" && $9 + 0 > 0 {
    if (!($1 in low) || $9 < low[$1]) low[$1] = $9
    if (!($1 in high) || $9 > high[$1]) high[$1] = $9 }
    END { for (name in low) print name, low[name], high[name] }' "$work/operations.tsv" >"$work/reached.tsv"
awk -v card="$card" -v date="$date" '
    NR == FNR { split($0, f, "\t"); low[f[1]] = f[2]; high[f[1]] = f[3]; next }
    /^\| operation \|/ { sub(/measured[^|]*\|$/, "measured: fraction of the floor, size base, " card ", " date " |"); print; inside = 1; next }
    inside && /^\| `/ {
        n = split($0, cell, "|"); names = cell[2]; least = most = ""
        while (match(names, /`[a-z_]+`/)) {
            name = substr(names, RSTART + 1, RLENGTH - 2); names = substr(names, RSTART + RLENGTH)
            if (!(name in low)) continue
            if (least == "" || low[name] < least) least = low[name]
            if (most == "" || high[name] > most) most = high[name]
        }
        # A figure of before would stand under the name of this card.
        cell[n - 1] = least == "" ? " " : sprintf(least == most ? " %.2f " : " %.2f to %.2f ", least, most)
        line = ""; for (i = 2; i < n; i++) line = line "|" cell[i]
        print line "|"; next
    }
    inside && !/^\|/ { inside = 0 }
    { print }' "$work/reached.tsv" "$root/kernels/README.md" >"$work/README.md"

cp "$work/record.json" "$file.json"
cp "$work/record.md" "$file.md"
echo "wrote $file.json and $file.md"
if [ -s "$work/reached.tsv" ]; then
    cp "$work/README.md" "$root/kernels/README.md"
    echo "filled the measured column of $root/kernels/README.md"
fi
