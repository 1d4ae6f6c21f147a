# Forecasts beyond the model's prediction_length of 64, wide: for histories of 1 to 700
# rows and horizons of 1 to 300, alone and in groups of unequal length, with and without
# an adapter, a shorter horizon is the beginning of a longer one to the byte.
. "$E2E/lib.sh"
prepare_job
must run $job --name tuned --set epochs=1
adapter=$(directory_of 'tuned_*')/adapter

# check ARGUMENTS: against a horizon of 300.
check() {
    must forecast --model nano --target Close --num-samples 2 --quantiles 0.5 --horizon 300 "$@"
    cp out longest
    for horizon in 1 64 65 100 127 128 129 192 193 256 299; do
        must forecast --model nano --target Close --num-samples 2 --quantiles 0.5 --horizon $horizon "$@"
        awk -F, -v n=$horizon '{ if ($1 != last) count = 0; last = $1 } count++ < n' longest | cmp -s out - ||
            fail "horizon $horizon is not the beginning of 300 ($*)"
    done
}

for rows in 1 7 63 64 120 320 384 447 448 449 505 511 512 513 700; do
    head -$((rows + 1)) data/data.csv >"history$rows.csv"
    check --data "history$rows.csv"
done
for rows in 3 120 448 512; do
    head -$((rows + 1)) data/data.csv >"history$rows.csv"
    check --data "history$rows.csv" --adapter "$adapter"
    check --data "history$rows.csv" --dtype bf16
done
awk -F, 'NR == 1 { print "id,Date,Close"; next }
    { for (i = 1; i <= 7; i++) if (NR < 2 + i * i * 14) print "s" i "," $1 "," $2 }' data/data.csv >unequal.csv
check --data unequal.csv --id id --timestamp Date
check --data unequal.csv --id id --timestamp Date --adapter "$adapter"
finish
