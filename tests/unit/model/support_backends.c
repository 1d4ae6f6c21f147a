/* The backends that the goldens are run on. */
#include "golden.h"

static ft_status create_ref(ft_backend **backend, ft_error *err)
{
    return ft_ref_create(FT_F64, backend, err);
}
static ft_status create_cpu(ft_backend **backend, ft_error *err)
{
    return ft_cpu_create(FT_F32, 2, backend, err);
}
static ft_status create_cpu_alone(ft_backend **backend, ft_error *err)
{
    return ft_cpu_create(FT_F32, 1, backend, err);
}
static ft_status create_cpu_bf16(ft_backend **backend, ft_error *err)
{
    return ft_cpu_create(FT_BF16, 2, backend, err);
}
const golden_backend golden_backends[GOLDEN_BACKENDS] = {
    {"ref f64", false, create_ref},
    {"cpu f32", false, create_cpu},
    {"cpu bf16", true, create_cpu_bf16},
    {"cpu f32, one thread", false, create_cpu_alone},
};
