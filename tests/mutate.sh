#!/bin/sh
# Breaks the CUDA kernels, one small change at a time, and sees whether the table of
# operations (tests/ops) notices: each barrier and each wait is taken away, each mask
# comparison, each "+ 1"-like term of an index (tests/mutate/mutants.awk says which
# changes exactly). A mutant is compiled by itself against the simulator and runs the
# operations of its file: the smallest shapes, then all of them in all thread orders, and
# what survives that once more under AddressSanitizer, which sees reads out of place that
# change nothing. It is caught when one fails, crashes or does not end. What does not
# compile is not counted. Survivors that are known stand in tests/mutate/known.txt, with
# the reason; one that computes the same as the kernel as it is ("equivalent") can be
# caught by nobody and is not counted either, but listed.
#
# usage: tests/mutate.sh [--build DIR] [--split I/N] [--every K] [--list] [FILE...]
#   FILE         of kernels/cuda (default: all .cu and .h there); of a header all files
#                that include it are tried
#   --split I/N  only the I-th of N shares, for several machines or cores (each with a
#                --build of its own)
#   --every K    only each K-th mutant: a sample
#   --list       prints the mutants and runs none
# Results are kept in DIR/mutants.tsv, so that the same command goes on where it was
# stopped. Tried again are all mutants of a file that has changed since and, when the
# tests have, survivors, but for those that are equivalent. All take an hour or two of a
# core.
# Exit status: 0 at least 95 % caught and every survivor known; 1 not so; 2 wrong usage,
# or the kernels fail as they are.
set -eu
cd "$(dirname "$0")/.."
root=$PWD build=build/mutate share=0 shares=1 every=1 list=
usage() {
    sed -n 's/^# usage: /usage: /p' "$root/tests/mutate.sh" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
    --build) [ $# -gt 1 ] || usage; shift; build=$1 ;;
    --split) [ $# -gt 1 ] || usage; shift; share=$((${1%/*} - 1)) shares=${1#*/} ;;
    --every) [ $# -gt 1 ] || usage; shift; every=$1 ;;
    --list) list=yes ;;
    -*) usage ;;
    *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || set -- kernels/cuda/*.cu kernels/cuda/*.h
for file in "$@"; do
    case $file in
    kernels/cuda/*.cu | kernels/cuda/*.h) [ -e "$file" ] || { echo "mutate.sh: $file does not exist" >&2; exit 2; } ;;
    *) echo "mutate.sh: $file: files of kernels/cuda are mutated, named from the repository's root" >&2; exit 2 ;;
    esac
done
tab=$(printf '\t')

mkdir -p "$build"
build=$(cd "$build" && pwd)
results=$build/mutants.tsv
touch "$results"

# All mutants that are asked for: file, then the fields of mutants.awk.
for file in "$@"; do
    awk -f tests/mutate/mutants.awk "$file" | sed "s|^|$file$tab|"
done | awk -v every="$every" -v share="$share" -v shares="$shares" 'NR % every == 0 && NR / every % shares == share' >"$build/wanted.tsv"
if [ "$list" ]; then
    cut -f 1,2,5-7 "$build/wanted.tsv"
    exit 0
fi

OMP_WAIT_POLICY=passive ASAN_OPTIONS=detect_leaks=0:symbolize=0:${ASAN_OPTIONS-}
export OMP_WAIT_POLICY ASAN_OPTIONS
quietly() {
    "$@" >"$build/log" 2>&1 || { tail -n 30 "$build/log" >&2; echo "mutate.sh: $1 failed" >&2; exit 2; }
}
for how in plain checked; do
    sanitize=OFF
    [ $how = plain ] || sanitize=ON
    quietly cmake -S . -B "$build/$how" -DCMAKE_BUILD_TYPE=Release -DFTGPU_GPU_CHECK=SIMULATED -DFTGPU_CUDA=OFF \
        -DFTGPU_SANITIZE=$sanitize -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
    quietly cmake --build "$build/$how" --target run_ops --parallel "$(nproc)"
done

# The operations that a .cu file implements; a file that only helps others has those of
# its family (attention_tile: attention_*).
operations_of() {
    grep -ho 'base->[a-z_]* = ' "$1" | sed 's/base->//; s/ = //' | grep -Fxf "$build/operations" && return
    family=$(basename "$1" .cu)
    for sibling in kernels/cuda/"${family%%_*}"*.cu; do
        grep -ho 'base->[a-z_]* = ' "$sibling" | sed 's/base->//; s/ = //' | grep -Fxf "$build/operations" || true
    done
}
sed -n 's/^    OP(\([a-z_]*\), .*/\1/p' tests/ops/cases.h >"$build/operations"

# The .cu files through which a file is compiled, and by which its changes may show.
users_of() {
    case $1 in
    *.cu) echo "$1" ;;
    *) # directly or through another header
        grep -l "\"$1\"" kernels/cuda/*.h kernels/cuda/*.cu | while read -r user; do users_of "$user"; done | sort -u ;;
    esac
}

# make_program HOW FILE: run_ops of a build, with a .cu file compiled as there but headers
# of $build/tree before those of the root.
make_program() {
    name=$(basename "$2" .cu)
    command=$(grep -o "\"command\": \".*/simt/$name\\.cpp\"" "$build/$1/compile_commands.json" | head -n 1 |
        sed 's/^"command": "//; s/"$//; s/\\"/"/g; s/ -o [^ ]* / /')
    (cd "$build/$1" && eval "$(echo "$command" | sed "s| -DFT| -I$build/tree -DFT|")" -o mutant.o &&
        eval "$(sed "s| -o run_ops | mutant.o -o mutant_$name |" CMakeFiles/run_ops.dir/link.txt)") >"$build/log" 2>&1
}

# Tensor cores are for bf16 alone, which leaves little of it to the other kernels of
# attention.
types_of() { # FILE
    case $1 in
    *_mma*) echo --dtype bf16 ;;
    */attention.cu | */attention_backward.cu) echo --dtype f32 ;;
    esac
}

# run SECONDS PROGRAM OPERATIONS OPTION...: seconds of processor time, so that other work
# on the machine turns nobody into a mutant that does not end.
run() {
    seconds=$1 program=$2 operations_run=$3
    shift 3
    # shellcheck disable=SC2086,SC3045
    (ulimit -t "$seconds"; timeout -k 2 1800 "$build/$program" --stop "$@" $operations_run || exit 1) >"$build/said" 2>&1
}

tests=$(cat tests/ops/*.[ch] tests/simt/*.* tests/simt/include/* | cksum | tr ' ' -)

# The kernels as they are must pass, or nothing that follows means anything.
users=$(for file in "$@"; do users_of "$file"; done | sort -u)
operations=$(for user in $users; do operations_of "$user"; done | sort -u)
# shellcheck disable=SC2086
passed=$build/passed.$(cat kernels/cuda/*.h $users | cksum | tr ' ' -).$tests
if [ "$operations" ] && [ ! -e "$passed" ]; then
    run 300 plain/run_ops "$operations" --orders && run 600 checked/run_ops "$operations" ||
        { cat "$build/said" >&2; echo "mutate.sh: the kernels fail as they are" >&2; exit 2; }
    touch "$passed"
fi

# run_mutant SECONDS HOW OPTION...: the mutant of $user.
run_mutant() {
    limit=$1 how=$2
    shift 2
    # shellcheck disable=SC2046
    run "$limit" "$how/mutant_$(basename "$user" .cu)" "$(operations_of "$user")" $(types_of "$user") "$@"
}

# try FILE LINE AT BYTES REPLACEMENT: sets $outcome: caught, survived or "does not
# compile". What costs least comes first.
try() {
    rm -rf "$build/tree"
    mkdir -p "$build/tree/kernels/cuda"
    { head -c $(($3 - 1)) "$1"; printf %s "$5"; tail -c +$(($3 + $4)) "$1"; } >"$build/tree/$1"
    users=
    # shellcheck disable=SC2046,SC2045,SC2012
    for user in $(ls -rS $(users_of "$1")); do # the smallest first
        [ -z "$(operations_of "$user")" ] || users="$users $user"
    done
    for user in $users; do
        outcome='does not compile'
        make_program plain "$user" || return 0
        outcome=caught
        run_mutant 20 plain --smallest 8 || return 0
    done
    # Of a header that many files use, the largest shapes show nothing that the others do
    # not.
    most=
    [ "$(echo "$users" | wc -w)" -le 5 ] || most='--smallest 24'
    for user in $users; do
        # shellcheck disable=SC2086
        run_mutant 100 plain --orders --smallest 12 && run_mutant 100 plain --orders $most || return 0
    done
    for user in $users; do
        make_program checked "$user"
        # shellcheck disable=SC2086
        run_mutant 150 checked $most || return 0
    done
    outcome=survived
}

# Why it is known that a mutant survives. It is found by its file, the text of its line
# and the change, since line numbers move.
reason_of() { # FILE LINE SHOWN REPLACEMENT
    file=$1 text=$(sed -n "$2p" "$1" | sed 's/^ *//') change="$3 -> ${4:-nothing}" awk -F ' ! ' '
        ($1 == ENVIRON["file"] || $1 == "*") && ($2 == ENVIRON["text"] || $2 == "*") && $3 == ENVIRON["change"] { print $4; exit }
        ' tests/mutate/known.txt
}

while IFS=$tab read -r file line at bytes shown replacement kind; do
    # An empty replacement makes read see one field less.
    [ "${kind-}" ] || { kind=$replacement; replacement=; }
    key=$(cat "$file" | cksum | tr ' ' -)
    case $(reason_of "$file" "$line" "$shown" "$replacement") in
    equivalent*) known=yes ;;
    *) known= ;;
    esac
    grep -F "$key$tab$file$tab$line$tab$at$tab" "$results" | tail -n 1 | awk -F "$tab" -v known=$known -v tests="$tests" '
        known || $5 != "survived" || $9 == tests { done = 1 }
        END { exit !done }' && continue
    try "$file" "$line" "$at" "$bytes" "$replacement"
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$key" "$file" "$line" "$at" "$outcome" "$kind" "$shown" \
        "${replacement:-nothing}" "$tests" >>"$results"
    [ "$outcome" = caught ] || echo "$file:$line: $kind: \"$shown\" to \"${replacement:-nothing}\": $outcome"
done <"$build/wanted.tsv"

# -- what came of it: of the mutants asked for, of the files as they are --

: >"$build/ran.tsv"
while IFS=$tab read -r file line at rest; do
    grep -F "$(cat "$file" | cksum | tr ' ' -)$tab$file$tab$line$tab$at$tab" "$results" | tail -n 1 >>"$build/ran.tsv"
done <"$build/wanted.tsv"

: >"$build/counted.tsv"
while IFS=$tab read -r key file line at outcome kind shown replacement rest; do
    if [ "$outcome" = survived ]; then
        reason=$(reason_of "$file" "$line" "$shown" "$replacement")
        echo "$file:$line: $kind: \"$shown\" to \"$replacement\": ${reason:-not known}"
        [ "$reason" ] || echo "    $file ! $(sed -n "${line}p" "$file" | sed 's/^ *//') ! $shown -> $replacement ! REASON"
        case $reason in
        '') outcome=unknown ;;
        equivalent*) outcome=equivalent ;;
        esac
    fi
    printf '%s\t%s\n' "$file" "$outcome" >>"$build/counted.tsv"
done <"$build/ran.tsv"

# A line a file, and one of all; the exit status says whether that is enough.
awk -F "$tab" '
    $2 == "does not compile" { next }
    !($1 in total) { files[++n_files] = $1; total[$1] = 0 }
    $2 == "equivalent" { equivalent[$1]++; next }
    { total[$1]++ }
    $2 == "caught" { caught[$1]++ }
    $2 == "unknown" { unknown++ }
    END {
        print ""
        for (i = 1; i <= n_files; i++) {
            file = files[i]
            printf "%s: %d of %d caught, %d equivalent\n", file, caught[file], total[file], equivalent[file]
            all += total[file]
            all_caught += caught[file]
            all_equivalent += equivalent[file]
        }
        printf "%d of %d mutants caught, %d unknown survivors, %d equivalent ones not counted\n", all_caught, all, unknown, all_equivalent
        exit !(all > 0 && all_caught >= 0.95 * all && unknown == 0)
    }' "$build/counted.tsv"
