/* A stand-in for CUDA's header: declares what kernels/cuda uses of it, executed by
 * tests/simt. The names and their meaning are NVIDIA's (CUDA C++ Programming Guide, CUDA
 * Runtime API). */
#ifndef FT_TESTS_SIMT_CUDA_RUNTIME_H
#define FT_TESTS_SIMT_CUDA_RUNTIME_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <utility>

#define FT_SIMT 1
#define CUDART_VERSION 13000
#define __CUDA_ARCH_LIST__ 800
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

/* -- values -- */

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
inline float2 make_float2(float x, float y)
{
    return {x, y};
}
inline float4 make_float4(float x, float y, float z, float w)
{
    return {x, y, z, w};
}
inline uint2 make_uint2(unsigned x, unsigned y)
{
    return {x, y};
}
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w)
{
    return {x, y, z, w};
}
inline unsigned __float_as_uint(float value)
{
    unsigned bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}
inline float __uint_as_float(unsigned bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
inline int __popc(unsigned bits)
{
    return __builtin_popcount(bits);
}
inline int __ffs(unsigned bits)
{
    return __builtin_ffs((int)bits);
}
inline float rsqrtf(float value)
{
    return 1.0f / sqrtf(value);
}
template <class T> T min(T a, T b)
{
    return b < a ? b : a;
}
template <class T> T max(T a, T b)
{
    return a < b ? b : a;
}

/* -- the thread that runs -- */

struct simt_thread {
    dim3 index;
    unsigned lane;
};
extern simt_thread *simt_current;
extern dim3 simt_block_index, simt_block_size, simt_grid_size;
#define threadIdx (simt_current->index)
#define blockIdx simt_block_index
#define blockDim simt_block_size
#define gridDim simt_grid_size
#define warpSize 32

/* -- what threads do together -- */

/* Waits for all threads of the block. Returns the number of them whose predicate was not
 * 0. */
int simt_barrier(int predicate);
/* Waits for the lanes of `mask`, which must all call this with the same `complete`; the
 * last to come runs complete with every lane's operands (NULL outside the mask). `what`
 * names the operation in faults. */
void simt_collect(unsigned mask, const char *what, void *operands, void (*complete)(void **operands));
/* Memory of the block, the same for all its threads, made by the first of them that asks;
 * `key` is the declaration's. */
void *simt_shared(const void *key, size_t bytes, size_t alignment);
void *simt_shared_dynamic(void);

inline void __syncthreads()
{
    simt_barrier(0);
}
inline int __syncthreads_count(int predicate)
{
    return simt_barrier(predicate);
}
inline int __syncthreads_or(int predicate)
{
    return simt_barrier(predicate) != 0;
}
inline int __syncthreads_and(int predicate)
{
    return simt_barrier(!predicate) == 0;
}
inline void __syncwarp(unsigned mask = 0xffffffffu)
{
    simt_collect(mask, "__syncwarp", simt_current, [](void **) {});
}
inline void __threadfence() {}

/* One lane's part of a shuffle: the value given, the lane it is taken from, the value
 * got. */
template <class T> struct simt_shuffle {
    T given;
    unsigned source;
    T got;
};
/* A source outside the mask, or a lane's own where there is none: the guide leaves the
 * result undefined. */
void simt_shuffle_outside(unsigned lane, unsigned source);
template <class T> void simt_exchange(void **operands)
{
    for (unsigned lane = 0; lane < 32; lane++) {
        auto *self = static_cast<simt_shuffle<T> *>(operands[lane]);
        if (!self) continue;
        auto *other = static_cast<simt_shuffle<T> *>(operands[self->source]);
        if (other)
            self->got = other->given;
        else
            simt_shuffle_outside(lane, self->source);
    }
}
template <class T> T simt_shuffle_from(unsigned mask, const char *what, T value, unsigned source)
{
    simt_shuffle<T> part = {value, source, value};
    simt_collect(mask, what, &part, simt_exchange<T>);
    return part.got;
}
/* Lanes of a segment of `width` lanes exchange among themselves. */
template <class T> T __shfl_sync(unsigned mask, T value, int source, int width = 32)
{
    unsigned first = simt_current->lane & ~(unsigned)(width - 1);
    return simt_shuffle_from(mask, "__shfl_sync", value, first + ((unsigned)source & (unsigned)(width - 1)));
}
template <class T> T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32)
{
    unsigned lane = simt_current->lane, source = lane ^ (unsigned)lanes;
    unsigned end = (lane & ~(unsigned)(width - 1)) + (unsigned)width;
    return simt_shuffle_from(mask, "__shfl_xor_sync", value, source < end ? source : lane);
}
template <class T> T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32)
{
    unsigned lane = simt_current->lane, within = lane & (unsigned)(width - 1);
    return simt_shuffle_from(mask, "__shfl_up_sync", value, within >= delta ? lane - delta : lane);
}
template <class T> T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32)
{
    unsigned lane = simt_current->lane, within = lane & (unsigned)(width - 1);
    return simt_shuffle_from(mask, "__shfl_down_sync", value,
                             within + delta < (unsigned)width ? lane + delta : lane);
}

struct simt_vote {
    bool given;
    unsigned got;
};
inline unsigned __ballot_sync(unsigned mask, int predicate)
{
    simt_vote vote = {predicate != 0, 0};
    simt_collect(mask, "__ballot_sync", &vote, [](void **operands) {
        unsigned bits = 0;
        for (unsigned lane = 0; lane < 32; lane++)
            if (operands[lane] && static_cast<simt_vote *>(operands[lane])->given) bits |= 1u << lane;
        for (unsigned lane = 0; lane < 32; lane++)
            if (operands[lane]) static_cast<simt_vote *>(operands[lane])->got = bits;
    });
    return vote.got;
}
inline int __any_sync(unsigned mask, int predicate)
{
    return __ballot_sync(mask, predicate) != 0;
}
inline int __all_sync(unsigned mask, int predicate)
{
    return __ballot_sync(mask, predicate) == mask;
}

/* Threads change hands at barriers alone, so that plain code is atomic. */
template <class T> T atomicAdd(T *at, T value)
{
    T old = *at;
    *at = (T)(old + value);
    return old;
}
template <class T> T atomicMax(T *at, T value)
{
    T old = *at;
    *at = old < value ? value : old;
    return old;
}
template <class T> T atomicMin(T *at, T value)
{
    T old = *at;
    *at = value < old ? value : old;
    return old;
}

/* -- asynchronous copies: cp.async (`source_bytes` from `global`, zeros up to `bytes`),
 * commit_group, wait_group; they land when their group is waited for -- */

void simt_copy_async(void *shared, const void *global, size_t bytes, size_t source_bytes);
void simt_copy_commit(void);
void simt_copy_wait(int groups_in_flight);

/* -- tensor cores: what a warp's 32 lanes do together, by the fragments of the PTX ISA
 * -- */

/* ldmatrix.m8n8.x<count>{.trans}.b16: `row` is the lane's row of one of the 1, 2 or 4
 * matrices, to: (count). */
void simt_load_matrices(unsigned *to, int count, bool turned, const void *row);
/* mma.m16n8k16.row.col.f32.bf16.bf16.f32, d = c: sums (4), a (4) and b (2) pairs. */
void simt_mma(float *sums, const unsigned *a, const unsigned *b);

#ifdef FT_SIMT_ROUNDING
#include "tests/simt/rounding.h"
#endif

/* -- the runtime's functions -- */

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorInsufficientDriver = 35,
    cudaErrorInvalidDeviceFunction = 98,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorNoKernelImageForDevice = 209,
    cudaErrorJitCompilerNotFound = 221,
    cudaErrorUnsupportedPtxVersion = 222,
    cudaErrorInvalidResourceHandle = 400,
    cudaErrorNotReady = 600,
    cudaErrorLaunchFailure = 719,
    cudaErrorStreamCaptureUnsupported = 900,
    cudaErrorStreamCaptureInvalidated = 901,
    cudaErrorStreamCaptureUnjoined = 904
};
typedef struct simt_stream *cudaStream_t;
typedef struct simt_event *cudaEvent_t;
typedef struct simt_graph *cudaGraph_t;
typedef struct simt_graph *cudaGraphExec_t;
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaStreamCaptureMode {
    cudaStreamCaptureModeGlobal,
    cudaStreamCaptureModeThreadLocal,
    cudaStreamCaptureModeRelaxed
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaDeviceAttr { cudaDevAttrMaxSharedMemoryPerBlockOptin = 97 };
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2 };
struct cudaDeviceProp {
    char name[256];
    size_t totalGlobalMem;
    int major, minor, multiProcessorCount;
    size_t sharedMemPerBlockOptin;
};

const char *cudaGetErrorName(cudaError_t error);
const char *cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError(void);
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int *device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device);
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device);
cudaError_t cudaMemGetInfo(size_t *available, size_t *total);
cudaError_t cudaMalloc(void **block, size_t bytes);
cudaError_t cudaFree(void *block);
cudaError_t cudaMallocHost(void **block, size_t bytes);
cudaError_t cudaFreeHost(void *block);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *at, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaDeviceSynchronize(void);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);
cudaError_t simt_set_max_shared(const void *kernel, cudaFuncAttribute attribute, int value);
template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel *kernel, cudaFuncAttribute attribute, int value)
{
    return simt_set_max_shared(reinterpret_cast<const void *>(kernel), attribute, value);
}

struct cudaFuncAttributes {
    int binaryVersion, ptxVersion;
};
cudaError_t simt_get_attributes(cudaFuncAttributes *attributes, const void *kernel);
template <class Kernel> cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, Kernel *kernel)
{
    return simt_get_attributes(attributes, reinterpret_cast<const void *>(kernel));
}

/* -- launches: <<<>>> is nvcc's alone -- */

void simt_launch_body(const char *name, const void *kernel, dim3 grid, dim3 block, size_t shared_bytes,
                      cudaStream_t stream, std::function<void()> body);
/* Arguments are converted and copied now, as a real launch does. */
template <class... Parameters, class... Arguments>
void simt_launch(const char *name, dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
                 void (*kernel)(Parameters...), Arguments... arguments)
{
    std::tuple<Parameters...> bound(arguments...);
    simt_launch_body(name, reinterpret_cast<const void *>(kernel), grid, block, shared_bytes, stream,
                     [kernel, bound] { std::apply(kernel, bound); });
}

#endif
