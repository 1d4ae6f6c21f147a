/* safetensors files: named tensors behind a JSON header. Models, adapters and checkpoints
 * are kept in them.
 *
 * A file is 8 bytes of header length (little-endian), the header {"name": {"dtype",
 * "shape", "data_offsets"}, ..., "__metadata__": {string: string}}, and the tensors'
 * bytes, which must cover the rest of the file without holes or overlaps. */
#ifndef FT_MODEL_SAFETENSORS_H
#define FT_MODEL_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum ft_stored_dtype {
    FT_STORED_F32,
    FT_STORED_F16,
    FT_STORED_BF16,
    FT_STORED_F64,
    FT_STORED_I32,
    FT_STORED_I64,
    FT_STORED_U8,
    FT_STORED_BOOL,
    FT_STORED_DTYPES,
} ft_stored_dtype;

enum { FT_STORED_MAX_DIMS = 8 };

/* Bytes of one element, and the dtype's name in the header ("F32", ...). */
size_t ft_stored_dtype_bytes(ft_stored_dtype dtype);
const char *ft_stored_dtype_name(ft_stored_dtype dtype);

/* One tensor of an open file. n_dims 0 is a scalar. */
typedef struct ft_stored_tensor {
    const char *name;
    ft_stored_dtype dtype;
    int32_t n_dims;
    int64_t shape[FT_STORED_MAX_DIMS];
    uint64_t count, bytes; /* elements, and their bytes */
    uint64_t offset;       /* of the first byte in the file */
} ft_stored_tensor;

typedef struct ft_safetensors {
    char *path;
    int descriptor;
    ft_stored_tensor *tensors; /* (count) sorted by name */
    size_t count;
    /* (2 * n_metadata) key, value, key, value, ... in the order of the file */
    char **metadata;
    size_t n_metadata;
    void *header; /* owns the names */
} ft_safetensors;

/* Opens a file and checks the whole of its header. Refused (FT_BAD_INPUT, naming file and
 * tensor): a header that is not whole or not JSON, a name given twice, an unknown dtype,
 * a shape that is too large or does not match the bytes, offsets outside of the file,
 * overlaps and holes. The caller closes *file. */
ft_status ft_safetensors_open(const char *path, ft_safetensors **file, ft_error *err);
void ft_safetensors_close(ft_safetensors *file);

/* The tensor of a name, or NULL. */
const ft_stored_tensor *ft_safetensors_find(const ft_safetensors *file, const char *name);
/* The metadata value of a key, or NULL. */
const char *ft_safetensors_metadata(const ft_safetensors *file, const char *key);

/* The tensor's bytes as they are, into `out` (tensor->bytes). */
ft_status ft_safetensors_read(const ft_safetensors *file, const ft_stored_tensor *tensor, void *out,
                              ft_error *err);
/* Whether the tensor is a matrix of f32, f16, bf16 or f64 and of shape (rows, cols), or
 * (cols) where rows is 1; else FT_BAD_INPUT, naming the file, the tensor and both
 * shapes. */
ft_status ft_safetensors_expect_matrix(const ft_safetensors *file, const ft_stored_tensor *tensor,
                                       int64_t rows, int64_t cols, ft_error *err);
/* Such a matrix as floats, into `out` (rows, cols). */
ft_status ft_safetensors_read_matrix(const ft_safetensors *file, const ft_stored_tensor *tensor, int64_t rows,
                                     int64_t cols, float *out, ft_error *err);

/* A tensor to be written: `data` holds the product of `shape` elements. */
typedef struct ft_tensor_to_store {
    const char *name;
    ft_stored_dtype dtype;
    int32_t n_dims;
    int64_t shape[FT_STORED_MAX_DIMS];
    const void *data;
} ft_tensor_to_store;

/* Writes a file, whole or not at all. `metadata` is n_metadata keys and values in turn
 * (NULL where n_metadata is 0). The same tensors give the same bytes whatever their
 * order: they are laid out by element size, largest first, then by name. */
ft_status ft_safetensors_write(const char *path, const ft_tensor_to_store *tensors, size_t count,
                               const char *const *metadata, size_t n_metadata, ft_error *err);

/* Makes elements first .. first + count - 1 of a tensor; `first` is a multiple of
 * FT_STORED_PIECE. Several threads call it at the same time. */
typedef void ft_make_elements(const void *source, size_t first, size_t count, void *out);
enum { FT_STORED_PIECE = 1 << 16 };

/* The same for tensors that are made while the file is written: each one's `data` is the
 * `source` of `make`. */
ft_status ft_safetensors_write_made(const char *path, const ft_tensor_to_store *tensors, size_t count,
                                    ft_make_elements *make, const char *const *metadata, size_t n_metadata,
                                    ft_error *err);

#endif
