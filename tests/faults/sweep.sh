# The small sweep that is attacked, in a directory in memory, and what it leaves; sourced
# by faults.sh and power_cut.sh after lib.sh. In memory where that can be: most of the
# time would go to waiting for the disk.
place=$(mktemp -d /dev/shm/ftgpu_faults.XXXXXX 2>/dev/null) || place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 1' INT TERM
cd "$place"
place=$(pwd -P)
must data demo --out data
must model init --size nano --out model
{
    head -1 data/data.csv
    tail -60 data/data.csv
} >few.csv

# Two batches of two configurations, one good and one bad: asha prunes the bad ones at
# epoch 2, whichever batch comes first.
common="sweep --model model --data few.csv --split 0.6,0.2,0.2 --target Close --eval-windows 1 --device cpu --threads 1 --name grid
    --set context_length=4 --set prediction_length=2 --set epochs=3 --set batch_size=8 --train-last 12 --grid seed=1,2
    --max-adapters 2 --scheduler asha --eta 2 --grace-epochs 2"

# What is in a results directory: its tree, without times in names and the locks, and the
# contents that no clock has a say in.
signature() { # RESULTS
    (
        cd "$1"
        find . ! -name 'lock*' | sed -E 's/_[0-9]{8}_[0-9]{6}(_[0-9]+)?//' | sort
        cat grid_*/results.json | grep -Ev '"(experiment_id|timestamp|model_path|command_line|seconds|tokens_per_second)":'
        cat grid_*/adapter/* grid_*/forecasts.csv | cksum
    )
}
