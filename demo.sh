#!/bin/sh
# From nothing to a first result: installs what is missing, builds, makes data, forecasts
# them with the built-in model, tunes it over a small grid, and shows the best and what
# drives it. Everything it writes is in build/ and demo-out/.
set -eu
cd "$(dirname "$0")"
. ./packages.sh

# shellcheck disable=SC2086
install_packages $build_packages
echo "building ftgpu in build/"
build build -DCMAKE_BUILD_TYPE=Release -DFTGPU_TESTS=OFF

PATH=$PWD/build:$PATH
rm -rf demo-out
mkdir demo-out
cd demo-out

# Shows a command, then runs it.
step() {
    echo
    echo "\$ $*"
    "$@"
}

step ftgpu data demo --out data

# What the built-in model makes of the last 8 rows without having seen them.
head -n -8 data/data.csv >data/history.csv
step ftgpu forecast --data data/history.csv --target Close --horizon 8 --out forecast.csv
echo "
Of the model in the program, ftgpu-nano, which was never tuned on this series; seasonal naive repeats the week before:
"
awk -F, '
    FNR == 1 { file++; next }
    file == 1 { truth[++n] = $2; date[n] = $1; next }
    { low[++m] = $5; median[m] = $9; high[m] = $13 }
    END {
        printf "%-10s  %7s  %8s  %-16s  %s\n", "date", "truth", "forecast", "80 % band", "seasonal naive"
        for (i = 1; i <= m; i++) {
            row = n - m + i
            naive = truth[n - m - 5 + (i - 1) % 5 + 1]
            printf "%-10s  %7.2f  %8.2f  %7.2f %7.2f   %7.2f\n", date[row], truth[row], median[i], low[i], high[i], naive
        }
    }' data/data.csv forecast.csv

step ftgpu sweep --train data/train.csv --val data/val.csv --test data/test.csv --target Close \
    --name demo --results results --season 5 --eval-windows 25 \
    --set prediction_length=8 --set batch_size=32 --set epochs=3 \
    --grid context_length=32,128 --grid learning_rate=1e-4,1e-3
step ftgpu compare --results results
step ftgpu best --metric mae --results results
step ftgpu analyze importance --metric mae --results results
step ftgpu analyze overfitting --results results
step ftgpu report --results results --out report.html
echo "
zero_shot is the built-in model before tuning, seasonal_naive repeats last week. On this series tuning changes little; the
verdict of \`best\` says how sure that is.

The report of it all is for a browser: xdg-open demo-out/report.html

Go on, in demo-out/, with:
    ../build/ftgpu show demo_001 --results results
    ../build/ftgpu forecast --experiment best --results results --data data/data.csv --target Close --horizon 8"
