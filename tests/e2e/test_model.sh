# Model directories: fresh, looked into, merged, and broken ones.
. "$E2E/lib.sh"

# A fresh model is the same for the same seed, and is not written over.
must model init --size nano --out nano
expect_quiet
expect out '^nano: .*untrained, 492544 parameters$'
must model init --size nano --out again
must model init --size nano --out other --seed 1
cmp -s nano/model.safetensors again/model.safetensors || fail "the same seed gives different weights"
cmp -s nano/model.safetensors other/model.safetensors && fail "another seed gives the same weights"
before=$(cksum <nano/model.safetensors)
refuses 'config.json is there already' model init --size tiny --out nano
[ "$(cksum <nano/model.safetensors)" = "$before" ] || fail "a refused init changed the model"
refuses 'cannot|No such|directory' model init --size nano --out /dev/null/nano

must model info nano --format json
expect out '"d_model": 64'
expect out '"total": 492544'
expect out '"dtype": "F32"'
expect out '"dropout_rate": 0.1,?$'
expect out '"context_length": 512'
must model info nano --format csv
expect out '^architecture.n_heads,4$'
must model info "$golden/model_tied"
expect out '^dtype +BF16'
expect out '^parameters.head_tied +true'
must model info "$golden/model_untied"
expect out '^dtype +F16'
expect out '^parameters.head_tied +false'

# The merged model is the base with other weights, and f32.
must model merge --model "$golden/model_tied" --adapter "$golden/adapter_lora_qv" --out merged
must model info merged --format json
expect out '"dtype": "F32"'
cmp -s merged/model.safetensors "$golden/model_tied/model.safetensors" && fail "merging changed nothing"
refuses 'is there already' model merge --model nano --adapter "$golden/adapter_lora_qv" --out merged
# An adapter of another model does not fit.
refuses 'adapter' model merge --model nano --adapter "$golden/adapter_lora_qv" --out misfit
refuses 'nano: is a model, not an adapter' model merge --model nano --adapter nano --out misfit
[ -e misfit ] && fail "a refused merge left something behind"

# Broken models: one line that names the file, whatever is broken.
broken() { # FILE PATTERN, after the copy in broken/ was damaged
    refuses "$2" model info broken
    rm -rf broken
    cp -r nano broken
}
cp -r nano broken
refuses 'nowhere' model info nowhere
rm broken/config.json
broken config.json 'broken/config.json'
echo '{' >broken/config.json
broken config.json 'broken/config.json:[0-9]+:[0-9]+'
echo '[]' >broken/config.json
broken config.json 'broken/config.json'
sed 's/"d_model": 64/"d_model": -64/' nano/config.json >broken/config.json
broken config.json 'd_model'
sed 's/"d_model": 64/"d_model": 1e300/' nano/config.json >broken/config.json
broken config.json 'd_model'
sed 's/"d_model": 64/"d_model": 128/' nano/config.json >broken/config.json
broken model.safetensors 'broken/model.safetensors.*tensor'
sed 's/"n_tokens"/"tokens"/' nano/config.json >broken/config.json
broken config.json 'tokens'
rm broken/model.safetensors
broken model.safetensors 'model.safetensors'
: >broken/model.safetensors
broken model.safetensors 'broken/model.safetensors'
head -c 100000 nano/model.safetensors >broken/model.safetensors
broken model.safetensors 'broken/model.safetensors'
printf '\377\377\377\377\377\377\377\177' | dd of=broken/model.safetensors conv=notrunc 2>/dev/null
broken model.safetensors 'broken/model.safetensors'
rm broken/model.safetensors && mkdir broken/model.safetensors
broken model.safetensors 'broken/model.safetensors'
echo '{"weight_map": {"shared.weight": "../../etc/passwd"}}' >broken/model.safetensors.index.json && rm broken/model.safetensors
broken model.safetensors.index.json 'file name in the same directory'
finish
