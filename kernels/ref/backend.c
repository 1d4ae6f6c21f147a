/* The reference backend itself: creation, memory (the host's own), order (everything is
 * done at once). */
#include <stdlib.h>
#include <string.h>

#include "base/poison.h"
#include "kernels/host_memory.h"
#include "kernels/ref/ref.h"

static ft_ref_backend *ft_ref_of(ft_backend *self)
{
    return (ft_ref_backend *)self;
}

double *ft_ref_scratch(ft_backend *self, int64_t count)
{
    ft_ref_backend *ref = ft_ref_of(self);
    size_t wanted = count > 0 ? (size_t)count : 1;
    FT_UNPOISON(ref->scratch, ref->scratch_count * sizeof *ref->scratch);
    if (wanted > ref->scratch_count) {
        double *larger = realloc(ref->scratch, wanted * sizeof *larger);
        if (!larger) {
            if (ref->failure == FT_OK)
                ref->failure =
                    ft_no_memory(&ref->error, "scratch memory of the ref backend", wanted * sizeof *larger);
            return NULL;
        }
        ref->scratch = larger;
        ref->scratch_count = wanted;
    }
    FT_POISON(ref->scratch + wanted, (ref->scratch_count - wanted) * sizeof *ref->scratch);
    return ref->scratch;
}

static void free_backend(ft_backend *self)
{
    if (!self) return;
    free(ft_ref_of(self)->scratch);
    free(self);
}

/* Fresh memory holds NaN in every element type, so that a value read before it was
 * written shows. */
static void *allocate(ft_backend *self, size_t bytes, ft_error *err)
{
    const size_t rounded = bytes / 64 * 64 + 64;
    char *block = NULL;
    if (bytes <= self->memory_bytes) block = aligned_alloc(64, rounded);
    if (!block) {
        ft_no_memory(err, "device memory of the ref backend", bytes);
        return NULL;
    }
    memset(block, 0xff, rounded);
    FT_POISON(block + bytes, rounded - bytes);
    return block;
}

static ft_status synchronize(ft_backend *self, ft_error *err)
{
    ft_ref_backend *ref = ft_ref_of(self);
    ft_status status = ref->failure;
    ref->failure = FT_OK;
    return status == FT_OK ? FT_OK : ft_fail(err, status, "%s", ref->error.message);
}

ft_status ft_ref_create(ft_dtype dtype, ft_backend **backend, ft_error *err)
{
    *backend = NULL;
    ft_ref_backend *ref = calloc(1, sizeof *ref);
    if (!ref) return ft_no_memory(err, "the ref backend", sizeof *ref);
    ref->base = (ft_backend){
        .name = "ref",
        .device = "CPU, scalar reference",
        .real = dtype == FT_F64 ? FT_F64 : FT_F32,
        .matrix = dtype,
        .bf16 = dtype == FT_BF16,
        .n_threads = 1,
        .free = free_backend,
        .allocate = allocate,
        .synchronize = synchronize,
    };
    ft_host_memory_operations(&ref->base);
    ft_ref_linear_operations(&ref->base);
    ft_ref_embedding_operations(&ref->base);
    ft_ref_norm_operations(&ref->base);
    ft_ref_relu_operations(&ref->base);
    ft_ref_lora_operations(&ref->base);
    ft_ref_attention_operations(&ref->base);
    ft_ref_loss_operations(&ref->base);
    ft_ref_sampling_operations(&ref->base);
    ft_ref_optimizer_operations(&ref->base);
    *backend = &ref->base;
    return FT_OK;
}
