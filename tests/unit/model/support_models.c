/* See models.h. */
#include "models.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "scratch.h"

ft_weights *models_read(const char *name)
{
    ft_error err;
    ft_weights *weights;
    char *path = golden_path(name);
    expect_ok(ft_weights_read(path, &weights, &err), &err);
    free(path);
    return weights;
}

ft_adapter *models_read_adapter(const char *name, const ft_weights *base)
{
    ft_error err;
    ft_adapter *adapter;
    char *path = golden_path(name);
    expect_ok(ft_adapter_read(path, base, &adapter, &err), &err);
    free(path);
    return adapter;
}

ft_adapter *models_copy_adapter(const ft_adapter *adapter, const ft_weights *base)
{
    ft_error err;
    ft_adapter *copy;
    expect_ok(ft_adapter_init(&adapter->spec, base, 0, &copy, &err), &err);
    for (int32_t i = 0; i < ft_tensor_count(&base->config); i++) {
        if (adapter->a[i]) memcpy(copy->a[i], adapter->a[i], models_size_of_a(copy, i) * sizeof(float));
        if (adapter->b[i]) memcpy(copy->b[i], adapter->b[i], models_size_of_b(copy, i) * sizeof(float));
    }
    return copy;
}

size_t models_size(const ft_weights *weights, int32_t index)
{
    ft_tensor_info info = ft_tensor_describe(&weights->config, index);
    return (size_t)info.rows * (size_t)info.cols;
}

size_t models_size_of_a(const ft_adapter *adapter, int32_t index)
{
    ft_tensor_info info = ft_tensor_describe(&adapter->config, index);
    size_t rows = adapter->spec.kind == FT_LORA ? (size_t)adapter->spec.rank : (size_t)info.rows;
    return rows * (size_t)info.cols;
}

size_t models_size_of_b(const ft_adapter *adapter, int32_t index)
{
    return (size_t)ft_tensor_describe(&adapter->config, index).rows * (size_t)adapter->spec.rank;
}

void expect_equal_weights(const ft_weights *one, const ft_weights *two)
{
    cr_expect_eq(one->tied, two->tied);
    for (int32_t i = 0; i < ft_tensor_count(&one->config); i++) {
        cr_assert_eq(!one->tensor[i], !two->tensor[i], "tensor %d", (int)i);
        if (one->tensor[i])
            cr_expect(!memcmp(one->tensor[i], two->tensor[i], models_size(one, i) * sizeof(float)),
                      "tensor %d", (int)i);
    }
}

void expect_equal_adapters(const ft_adapter *one, const ft_adapter *two)
{
    cr_expect_eq(one->spec.kind, two->spec.kind);
    cr_expect_eq(one->spec.rank, two->spec.rank);
    cr_expect_eq(one->spec.alpha, two->spec.alpha);
    cr_expect_eq(one->spec.dropout, two->spec.dropout);
    cr_expect_eq(one->spec.use_rslora, two->spec.use_rslora);
    cr_expect_eq(one->spec.targets, two->spec.targets);
    for (int32_t i = 0; i < ft_tensor_count(&one->config); i++) {
        cr_assert_eq(!one->a[i], !two->a[i]);
        cr_assert_eq(!one->b[i], !two->b[i]);
        if (one->a[i])
            cr_expect(!memcmp(one->a[i], two->a[i], models_size_of_a(one, i) * sizeof(float)), "a of %d",
                      (int)i);
        if (one->b[i])
            cr_expect(!memcmp(one->b[i], two->b[i], models_size_of_b(one, i) * sizeof(float)), "b of %d",
                      (int)i);
    }
}
