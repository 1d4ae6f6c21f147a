/* The simulated GPUs that the model's golden tests are run on; see
 * tests/unit/model/golden.h. */
#include "tests/simt/simt.h"
#include "tests/unit/model/golden.h"

static ft_status create(ft_dtype dtype, simt_order order, ft_backend **backend, ft_error *err)
{
    simt_set_order(order, 99);
    return ft_cuda_create(0, dtype, backend, err);
}

static ft_status create_forward(ft_backend **backend, ft_error *err)
{
    return create(FT_F32, SIMT_FORWARD, backend, err);
}

static ft_status create_reverse(ft_backend **backend, ft_error *err)
{
    return create(FT_F32, SIMT_REVERSE, backend, err);
}

static ft_status create_random(ft_backend **backend, ft_error *err)
{
    return create(FT_F32, SIMT_RANDOM, backend, err);
}

static ft_status create_bf16(ft_backend **backend, ft_error *err)
{
    return create(FT_BF16, SIMT_FORWARD, backend, err);
}

const golden_backend golden_backends[GOLDEN_BACKENDS] = {
    {"cuda f32", false, create_forward},
    {"cuda bf16", true, create_bf16},
    {"cuda f32, in reverse", false, create_reverse},
    {"cuda f32, at random", false, create_random},
};
