#!/bin/sh
# From nothing to a first result: installs what is missing, builds, makes data and a model, runs a small sweep, and shows the best
# and what drives it.
# Everything it writes is in build/ and demo-out/.
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
step ftgpu model init --size nano --out model
echo "
This model is a stand-in: a Chronos-T5 of the smallest size with random weights, never trained on anything. Give --model the
directory of a pretrained Chronos-T5 to tune one that knows time series."
step ftgpu sweep --model model --train data/train.csv --val data/val.csv --test data/test.csv --target Close \
    --name demo --results results --season 5 --eval-windows 25 \
    --set context_length=64 --set prediction_length=8 --set window_stride=2 --set batch_size=16 --set epochs=6 \
    --set lora_targets=q+k+v+o+wi+wo --grid learning_rate=5e-3,2e-2 --grid lora_rank=4,16
step ftgpu compare --results results
step ftgpu best --metric mae --results results
step ftgpu analyze importance --metric mae --results results
step ftgpu analyze overfitting --results results
step ftgpu report --results results --out report.html
echo "
zero_shot is the stand-in before tuning, seasonal_naive repeats last week. Tuning brings the stand-in a good way, but a model that
was never trained stays far behind seasonal naive; what this shows is the work, not a forecast to use.

The report of it all is for a browser: xdg-open demo-out/report.html

Go on, in demo-out/, with:
    ../build/ftgpu show demo_001 --results results
    ../build/ftgpu forecast --experiment best --results results --data data/data.csv --target Close --horizon 8"
