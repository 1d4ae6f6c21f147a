/* Devices, errors, copies and launches; the settings of simt.h. */
#include <cstdarg>
#include <cstdio>
#include <map>
#include <memory>
#include <utility>

#include "cuda_runtime.h"
#include "tests/simt/machine.h"

namespace
{

int devices = 1;
size_t memory_bytes = (size_t)2 << 30;
std::string first_fault;
simt_order turn_order;
uint64_t random_state, last_blocks = UINT64_MAX;
simt_counts counted;
struct planned_failure {
    int countdown, error;
};
std::map<std::string, planned_failure> planned;
std::map<std::string, int> called;
std::map<int, int> capabilities; /* of the devices that are not of DEFAULT_CAPABILITY */
std::map<std::pair<int, const void *>, size_t> opted_in; /* by device and kernel */

enum { DEFAULT_CAPABILITY = 80 };

int capability_of(int device)
{
    auto found = capabilities.find(device);
    return found == capabilities.end() ? DEFAULT_CAPABILITY : found->second;
}

/* The most shared memory of a block (CUDA C++ Programming Guide, "Technical
 * Specifications per Compute Capability"); 0: not known here. */
size_t most_shared(int capability)
{
    switch (capability) {
    case 80:
        return 163 * 1024;
    case 86:
    case 89:
        return 99 * 1024;
    case 90:
    case 100:
        return simt::MOST_SHARED_BYTES;
    default:
        return 0;
    }
}

cudaError_t failed(cudaError_t error)
{
    simt::host().last_error = error;
    return error;
}

cudaError_t status_of(const char *function)
{
    int error = simt::injected(function);
    if (!error && simt::faulted()) error = cudaErrorLaunchFailure;
    return error ? failed((cudaError_t)error) : cudaSuccess;
}

} // namespace

/* -- simt.h -- */

void simt_reset(int n_devices, size_t bytes)
{
    simt::forget_streams();
    simt::forget_communicators();
    simt::release_everything();
    devices = n_devices;
    memory_bytes = bytes;
    simt::forget_host();
    first_fault.clear();
    planned.clear();
    called.clear();
    capabilities.clear();
    opted_in.clear();
    counted = {};
    last_blocks = UINT64_MAX;
    simt_spoil_algorithms(0);
    simt_set_order(SIMT_FORWARD, 0);
}

void simt_set_capability(int device, int capability)
{
    if (!most_shared(capability)) simt::fault("compute capability %d is not simulated", capability);
    capabilities[device] = capability;
}

void simt_set_order(simt_order order, uint64_t seed)
{
    turn_order = order;
    random_state = seed;
}

void simt_run_last_blocks(uint64_t count)
{
    last_blocks = count;
}

const char *simt_fault(void)
{
    return first_fault.empty() ? nullptr : first_fault.c_str();
}

void simt_fail_call(const char *function, int nth, int error)
{
    planned[function] = {nth, error};
}

const char *const simt_functions[SIMT_FUNCTIONS] = {
    "cublasLtCreate",
    "cublasLtDestroy",
    "cublasLtMatmul",
    "cublasLtMatmulAlgoGetHeuristic",
    "cublasLtMatmulDescCreate",
    "cublasLtMatmulDescDestroy",
    "cublasLtMatmulDescSetAttribute",
    "cublasLtMatmulPreferenceCreate",
    "cublasLtMatmulPreferenceDestroy",
    "cublasLtMatmulPreferenceSetAttribute",
    "cublasLtMatrixLayoutCreate",
    "cublasLtMatrixLayoutDestroy",
    "cudaDeviceGetAttribute",
    "cudaDeviceSynchronize",
    "cudaEventCreateWithFlags",
    "cudaEventDestroy",
    "cudaEventQuery",
    "cudaEventRecord",
    "cudaEventSynchronize",
    "cudaFree",
    "cudaFreeHost",
    "cudaFuncGetAttributes",
    "cudaFuncSetAttribute",
    "cudaGetDeviceCount",
    "cudaGetDeviceProperties",
    "cudaGraphDestroy",
    "cudaGraphExecDestroy",
    "cudaGraphInstantiate",
    "cudaGraphLaunch",
    "cudaMalloc",
    "cudaMallocHost",
    "cudaMemGetInfo",
    "cudaMemcpyAsync",
    "cudaMemsetAsync",
    "cudaSetDevice",
    "cudaStreamBeginCapture",
    "cudaStreamCreateWithFlags",
    "cudaStreamDestroy",
    "cudaStreamEndCapture",
    "cudaStreamSynchronize",
    "cudaStreamWaitEvent",
    "launch",
    "ncclAllReduce",
    "ncclBroadcast",
    "ncclCommAbort",
    "ncclCommDestroy",
    "ncclCommGetAsyncError",
    "ncclCommInitRank",
    "ncclGetUniqueId",
    "ncclGroupEnd",
    "ncclGroupStart",
};

int simt_called(const char *function)
{
    auto found = called.find(function);
    return found == called.end() ? 0 : found->second;
}

simt_counts simt_counted(void)
{
    return counted;
}

/* -- machine.h -- */

void simt::fault(const char *format, ...)
{
    if (!first_fault.empty()) return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    first_fault = text;
    made_progress();
}

bool simt::faulted()
{
    return !first_fault.empty();
}

int simt::injected(const char *function)
{
    if (called[function]++ == 0) {
        bool known = false;
        for (const char *name : simt_functions) known = known || strcmp(name, function) == 0;
        if (!known) fault("%s is missing in simt_functions", function);
    }
    auto found = planned.find(function);
    if (found == planned.end() || --found->second.countdown > 0) return 0;
    int error = found->second.error;
    planned.erase(found);
    return error;
}

simt_counts &simt::counts()
{
    return counted;
}

simt_order simt::order()
{
    return turn_order;
}

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
uint64_t simt::random_number()
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t simt::blocks_to_run()
{
    return last_blocks;
}

int simt::n_devices()
{
    return devices;
}

int simt::current_device()
{
    return host().device;
}

size_t simt::device_memory()
{
    return memory_bytes;
}

/* -- devices -- */

const char *cudaGetErrorName(cudaError_t error)
{
    switch (error) {
    case cudaSuccess:
        return "cudaSuccess";
    case cudaErrorMemoryAllocation:
        return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
        return "cudaErrorInvalidConfiguration";
    case cudaErrorNoKernelImageForDevice:
        return "cudaErrorNoKernelImageForDevice";
    case cudaErrorLaunchFailure:
        return "cudaErrorLaunchFailure";
    case cudaErrorStreamCaptureUnjoined:
        return "cudaErrorStreamCaptureUnjoined";
    default:
        return "cudaErrorSimulated";
    }
}

const char *cudaGetErrorString(cudaError_t error)
{
    if (error == cudaErrorLaunchFailure && simt_fault()) return simt_fault();
    return cudaGetErrorName(error);
}

cudaError_t cudaGetLastError(void)
{
    int error = simt::host().last_error;
    simt::host().last_error = cudaSuccess;
    return simt::faulted() ? cudaErrorLaunchFailure : (cudaError_t)error;
}

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = devices;
    cudaError_t error = status_of("cudaGetDeviceCount");
    if (error == cudaSuccess && devices == 0) error = cudaErrorNoDevice;
    return error;
}

cudaError_t cudaSetDevice(int number)
{
    if (number < 0 || number >= devices) return failed(cudaErrorInvalidDevice);
    simt::host().device = number;
    return status_of("cudaSetDevice");
}

cudaError_t cudaGetDevice(int *number)
{
    *number = simt::current_device();
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int number)
{
    if (number < 0 || number >= devices) return failed(cudaErrorInvalidDevice);
    *properties = {};
    snprintf(properties->name, sizeof properties->name, "simulated GPU %d", number);
    properties->totalGlobalMem = memory_bytes;
    properties->major = capability_of(number) / 10;
    properties->minor = capability_of(number) % 10;
    properties->sharedMemPerBlockOptin = most_shared(capability_of(number));
    properties->multiProcessorCount = 4;
    return status_of("cudaGetDeviceProperties");
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr, int number)
{
    if (number < 0 || number >= devices) return failed(cudaErrorInvalidDevice);
    *value = (int)most_shared(capability_of(number));
    return status_of("cudaDeviceGetAttribute");
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *total)
{
    *available = simt::free_bytes(simt::current_device());
    *total = memory_bytes;
    return status_of("cudaMemGetInfo");
}

/* -- memory -- */

static cudaError_t make_block(const char *function, void **block, size_t bytes, bool pinned)
{
    *block = nullptr;
    cudaError_t error = status_of(function);
    if (error != cudaSuccess) return error;
    *block = simt::allocate(simt::current_device(), bytes, pinned);
    return *block ? cudaSuccess : failed(cudaErrorMemoryAllocation);
}

/* Both wait for the device, as the real ones do. */
static cudaError_t free_block(const char *function, void *block)
{
    if (!block) return cudaSuccess;
    simt::finish_device();
    if (!simt::release(block)) return failed(cudaErrorInvalidValue);
    return status_of(function);
}

cudaError_t cudaMalloc(void **block, size_t bytes)
{
    return make_block("cudaMalloc", block, bytes, false);
}

cudaError_t cudaFree(void *block)
{
    return free_block("cudaFree", block);
}

cudaError_t cudaMallocHost(void **block, size_t bytes)
{
    return make_block("cudaMallocHost", block, bytes, true);
}

cudaError_t cudaFreeHost(void *block)
{
    return free_block("cudaFreeHost", block);
}

/* Host memory is read as late as the rules allow: pageable memory now, pinned memory when
 * the copy's turn comes. */
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    cudaError_t error = status_of("cudaMemcpyAsync");
    if (error != cudaSuccess || !bytes) return error;
    simt::counts().copies++;
    if (kind == cudaMemcpyHostToDevice && !simt::is_pinned(from)) {
        auto *first = static_cast<const char *>(from);
        auto staged = std::make_shared<std::string>(first, first + bytes);
        return (cudaError_t)simt::enqueue(stream, "a copy", [=] { memcpy(to, staged->data(), bytes); });
    }
    return (cudaError_t)simt::enqueue(stream, "a copy", [=] { memmove(to, from, bytes); });
}

cudaError_t cudaMemsetAsync(void *at, int value, size_t bytes, cudaStream_t stream)
{
    cudaError_t error = status_of("cudaMemsetAsync");
    if (error != cudaSuccess || !bytes) return error;
    return (cudaError_t)simt::enqueue(stream, "a memset", [=] { memset(at, value, bytes); });
}

/* -- launches -- */

cudaError_t simt_get_attributes(cudaFuncAttributes *attributes, const void *)
{
    *attributes = {80, 80};
    return status_of("cudaFuncGetAttributes");
}

cudaError_t simt_set_max_shared(const void *kernel, cudaFuncAttribute, int value)
{
    int device = simt::current_device();
    if (value < 0 || (size_t)value > most_shared(capability_of(device))) return failed(cudaErrorInvalidValue);
    opted_in[{device, kernel}] = (size_t)value;
    return status_of("cudaFuncSetAttribute");
}

void simt_launch_body(const char *name, const void *kernel, dim3 grid, dim3 block, size_t shared_bytes,
                      cudaStream_t stream, std::function<void()> body)
{
    if (status_of("launch") != cudaSuccess) return;
    int device = simt::current_device();
    auto opted = opted_in.find({device, kernel});
    bool opts = opted != opted_in.end();
    size_t reserved = opts ? opted->second : shared_bytes;
    size_t limit = opts ? most_shared(capability_of(device)) : (size_t)simt::SHARED_BYTES;
    unsigned long long threads = (unsigned long long)block.x * block.y * block.z;
    bool possible = threads >= 1 && threads <= 1024 && block.z <= 64 && grid.x >= 1 &&
                    grid.x <= 0x7fffffffu && grid.y >= 1 && grid.y <= 65535 && grid.z >= 1 &&
                    grid.z <= 65535 && shared_bytes <= reserved && reserved <= limit;
    if (!possible) {
        failed(cudaErrorInvalidConfiguration);
        return;
    }
    simt::counts().kernels++;
    int error = simt::enqueue(stream, name, [=] {
        simt::grid shape = {
            name, {grid.x, grid.y, grid.z}, {block.x, block.y, block.z}, shared_bytes, reserved, limit};
        simt::run_grid(shape, body);
    });
    if (error) failed((cudaError_t)error);
}
