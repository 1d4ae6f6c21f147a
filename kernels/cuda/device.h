/* Shared by the host side of the CUDA backend: its state, checked calls, launches.
 *
 * Every call to CUDA is checked. The backend keeps the first failure, with the name of
 * the call, the file and the device, until the next synchronize reports it. After a
 * failure, operations return at once and queue nothing. */
#ifndef FT_KERNELS_CUDA_DEVICE_H
#define FT_KERNELS_CUDA_DEVICE_H

#include <cuda_runtime.h>

#include "kernels/backend.h"

/* Only nvcc understands <<<>>>; tests/simt executes the same source without it. Put the
 * name of a template in parentheses. */
#ifdef FT_SIMT
#define FT_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                            \
    simt_launch(#kernel, grid, block, shared_bytes, stream, kernel, __VA_ARGS__)
#else
#define FT_LAUNCH(kernel, grid, block, shared_bytes, stream, ...)                                            \
    (kernel)<<<grid, block, shared_bytes, stream>>>(__VA_ARGS__)
#endif

/* What scratch memory is used for. There is one block for each stream and use; it only
 * grows. */
typedef enum ft_cuda_use {
    FT_CUDA_LOSS_ROWS,
    FT_CUDA_NORM_PARTS,
    FT_CUDA_NORM_WEIGHT_PARTS,
    FT_CUDA_LORA_PARTS,
    FT_CUDA_BIAS_PARTS,
    FT_CUDA_ROW_SUMS,
    FT_CUDA_LEFT,
    FT_CUDA_RIGHT,
    FT_CUDA_WORKSPACE,
    FT_CUDA_USES
} ft_cuda_use;

enum { FT_CUDA_MAX_BUCKETS = 128, FT_CUDA_STAGING = 4 << 20 };

/* T5's relative-position buckets as a kernel argument. Each distance below max_exact has
 * a bucket of its own; bucket max_exact + 1 + i begins at distance first[i]. With
 * `bidirectional`, keys after the query use a second half of the buckets. */
typedef struct ft_cuda_buckets {
    int32_t n_buckets, max_exact, n_first, half;
    int32_t first[FT_CUDA_MAX_BUCKETS];
} ft_cuda_buckets;

/* The number of blocks in a grid. CUDA_LAUNCH refuses more than CUDA allows. */
struct ft_cuda_grid {
    int64_t x, y, z;
    ft_cuda_grid(int64_t x_, int64_t y_ = 1, int64_t z_ = 1) : x(x_), y(y_), z(z_) {}
};
enum { FT_CUDA_MAX_GRID_X = 0x7fffffff, FT_CUDA_MAX_GRID_Y = 65535, FT_CUDA_MAX_GRID_Z = 65535 };

/* A copy to the host, which goes through pinned memory. */
typedef struct ft_cuda_fetch {
    char *pinned;
    size_t capacity;
    cudaEvent_t done;
    void *host;
    size_t bytes; /* 0: it could not be queued */
} ft_cuda_fetch;

typedef struct ft_cuda {
    ft_backend base; /* first, so that the pointers convert */
    int device;
    cudaStream_t stream; /* all operations are queued here */
    ft_status failure;
    ft_error failed;
    struct {
        void *data;
        size_t bytes;
    } scratch[FT_CUDA_USES];
    /* Scratch blocks that were replaced by larger ones but may still be in use. */
    struct ft_cuda_outgrown *outgrown;
    /* A communicator exists: freeing memory may then wait for other ranks. */
    bool communicates;
    struct ft_cuda_graph *graphs; /* live graphs */
    /* (2, FT_CUDA_STAGING) pinned host memory: data that to_device has taken and the
     * device may not have read yet. One half is filled, up to `staged` bytes;
     * staging_read says when the other has been read. */
    char *staging;
    size_t staged;
    int staging_half;
    cudaEvent_t staging_read[2];
    /* Copies to the host that are under way, by turns in two places; `fetches` and
     * `fetches_taken` count them. */
    ft_cuda_fetch fetch[2];
    uint64_t fetches, fetches_taken;
    struct ft_cuda_lt *lt; /* matrix products */
    /* Buckets of the last bias, and the three values they were computed from. */
    ft_cuda_buckets buckets;
    int32_t buckets_count, buckets_distance;
    bool buckets_bidirectional;
} ft_cuda;

static inline ft_cuda *ft_cuda_of(ft_backend *self)
{
    return (ft_cuda *)self;
}

/* Begins an operation: makes the backend's device the current one. Returns false after a
 * failure; the caller then queues nothing. */
bool ft_cuda_enter(ft_cuda *cuda);
/* Keeps the failure of `call`, if there is one. Returns whether the call succeeded. */
bool ft_cuda_check(ft_cuda *cuda, cudaError_t error, const char *call, const char *file, int line);
void ft_cuda_fail(ft_cuda *cuda, ft_status status, const char *message);
/* Converts a grid for CUDA. Returns false and keeps the failure if CUDA cannot launch so
 * many blocks. */
bool ft_cuda_grid_fits(ft_cuda *cuda, ft_cuda_grid grid, dim3 *fitting);
/* Returns scratch memory, or NULL and keeps the failure. It is valid until the next call
 * for the same use; a captured graph may use it as long as the graph lives. */
void *ft_cuda_scratch(ft_cuda *cuda, ft_cuda_use use, size_t bytes);
/* Frees all scratch memory. */
void ft_cuda_free_scratch(ft_cuda *cuda);
/* Destroys all captured graphs, after running ones have ended. Afterwards the caller can
 * only free them. */
void ft_cuda_drop_graphs(ft_cuda *cuda);
/* Fails with the number of bytes asked for, the number free, and the settings to
 * lower. */
ft_status ft_cuda_no_memory(ft_cuda *cuda, size_t bytes, ft_error *err);

#define CUDA_TRY(cuda, call) ft_cuda_check(cuda, call, #call, __FILE__, __LINE__)

/* Queues a kernel and checks that the launch succeeded. */
#define CUDA_LAUNCH(cuda, kernel, grid, threads, shared_bytes, ...)                                          \
    do {                                                                                                     \
        dim3 launched_grid;                                                                                  \
        if (!ft_cuda_grid_fits(cuda, grid, &launched_grid)) break;                                           \
        FT_LAUNCH(kernel, launched_grid, dim3(threads), shared_bytes, (cuda)->stream, __VA_ARGS__);          \
        ft_cuda_check(cuda, cudaGetLastError(), "launch of " #kernel, __FILE__, __LINE__);                   \
    } while (0)

__host__ __device__ static inline int64_t ft_cuda_ceil(int64_t count, int64_t size)
{
    return (count + size - 1) / size;
}

/* -- the operations, one file each; backend.h defines them -- */

void ft_cuda_memory_operations(ft_backend *base);
ft_status ft_cuda_linear_operations(ft_cuda *cuda, ft_error *err); /* opens cuBLASLt */
void ft_cuda_linear_close(ft_cuda *cuda);
void ft_cuda_embedding_operations(ft_backend *base);
void ft_cuda_norm_operations(ft_backend *base);
void ft_cuda_relu_operations(ft_backend *base);
void ft_cuda_lora_operations(ft_backend *base);
void ft_cuda_attention_operations(ft_backend *base);
void ft_cuda_attention_backward_operations(ft_backend *base);
void ft_cuda_decode_operations(ft_backend *base);
void ft_cuda_loss_operations(ft_backend *base);
void ft_cuda_sampling_operations(ft_backend *base);
void ft_cuda_optimizer_operations(ft_backend *base);

/* NCCL's part of ft_cuda_describe. */
void ft_nccl_describe(bool open, char *text, size_t size);

/* Copies the buckets of a bias for use in a kernel. Returns false and keeps the failure
 * if there are more buckets than kernels support. */
bool ft_cuda_buckets_of(ft_cuda *cuda, int32_t n_buckets, bool bidirectional, int32_t max_distance,
                        ft_cuda_buckets *buckets);

#endif
