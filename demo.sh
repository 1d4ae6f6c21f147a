#!/bin/sh
# From nothing to a first result: installs what is missing, builds, makes data and a model, runs a small sweep and shows the best.
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
step ftgpu sweep --train data/train.csv --val data/val.csv --test data/test.csv --target Close --model model \
    --name demo --results results --season 5 \
    --set context_length=64 --set prediction_length=8 --set epochs=4 --set batch_size=8 \
    --grid learning_rate=1e-3,5e-3 --grid lora_rank=4,8
step ftgpu compare --results results
step ftgpu best --metric mae --results results
echo "
zero_shot is the untrained stand-in before tuning, seasonal_naive repeats the last week.
Go on with: build/ftgpu show demo_001 --results demo-out/results"
