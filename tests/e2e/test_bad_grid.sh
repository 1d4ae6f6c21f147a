# Grids that make no sense: one line that names file and key, status 2, nothing written,
# as --grid, --grid-file and --configs. test_sweep.sh has the slips of people on the
# command line; tests/unit/host/test_grid.c and test_hyperparameters.c every message.
. "$E2E/lib.sh"
prepare_job
remember_files

# bad KEY JSON_VALUE PATTERN: the value is refused in a grid file and in a list, dry run
# or not.
bad() {
    printf '{"epochs": [1, 2], "%s": [%s]}\n' "$1" "$2" >grid.json
    printf '[{"epochs": 1}, {"%s": %s}]\n' "$1" "$2" >list.json
    refuses "^ftgpu: grid.json: $3" sweep $job --grid-file grid.json
    refuses "^ftgpu: grid.json: $3" sweep $job --grid-file grid.json --dry-run
    refuses "^ftgpu: list.json: configuration 2: $3" sweep $job --configs list.json
    rm grid.json list.json
}

bad learning_rate -1e-4 'learning_rate: -0.0001 is not allowed, it must be a number from 0 to 1000'
bad learning_rate '"fast"' 'learning_rate: a text is not allowed'
bad learning_rate NaN 'learning_rate: null is not allowed'
bad learning_rate 1e999 'learning_rate: inf is not allowed'
bad learning_rate '{"from": 1}' 'learning_rate: an object is not allowed'
bad lora_rank 0 'lora_rank: 0 is not allowed, it must be a whole number from 1 to 256'
bad lora_rank 257 'lora_rank: 257 is not allowed'
bad dropout_rate 1.5 'dropout_rate: 1.5 is not allowed, it must be a number from 0 to below 1'
bad batch_size 1.5 'batch_size: 1.5 is not allowed, it must be a whole number'
bad batch_size true 'batch_size: true is not allowed'
bad batch_size '[1]' 'batch_size: a list is not allowed'
bad lora_targets '"q+x"' 'lora_targets: '
bad adapter_type '"lara"' 'adapter_type: '
bad use_rslora 1 'use_rslora: '
bad lerning_rate 1 'unknown hyperparameter "lerning_rate" .did you mean "learning_rate"'

# bad_file PATTERN, after the file was made: refused as a grid and as a list.
bad_file() {
    refuses "^ftgpu: $1" sweep $job --grid-file file.json
    refuses "^ftgpu: $1" sweep $job --configs file.json
    rm -rf file.json
}

bad_file 'file.json: cannot be opened: No such file'
mkdir file.json
bad_file 'file.json: is a directory'
: >file.json
bad_file 'file.json:1:1: the text ends where a value is needed'
echo '{"epochs": [1}' >file.json
bad_file "file.json:1:14: ',' or '\]' is needed"
printf '{"epochs": [1]}\0' >file.json
bad_file 'file.json:1:16: a NUL byte'
echo '{"epochs": [1]} {}' >file.json
bad_file 'file.json:1:17: something follows the end'
echo '{"epochs": [1], "epochs": [2]}' >file.json
bad_file 'file.json:1:17: a key is given twice'
echo 3 >file.json
bad_file 'file.json: (an object of lists|a list of objects) is needed'
head -c 100000 /dev/zero | tr '\0' '[' >file.json
bad_file 'file.json:1:201: nested more than 200 deep'
{
    printf '{"epochs": '
    head -c 100000 /dev/zero | tr '\0' '['
    head -c 100000 /dev/zero | tr '\0' ']'
    printf '}\n'
} >file.json
bad_file 'file.json:1:211: nested more than 200 deep'

echo '{"epochs": []}' >grid.json
refuses '^ftgpu: grid.json: epochs: the list of values is empty' sweep $job --grid-file grid.json
echo '{"epochs": 3}' >grid.json
refuses '^ftgpu: grid.json: epochs: a list of values is needed' sweep $job --grid-file grid.json
echo '{}' >grid.json
refuses '^ftgpu: grid.json: the grid is empty' sweep $job --grid-file grid.json
echo '[]' >grid.json
refuses '^ftgpu: grid.json: the list of configurations is empty' sweep $job --configs grid.json

# More than --max-configs, by the product, by one list and by a file; no memory is asked
# for first.
values=$(awk 'BEGIN { for (i = 1; i < 1000; i++) printf "%d,", i; print 1000 }')
refuses 'more than 100000 configurations' sweep $job --grid seed=$values --grid epochs=$values --grid batch_size=$values
refuses 'more than 999 values .--max-configs' sweep $job --grid seed=$values --max-configs 999
echo "{\"seed\": [$values], \"epochs\": [$values], \"batch_size\": [$values]}" >grid.json
refuses 'more than 100000 configurations' sweep $job --grid-file grid.json
echo '[{"seed": 1}, {"seed": 2}]' >grid.json
refuses 'more than 1 configurations' sweep $job --configs grid.json --max-configs 1
rm grid.json

# What only the model can tell: which configuration asks for it.
refuses '^ftgpu: configuration 2 of 3: lora_rank 65 is above 64, the smaller side of target "q"' sweep $job --grid lora_rank=4,65,8
refuses '^ftgpu: configuration 3 of 3: data/train.csv: the training split has 120 rows, but one window needs 200 .prediction_length 100' sweep $job \
    --grid prediction_length=4,8,100
refuses '^ftgpu: lora_rank 65 is above 64' run $job --set lora_rank=65

expect_same_files
finish
