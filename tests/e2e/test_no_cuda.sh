# A program built with CUDA, on a machine without a driver: it computes on the CPU and
# loads nothing of CUDA's. What is loaded is read from /proc while a training runs.
. "$E2E/lib.sh"
if [ -e /proc/driver/nvidia/version ] || ldconfig -p 2>/dev/null | grep -q 'libcuda\.so'; then
    echo "skipped: this machine has a driver"
    exit 77
fi
prepare_job
ft forecast --model nano --data data/test.csv --target Close --horizon 1 --device cuda
if grep -q 'built without nvcc' err; then
    echo "skipped: this build has no CUDA"
    exit 77
fi

# Asked for a GPU it says why there is none.
refuses 'there is no GPU 0: cudaGetDeviceCount: ' forecast --model nano --data data/test.csv --target Close --horizon 1 --device cuda
refuses 'there is no GPU 3: ' run $job --device cuda:3
must devices
expect out '^ *gpu +none: there is no GPU 0: cudaGetDeviceCount: '
expect out '^ *cuda\.code +[0-9.]+.* and PTX of [0-9.]+$'
expect out '^ *cuda\.cublaslt +libcublasLt\.so\.[0-9]+, opened when a GPU is$'
expect out '^ *cuda\.nccl +(libnccl\.so\.2, opened when GPUs work together|this build has no NCCL)'
LD_DEBUG=files "$FTGPU" devices >out 2>loaded
expect loaded 'libdnnl'
expect_not loaded 'cublas|nccl'
expect out '^ *device_auto +cpu'

# --device auto: what is loaded after the first epoch of several.
begin run $job --set epochs=50 --name watched
await err ' epoch 1/'
cat "/proc/$pid/maps" >maps
kill "$pid" 2>/dev/null || true
end
expect maps 'libdnnl'
expect_not maps '/[^/]*(cuda|cublas|nccl|nvidia|nvrtc)[^/]*$'
finish
