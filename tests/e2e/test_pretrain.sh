# Pretraining: a model that is better than untrained, loadable everywhere; killed and
# resumed with the same bits; refusals.
. "$E2E/lib.sh"
job="--size nano --batch-size 4 --context-length 64 --prediction-length 8 --threads 1"

must pretrain $job --out whole --steps 60
expect out '^whole: pretrained for 60 steps'
expect err 'val_loss'
[ ! -e whole/checkpoint.safetensors ] || fail "the checkpoint stays behind"
grep -q '"command": "ftgpu pretrain --size nano' whole/pretraining.json || fail "the record lacks the command"
# Tuning drops out what the model is used to.
expect whole/config.json '"dropout_rate": 0(\.0)?,'
must pretrain $job --out dropping --steps 2 --dropout 0.25
expect dropping/config.json '"dropout_rate": 0.25,'
must model info whole
must pretrain $job --out half --steps 60 --store bf16
[ "$(stat -c %s half/model.safetensors)" -lt $(($(stat -c %s whole/model.safetensors) * 51 / 100)) ] || fail "bf16 is not half the size"
must model info half
must data demo --out data
must forecast --model whole --data data/test.csv --target Close --horizon 3 --num-samples 2

# Killed at any instant, the same command resumes it.
for instant in 0.3 0.6 0.9; do
    begin pretrain $job --out killed --steps 60 --checkpoint-minutes 0.001
    sleep $instant
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" || true
done
[ -e killed/model.safetensors ] || must pretrain $job --out killed --steps 60
cmp whole/model.safetensors killed/model.safetensors || fail "resumed, it gives another model"

begin pretrain $job --out stopped --steps 100000
await err 'step [0-9]'
kill -TERM "$pid"
end
expect_status 75
expect err 'the same command resumes it'
refuses 'give the options it was made with, or remove it' pretrain $job --out stopped --steps 99999

refuses 'model.safetensors is there already; choose another --out or remove it' pretrain $job --out whole --steps 5
refuses 'how long\? give --steps N, --minutes M or both' pretrain $job --out none
[ ! -e none ] || fail "a refused command made a directory"
must pretrain $job --out minutes --minutes 0.02

# Going on from a model, whose loss is where it was.
loss() { sed -n 's/.*val_loss \([0-9.]*\)$/\1/p' out; }
must pretrain $job --out first --steps 60
first=$(loss)
again="--batch-size 4 --context-length 64 --prediction-length 8 --threads 1 --seed 1"
must pretrain --model first $again --learning-rate 1e-6 --out second --steps 1
echo "$first $(loss)" | awk '{ exit !($2 < $1 + 0.2 && $2 > 0) }' || fail "went on from val_loss $first at $(loss)"
expect second/pretraining.json '"model": "first"'
must pretrain --model ftgpu-nano $again --out third --steps 1
must model info third --format json
expect out '"num_samples": 100'
refuses 'what is to be trained' pretrain $job --model first --out none --steps 5
refuses 'what is to be trained' pretrain $again --out none --steps 5
refuses 'nowhere' pretrain $again --model nowhere --out none2 --steps 5
finish
