/* Finds GPUs and opens one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/device.h"
#include "kernels/cuda/lt.h"

int ft_cuda_device_count(void)
{
    int count = 0;
    return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

/* Checks that a GPU of that number exists; if not, says why CUDA sees none. */
static ft_status find_device(int device, ft_error *err)
{
    int count = 0;
    cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaErrorInsufficientDriver)
        return ft_fail(
            err, FT_BAD_INPUT,
            "there is no GPU %d: cudaGetDeviceCount: %s (there is no driver, or it is older than this "
            "build's CUDA %d.%d)",
            device, cudaGetErrorName(error), CUDART_VERSION / 1000, CUDART_VERSION / 10 % 100);
    if (error != cudaSuccess)
        return ft_fail(err, FT_BAD_INPUT, "there is no GPU %d: cudaGetDeviceCount: %s (%s)", device,
                       cudaGetErrorName(error), cudaGetErrorString(error));
    if (device >= 0 && device < count) return FT_OK;
    return ft_fail(err, FT_BAD_INPUT, "there is no GPU %d: this machine has %d that CUDA can use", device,
                   count);
}

/* -- does this build have code for the GPU? -- */

/* Writes what nvcc compiled for, e.g. "8.0, 9.0 and PTX of 9.0". The driver compiles PTX
 * for newer GPUs; there is PTX of the last one only (cuda.cmake). */
static void compiled_for(char *text, size_t size)
{
    static const int capabilities[] = {__CUDA_ARCH_LIST__};
    const size_t n = sizeof capabilities / sizeof *capabilities;
    size_t used = 0;
    for (size_t i = 0; i <= n && used < size; i++) {
        int capability = capabilities[i < n ? i : n - 1];
        const char *before = i == n ? " and PTX of " : i > 0 ? ", " : "";
        used += (size_t)snprintf(text + used, size - used, "%s%d.%d", before, capability / 100,
                                 capability / 10 % 10);
    }
}

/* Stands for all kernels: all are compiled for the same GPUs. */
__global__ void probe_kernel(void) {}

/* Refuses a GPU that the build has no code for. Otherwise the first launch would fail
 * without saying what is missing. */
static void probe(ft_cuda *cuda, const cudaDeviceProp *gpu)
{
    cudaFuncAttributes attributes;
    cudaError_t error = cudaFuncGetAttributes(&attributes, probe_kernel);
    bool no_code = error == cudaErrorNoKernelImageForDevice || error == cudaErrorInvalidDeviceFunction ||
                   error == cudaErrorUnsupportedPtxVersion || error == cudaErrorJitCompilerNotFound;
    if (!no_code) {
        ft_cuda_check(cuda, error, "cudaFuncGetAttributes", __FILE__, __LINE__);
        return;
    }
    char compiled[128];
    compiled_for(compiled, sizeof compiled);
    cudaGetLastError();
    cuda->failure =
        ft_fail(&cuda->failed, FT_BAD_INPUT,
                "device %d, %s, has compute capability %d.%d, and this build has code for %s, which does not "
                "run there (%s: %s); build it with -DFTGPU_CUDA_ARCHITECTURES=%d%d",
                cuda->device, cuda->base.device, gpu->major, gpu->minor, compiled, cudaGetErrorName(error),
                cudaGetErrorString(error), gpu->major, gpu->minor);
}

void ft_cuda_describe(bool open, ft_cuda_parts *parts)
{
    compiled_for(parts->code, sizeof parts->code);
    ft_lt_describe(open, parts->cublaslt, sizeof parts->cublaslt);
    ft_nccl_describe(open, parts->nccl, sizeof parts->nccl);
}

/* -- opening -- */

/* Ignores failures: nobody could handle them. */
static void free_backend(ft_backend *self)
{
    if (!self) return;
    ft_cuda *cuda = ft_cuda_of(self);
    cudaSetDevice(cuda->device);
    ft_cuda_linear_close(cuda);
    ft_cuda_free_scratch(cuda);
    cudaFreeHost(cuda->staging);
    for (int i = 0; i < 2; i++) {
        cudaFreeHost(cuda->fetch[i].pinned);
        if (cuda->fetch[i].done) cudaEventDestroy(cuda->fetch[i].done);
        if (cuda->staging_read[i]) cudaEventDestroy(cuda->staging_read[i]);
    }
    if (cuda->stream) cudaStreamDestroy(cuda->stream);
    free(cuda);
}

/* Creates the stream, which does not synchronize with the default stream, and the staging
 * memory with its events. */
static void open_stream(ft_cuda *cuda)
{
    CUDA_TRY(cuda, cudaStreamCreateWithFlags(&cuda->stream, cudaStreamNonBlocking));
    CUDA_TRY(cuda, cudaMallocHost((void **)&cuda->staging, 2 * (size_t)FT_CUDA_STAGING));
    for (int i = 0; i < 2; i++) {
        CUDA_TRY(cuda, cudaEventCreateWithFlags(&cuda->staging_read[i], cudaEventDisableTiming));
        CUDA_TRY(cuda, cudaEventCreateWithFlags(&cuda->fetch[i].done, cudaEventDisableTiming));
    }
}

ft_status ft_cuda_create(int device, ft_dtype dtype, ft_backend **backend, ft_error *err)
{
    *backend = NULL;
    if (dtype != FT_F32 && dtype != FT_BF16)
        return ft_fail(err, FT_BAD_INPUT, "the CUDA backend computes in f32 or bf16");
    ft_status status = find_device(device, err);
    if (status != FT_OK) return status;
    ft_cuda *cuda = (ft_cuda *)calloc(1, sizeof *cuda);
    if (!cuda) return ft_no_memory(err, "the CUDA backend", sizeof *cuda);
    ft_backend *base = &cuda->base;
    cuda->device = device;
    base->name = "cuda";
    base->real = FT_F32;
    base->matrix = dtype;
    base->bf16 = dtype == FT_BF16;
    base->n_threads = 1;
    base->free = free_backend;
    cudaDeviceProp properties;
    if (CUDA_TRY(cuda, cudaSetDevice(device)) &&
        CUDA_TRY(cuda, cudaGetDeviceProperties(&properties, device))) {
        snprintf(base->device, sizeof base->device, "%.100s", properties.name);
        base->memory_bytes = properties.totalGlobalMem;
        if (properties.major < 8)
            cuda->failure = ft_fail(&cuda->failed, FT_BAD_INPUT,
                                    "device %d, %s, has compute capability %d.%d, and the kernels need 8.0",
                                    device, base->device, properties.major, properties.minor);
        if (cuda->failure == FT_OK) probe(cuda, &properties);
        if (cuda->failure == FT_OK) open_stream(cuda);
    }
    status = cuda->failure;
    if (status != FT_OK && err) *err = cuda->failed;
    if (status == FT_OK) status = ft_cuda_linear_operations(cuda, err);
    if (status != FT_OK) {
        free_backend(base);
        return status;
    }
    ft_cuda_memory_operations(base);
    ft_cuda_embedding_operations(base);
    ft_cuda_norm_operations(base);
    ft_cuda_relu_operations(base);
    ft_cuda_lora_operations(base);
    ft_cuda_attention_operations(base);
    ft_cuda_attention_backward_operations(base);
    ft_cuda_decode_operations(base);
    ft_cuda_loss_operations(base);
    ft_cuda_sampling_operations(base);
    ft_cuda_optimizer_operations(base);
    *backend = base;
    return FT_OK;
}

/* Finds the edges of the buckets by calling ft_relative_bucket on the host, since they
 * depend on its float arithmetic. */
bool ft_cuda_buckets_of(ft_cuda *cuda, int32_t n_buckets, bool bidirectional, int32_t max_distance,
                        ft_cuda_buckets *buckets)
{
    if (n_buckets > FT_CUDA_MAX_BUCKETS) {
        ft_cuda_fail(cuda, FT_BAD_INPUT, "the CUDA backend takes at most 128 relative-position buckets");
        return false;
    }
    bool known = cuda->buckets_count == n_buckets && cuda->buckets_distance == max_distance &&
                 cuda->buckets_bidirectional == bidirectional;
    if (!known) {
        ft_cuda_buckets *made = &cuda->buckets;
        memset(made, 0, sizeof *made);
        made->n_buckets = n_buckets;
        made->half = bidirectional ? n_buckets / 2 : 0;
        int32_t side = bidirectional ? n_buckets / 2 : n_buckets, bucket = 0;
        made->max_exact = side / 2;
        /* beyond max_distance the bucket does not change */
        int32_t last = max_distance > made->max_exact ? max_distance : made->max_exact;
        for (int32_t away = made->max_exact; away <= last; away++) {
            int32_t now = ft_relative_bucket(-away, bidirectional, n_buckets, max_distance);
            if (away == made->max_exact) bucket = made->max_exact;
            while (bucket < now && made->n_first < FT_CUDA_MAX_BUCKETS) {
                made->first[made->n_first++] = away;
                bucket++;
            }
        }
        cuda->buckets_count = n_buckets;
        cuda->buckets_distance = max_distance;
        cuda->buckets_bidirectional = bidirectional;
    }
    *buckets = cuda->buckets;
    return true;
}
