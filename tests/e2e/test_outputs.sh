# What a command writes never takes the place of what it reads, nor of a file of an
# experiment, a model or an adapter.
. "$E2E/lib.sh"
prepare_job
must run $job --name kept
adapter=$(directory_of 'kept_*')/adapter
cp data/data.csv history.csv
ln -s history.csv symbolic.csv
ln history.csv hard.csv
mkdir elsewhere
ln -s ../nano elsewhere/link
given="--data history.csv --target Close --horizon 1 --num-samples 1 --quantiles 0.5"
remember_files
for out in history.csv ./history.csv "$PWD/history.csv" symbolic.csv hard.csv; do
    refuses "^ftgpu: $out: is the data, which would be lost" forecast --model nano $given --out "$out"
    refuses "is the data" forecast --model nano --data symbolic.csv --target Close --out "$out"
done
refuses 'nano/config.json: is config.json of the model' forecast --model nano $given --out nano/config.json
refuses 'elsewhere/link/model.safetensors: is model.safetensors of the model' forecast --model nano $given --out elsewhere/link/model.safetensors
refuses 'is adapter_config.json of the adapter' forecast --model nano --adapter "$adapter" $given --out "$adapter/adapter_config.json"
for file in results.json forecasts.csv; do
    refuses "$file: belongs to an experiment" forecast --model nano $given --out "$adapter/../$file"
    refuses "$file: belongs to an experiment" export --csv "$adapter/../$file"
    refuses "$file: belongs to an experiment" refine --match 'kept_*' --key learning_rate --out "$adapter/../$file"
done
refuses "belongs to an adapter" export --csv "$adapter/adapter_model.safetensors"
refuses "belongs to a model" export --csv nano/config.json
refuses "is the model" model merge --model nano --adapter "$adapter" --out nano
refuses "is the model" model merge --model nano --adapter "$adapter" --out elsewhere/link
refuses "is the adapter" model merge --model nano --adapter "$adapter" --out "$adapter"
refuses "is there already" model init --size nano --out elsewhere/link
refuses "" data demo --out history.csv
expect_same_files

# Its own earlier output is replaced, and other places are free.
must forecast --model nano $given --out forecast.csv
must forecast --model nano $given --out forecast.csv
must forecast --model nano $given --out nano/forecast.csv 2>/dev/null || true
must export --csv table.csv
must export --csv table.csv
finish
