#!/bin/sh
# tests/slots.sh: the issue slots of the kernels' loops, by kind, against their budgets.
#
# A GPU's scheduler issues one instruction of a warp a cycle, so the instructions of a loop
# are a bound of its time that is known without a GPU. A budget is a line beside a kernel
# in kernels/cuda/*.cu:
#
#   /* slots: NAME<ARGUMENTS> mma M plain P dropout D */
#
# M tensor-core instructions, P instructions without dropout and D with it, in one iteration
# of the kernel's longest loop in the machine code for sm_90, on the shortest path that has
# all of the loop's products and copies: rare branches are left out. A kernel without a loop
# is counted as a whole; a loop inside the loop counts once. It fails if a count is more than
# 5 % above its budget, or if the number of tensor-core instructions differs.
#
# NVCC and CUOBJDUMP name the programs; without them it says so and exits with 77.
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
nvcc=${NVCC:-$(command -v nvcc)}
cuobjdump=${CUOBJDUMP:-$(command -v cuobjdump)}
for program in "$nvcc" "$cuobjdump" "$(command -v c++filt)"; do
    if ! [ -x "$program" ]; then
        echo "skipped: needs nvcc and cuobjdump (NVCC and CUOBJDUMP name them) and c++filt"
        exit 77
    fi
done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

columns='%-52s %-8s %6s %6s %6s %7s %6s %7s %7s %6s\n'
printf "$columns" kernel '' matrix shared global special float integer control all
failed=0
for file in $(grep -l '^/\* slots: ' "$root"/kernels/cuda/*.cu); do
    "$nvcc" -std=c++17 -O3 -I"$root" $NVCC_OPTIONS -arch=sm_90 -cubin -o "$work/cubin" "$file" || exit 1
    "$cuobjdump" -sass "$work/cubin" | c++filt | awk -f "$root/tests/slots.awk" >"$work/counts"
    grep '^/\* slots: ' "$file" | sed 's/^.*slots: //; s/ *\*\/$//; s/ \(mma\|plain\|dropout\) /\t/g' >"$work/budgets"
    awk -F '\t' -v file="kernels/cuda/${file##*/}" -v columns="$columns" '
        NR == FNR { matrix[$1] = $2; most[$1, "plain"] = $3; most[$1, "dropout"] = $4; next }
        $1 in matrix {
            found[$1] = 1
            printf columns, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
            if ($10 > 1.05 * most[$1, $2]) wrong($1 ", " $2 ": " $10 " slots, its budget is " most[$1, $2])
            if ($3 != matrix[$1]) wrong($1 ", " $2 ": " $3 " products, its budget says " matrix[$1])
        }
        function wrong(what) { print file ": " what; failed = 1 }
        END {
            for (name in matrix) if (!(name in found)) wrong(name ": there is no such kernel")
            exit failed
        }' "$work/budgets" "$work/counts" || failed=1
done
exit $failed
