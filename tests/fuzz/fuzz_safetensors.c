/* A safetensors file: its header, and the values of each tensor. The input is the text of
 * the header and, behind a line "===", the data; the eight bytes of the header's length
 * are put before it, so that mutations reach the header. An input that begins with a NUL
 * byte is the whole file behind that byte. */
#include <stdlib.h>
#include <string.h>

#include "model/safetensors.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_BYTES = 1 << 20 };

static void read_tensor(const ft_safetensors *file, const ft_stored_tensor *tensor)
{
    ft_error err;
    FUZZ_EXPECT(ft_safetensors_find(file, tensor->name) == tensor);
    FUZZ_EXPECT(tensor->n_dims >= 0 && tensor->n_dims <= FT_STORED_MAX_DIMS);
    FUZZ_EXPECT(tensor->bytes == tensor->count * ft_stored_dtype_bytes(tensor->dtype));
    if (tensor->bytes > MAX_BYTES) return;
    char *bytes = malloc((size_t)tensor->bytes + 1);
    fuzz_check(ft_safetensors_read(file, tensor, bytes, &err), &err, file->path);
    free(bytes);
    int64_t rows = tensor->n_dims > 1 ? tensor->shape[0] : 1,
            cols = tensor->n_dims > 1 ? tensor->shape[1] : 2;
    if (ft_safetensors_expect_matrix(file, tensor, rows, cols, &err) != FT_OK) return;
    float *values = malloc((size_t)tensor->count * sizeof *values + 1);
    fuzz_check(ft_safetensors_read_matrix(file, tensor, rows, cols, values, &err), &err, file->path);
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path;
    if (size > 0 && data[0] == 0) {
        path = fuzz_put("model.safetensors", data + 1, size - 1);
    } else {
        size_t header = 0, left = size;
        const uint8_t *at = data, *text = size ? fuzz_part(&at, &left, &header) : data;
        char *bytes = malloc(8 + header + left);
        uint64_t length = header;
        memcpy(bytes, &length, 8);
        if (header) memcpy(bytes + 8, text, header);
        if (at && left) memcpy(bytes + 8 + header, at, left);
        path = fuzz_put("model.safetensors", bytes, 8 + header + (at ? left : 0));
        free(bytes);
    }
    ft_safetensors *file = NULL;
    ft_error err = {""};
    ft_status status = ft_safetensors_open(path, &file, &err);
    fuzz_check(status, &err, path);
    FUZZ_EXPECT((status == FT_OK) == (file != NULL));
    if (!file) return 0;
    uint64_t total = 0;
    for (size_t i = 0; i < file->count; i++) {
        read_tensor(file, &file->tensors[i]);
        total += file->tensors[i].bytes;
    }
    FUZZ_EXPECT(total <= size);
    FUZZ_EXPECT(file->n_metadata == 0 || ft_safetensors_metadata(file, file->metadata[0]));
    ft_safetensors_close(file);
    return 0;
}
