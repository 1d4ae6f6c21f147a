/* Golden models and adapters in host memory, for tests without a device. */
#ifndef FT_TESTS_UNIT_MODEL_MODELS_H
#define FT_TESTS_UNIT_MODEL_MODELS_H

#include <stddef.h>

#include "model/adapter.h"

/* A directory of tests/golden, to be freed; the test fails where it cannot be read. */
ft_weights *models_read(const char *name);
ft_adapter *models_read_adapter(const char *name, const ft_weights *base);
/* An adapter of the same values, to be freed. */
ft_adapter *models_copy_adapter(const ft_adapter *adapter, const ft_weights *base);

/* How many values tensor `index` of the weights holds, and a and b of an adapter. */
size_t models_size(const ft_weights *weights, int32_t index);
size_t models_size_of_a(const ft_adapter *adapter, int32_t index);
size_t models_size_of_b(const ft_adapter *adapter, int32_t index);

/* The test fails unless both hold the same bits. */
void expect_equal_weights(const ft_weights *one, const ft_weights *two);
void expect_equal_adapters(const ft_adapter *one, const ft_adapter *two);

#endif
