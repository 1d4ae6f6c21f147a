# Models and adapters that cannot be used: one line that names file and tensor or key,
# status 2, nothing written, by each command that takes a model. test_model.sh has models
# cut short and absent; tests/unit/model (config, safetensors, weights, adapter_files) the
# rest.
. "$E2E/lib.sh"
prepare_job
cp -r nano broken
data="--data data/data.csv --target Close --horizon 1 --num-samples 1"

# bad PATTERN, after broken/ was damaged: refused by all; then it is mended.
bad() {
    remember_files
    refuses "$1" model info broken
    refuses "$1" model merge --model broken --adapter "$golden/adapter_lora_qv" --out merged
    refuses "$1" forecast --model broken $data
    refuses "$1" run $job --model broken
    expect_same_files
    rm -rf broken
    cp -r nano broken
}
job=$(echo "$job" | sed 's/--model nano//')

# change FROM TO: in config.json.
change() {
    sed "s/$1/$2/" nano/config.json >broken/config.json
    cmp -s nano/config.json broken/config.json && fail "config.json holds no $1"
    return 0
}

rm broken/config.json
bad '^ftgpu: broken/config.json: cannot be opened'

# What people have instead of a model: each is answered by what to do.
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 33\n' >broken/model.safetensors
bad '^ftgpu: broken/model.safetensors: is a git-lfs pointer, not the file itself: run .git lfs pull'
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 33\n' >broken/model.safetensors.index.json
rm broken/model.safetensors
bad '^ftgpu: broken/model.safetensors.index.json: is a git-lfs pointer, not the file itself: run .git lfs pull'
printf '<!DOCTYPE html><html><head></head></html>' >broken/model.safetensors
bad '^ftgpu: broken/model.safetensors: is a web page'
printf 'PK\003\004and the rest of an archive' >broken/model.safetensors
bad '^ftgpu: broken/model.safetensors: is what torch.save writes'
mv broken/model.safetensors broken/pytorch_model.bin
bad '^ftgpu: broken: only pytorch_model.bin is there.*save_pretrained.DIR, safe_serialization=True'
mkdir -p broken/below
mv broken/config.json broken/model.safetensors broken/below
bad '^ftgpu: broken: has no config.json, but one is below it; give broken/below'
rm broken/config.json
ln -s gone broken/config.json
bad '^ftgpu: broken/config.json: is a link to a file that is not there'
rm broken/config.json
echo '{}' >broken/adapter_config.json
bad '^ftgpu: broken: is an adapter, not a model: give it by --adapter'
cache=hub/models--amazon--chronos-t5-tiny
mkdir -p $cache/refs $cache/snapshots/aa $cache/snapshots/bb
cp -r nano/* $cache/snapshots/aa
cp -r nano/* $cache/snapshots/bb
printf aa >$cache/refs/main
refuses "^ftgpu: $cache: is a model's directory in Hugging Face's cache; give $cache/snapshots/aa" forecast --model $cache $data
refuses "^ftgpu: hub: has no config.json, but one is below it; give $cache/snapshots/aa" forecast --model hub $data
refuses '^ftgpu: .: has no config.json, but one is below it; give ' run $job --model .
# Names on the Hub: run.sh allows no network.
for name in amazon/chronos-t5-tiny hf://amazon/chronos-t5-tiny https://huggingface.co/amazon/chronos-t5-tiny; do
    refuses "^ftgpu: amazon/chronos-t5-tiny: is no directory here and not in the cache .*HF_HUB_OFFLINE" forecast --model $name $data
    refuses "^ftgpu: amazon/chronos-t5-tiny: is no directory here and not in the cache .*HF_HUB_OFFLINE" run $job --model $name
done
refuses "^ftgpu: chronos-bolt-small: .*only Chronos-T5 models are read: amazon/chronos-t5-tiny" forecast --model chronos-bolt-small $data
refuses '^ftgpu: chronos-t5-tiny: there is no such directory; .*is amazon/chronos-t5-tiny' forecast --model chronos-t5-tiny $data
refuses '^ftgpu: hub/other: there is no such directory; if the model .* Hub is meant: hf://hub/other' forecast --model hub/other $data
refuses '^ftgpu: nano/config.json: is a file; the directory that holds it' forecast --model nano/config.json $data
mkdir binonly
cp "$golden/adapter_lora_qv/adapter_config.json" binonly
: >binonly/adapter_model.bin
refuses '^ftgpu: binonly: adapter_model.safetensors is missing; adapter_model.bin is.*safe_serialization=True' forecast --model nano --adapter binonly $data
rm -r hub binonly
change T5ForConditionalGeneration ChronosBoltModelForForecasting
bad '^ftgpu: broken/config.json: key "architectures": this architecture is not supported, only T5ForConditionalGeneration is'
change '"model_type": "t5"' '"model_type": "llama"'
bad '^ftgpu: broken/config.json: key "model_type": "llama" is not supported, only "t5" is'
change '"model_type": "seq2seq"' '"model_type": "causal"'
bad '^ftgpu: broken/config.json: key "chronos_config.model_type": "causal"'
change '"feed_forward_proj": "relu"' '"feed_forward_proj": "gated-gelu"'
bad '^ftgpu: broken/config.json: key "feed_forward_proj"'
for size in 0 -64 64.5 1e9 1e300 '"64"' null; do
    change '"d_model": 64' "\"d_model\": $size"
    bad '^ftgpu: broken/config.json: key "d_model": a whole number from 1 to 524288 is needed'
done
change '"num_layers": 2' '"num_layers": 1000000'
bad '^ftgpu: broken/config.json: key "num_layers": a whole number from 1 to 1024'
# Sizes that are allowed, but are not those of the tensors: no memory is asked for.
change '"d_model": 64' '"d_model": 524288'
bad '^ftgpu: broken/model.safetensors: tensor "shared.weight": its shape is .4096, 64., .4096, 524288. is needed'
change '"num_layers": 2' '"num_layers": 3'
bad '^ftgpu: broken: tensor "encoder.block.2.layer.0.SelfAttention.q.weight" is missing'
head -c 100000 /dev/zero | tr '\0' '[' >broken/config.json
bad '^ftgpu: broken/config.json:1:201: nested more than 200 deep'
echo '{"num_beams": 4}' >broken/generation_config.json
bad '^ftgpu: broken/generation_config.json: key "num_beams"'

# byte NUMBER, as is; tensors HEADER BYTES: model.safetensors with that header and so many
# bytes of data.
byte() {
    # shellcheck disable=SC2059
    printf "\\$(printf %03o "$1")"
}
tensors() {
    {
        byte $((${#1} % 256))
        byte $((${#1} / 256))
        printf '\0\0\0\0\0\0%s' "$1"
        head -c "$2" /dev/zero
    } >broken/model.safetensors
}
entry() { # NAME DTYPE SHAPE OFFSETS
    printf '"%s":{"dtype":"%s","shape":%s,"data_offsets":%s}' "$@"
}
first=$(entry shared.weight F32 '[2]' '[0,8]')
in='^ftgpu: broken/model.safetensors'

head -c 1000000 nano/model.safetensors >broken/model.safetensors
bad "$in: tensor \".*\": its data ends at byte [0-9]+ of [0-9]+ .is the file cut short"
head -c 20 nano/model.safetensors >broken/model.safetensors
bad "$in: the header's length [0-9]+ is beyond the file"
printf '\0\0\0\0\0\0\0\020{}' >broken/model.safetensors
bad "$in: the header's length 1152921504606846976 is beyond the file"
tensors "{$first,$(entry b F32 '[2]' '[4,12]')}" 12
bad "$in: tensor \"b\": its data overlaps"
tensors "{$first,$(entry b F32 '[2]' '[16,24]')}" 24
bad "$in: tensor \"b\": there is a hole before its data"
tensors "{$first,$(entry b F32 '[2]' '[8,16]')}" 12
bad "$in: tensor \"b\": its data ends at byte 16 of 12"
tensors "{$first}" 12
bad "$in: 4 bytes follow the last tensor"
tensors "{$(entry shared.weight F32 '[2]' '[8,0]')}" 8
bad "$in: tensor \"shared.weight\": \"data_offsets\" is not a pair of rising offsets"
tensors "{$(entry shared.weight F32 '[4611686018427387904,4]' '[0,8]')}" 8
bad "$in: tensor \"shared.weight\": \"shape\""
tensors "{$(entry shared.weight F32 '[-1]' '[0,8]')}" 8
bad "$in: tensor \"shared.weight\": \"shape\""
tensors "{$first,$(entry shared.weight F32 '[2]' '[8,16]')}" 16
bad "$in:1:67: a key is given twice"
tensors "{$(entry shared.weight F8_E5M2 '[2]' '[0,2]')}" 2
bad "$in: tensor \"shared.weight\": dtype \"F8_E5M2\" is not supported"
tensors "{$(entry shared.weight I64 '[4096,64]' '[0,2097152]')}" 2097152
bad "$in: tensor \"shared.weight\": I64 values, F32, F16, BF16 or F64 are needed"
tensors "{$first}" 8
bad "$in: tensor \"shared.weight\": its shape is .2., .4096, 64. is needed"
tensors '{"shared.weight":3}' 0
bad "$in: tensor \"shared.weight\": its header entry is not an object"
tensors '[]' 0
bad "$in: the header is not a JSON object"
tensors "{$(head -c 50000 /dev/zero | tr '\0' '[')}" 0
bad "$in:1:2: "
tensors '{}' 0
bad '^ftgpu: broken: tensor "shared.weight" is missing'

# Adapters: of another model, cut short, of another kind.
bad_adapter() { # DIRECTORY PATTERN
    remember_files
    refuses "$2" model merge --model nano --adapter "$1" --out merged
    refuses "$2" forecast --model nano --adapter "$1" $data
    refuses "$2" run --model nano $job --adapter "$1"
    expect_same_files
}
bad_adapter nowhere '^ftgpu: nowhere: there is no such directory'
bad_adapter data/train.csv '^ftgpu: data/train.csv: '
bad_adapter nano '^ftgpu: nano: is a model, not an adapter'
bad_adapter "$golden/adapter_lora_qv" '/adapter_lora_qv/adapter_model.safetensors: tensor ".*" belongs to no module of this model'
bad_adapter "$golden/adapter_ln" '/adapter_ln/adapter_model.safetensors: tensor ".*" belongs to no module of this model'
must run --model nano $job --name good --set epochs=1
cp -r "$(directory_of 'good_*')/adapter" adapter
rm -r results
cp -r adapter cut
head -c 5000 adapter/adapter_model.safetensors >cut/adapter_model.safetensors
bad_adapter cut '^ftgpu: cut/adapter_model.safetensors: '
cp adapter/adapter_model.safetensors cut
sed 's/"r": 8/"r": 4/' adapter/adapter_config.json >cut/adapter_config.json
bad_adapter cut "^ftgpu: cut/adapter_model.safetensors: the tensors' rank is 8, adapter_config.json says r 4"
sed 's/"LORA"/"IA3"/' adapter/adapter_config.json >cut/adapter_config.json
bad_adapter cut '^ftgpu: cut/adapter_config.json: key "peft_type": "IA3" is not supported'
sed 's/"bias": "none"/"bias": "some"/' adapter/adapter_config.json >cut/adapter_config.json
bad_adapter cut '^ftgpu: cut/adapter_config.json: key "bias"'
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 33\n' >cut/adapter_config.json
bad_adapter cut '^ftgpu: cut/adapter_config.json: is a git-lfs pointer'
echo '{"peft_type": ' >cut/adapter_config.json
bad_adapter cut '^ftgpu: cut/adapter_config.json:2:1: '
rm cut/adapter_config.json
bad_adapter cut '^ftgpu: cut: adapter_config.json is missing'
finish
