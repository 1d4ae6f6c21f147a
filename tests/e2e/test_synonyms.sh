# Names that people bring along from other tools, and settings that say a thing twice.
. "$E2E/lib.sh"
prepare_job
remember_files

# key NAME KEY: by --set, in a grid, in a list, and as an option.
key() {
    refuses "^ftgpu: unknown hyperparameter \"$1\": here it is \"$2\"" run $job --set "$1=1"
    refuses "^ftgpu: unknown hyperparameter \"$1\": here it is \"$2\"" sweep $job --grid "$1=1,2"
    refuses "^ftgpu: run: unknown option --$1 .a hyperparameter: --set $2=" run $job "--$1" 1
}
key lora_dropout dropout_rate
key lr learning_rate
key r lora_rank
key num_train_epochs epochs
key per_device_train_batch_size batch_size
key target_modules lora_targets
refuses '^ftgpu: run: unknown option --epochs .a hyperparameter: --set epochs=' run $job --epochs 3
refuses '^ftgpu: sweep: unknown option --learning-rate .a hyperparameter: --set learning_rate=' sweep $job --learning-rate=1
refuses 'unknown option --prediction-length .did you mean --horizon' forecast --model nano --prediction-length 3
refuses 'unknown option --output .did you mean --out\?' forecast --model nano --output x.csv
refuses 'unknown option --gpu .did you mean --device' run $job --gpu 0
refuses 'unknown option --id_column .did you mean --id\?' run $job --id_column x
refuses 'unknown option --trian .did you mean --train' run --trian x
expect_same_files

# A value or a configuration twice, and a value that another overrides.
refuses 'learning_rate: the value 0.0001 is given twice in the grid' sweep $job --grid learning_rate=1e-4,0.0001
refuses 'epochs is given twice in the grid' sweep $job --grid epochs=1 --grid epochs=2
echo '[{"epochs": 1}, {"epochs": 2}, {"epochs": 1.0}]' >list.json
refuses 'list.json: configurations 1 and 3 are equal' sweep $job --configs list.json
must sweep $job --set seed=3 --set seed=4 --grid epochs=1,3 --dry-run
expect err '^warning: seed is set 2 times: the last value counts$'
expect err '^warning: epochs is set for all, but each configuration has its own value, which counts$'
expect_not err 'warning: (batch_size|context_length)'
echo '[{"epochs": 1}, {"lora_rank": 4}]' >list.json
must sweep $job --configs list.json --dry-run
expect_not err 'warning: epochs'

# Configurations that train the same: said, and trained.
must sweep $job --grid lora_rank=4,8 --set adapter_type=full --dry-run
expect err '^warning: 1 of 2 configurations trains the same as another, as 1 and 2 do: lora_rank makes no difference there$'

# Targets as they are typed, and as PEFT has them.
must run $job --set lora_targets=q,v,o --name targets --set epochs=1
expect "$(directory_of 'targets_*')/results.json" '"lora_targets": "q.v.o"'
echo '[{"lora_targets": ["v", "q"]}]' >list.json
must sweep $job --configs list.json --dry-run
expect out '^ *1 +q.v'
finish
