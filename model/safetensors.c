/* Reads and writes safetensors files; see safetensors.h. For little-endian machines
 * only, as is ftgpu. */
#include "model/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bf16.h"
#include "base/file.h"
#include "base/json.h"
#include "base/parallel.h"
#include "base/text.h"
#include "model/place.h"

enum { LENGTH_BYTES = 8 };
enum { MAX_HEADER_BYTES = 100 * 1000 * 1000 }; /* as the reference implementation */

static const struct {
    const char *name;
    size_t bytes;
} dtypes[FT_STORED_DTYPES] = {
    [FT_STORED_F32] = {"F32", 4}, [FT_STORED_F16] = {"F16", 2},   [FT_STORED_BF16] = {"BF16", 2},
    [FT_STORED_F64] = {"F64", 8}, [FT_STORED_I32] = {"I32", 4},   [FT_STORED_I64] = {"I64", 8},
    [FT_STORED_U8] = {"U8", 1},   [FT_STORED_BOOL] = {"BOOL", 1},
};

size_t ft_stored_dtype_bytes(ft_stored_dtype dtype)
{
    return dtypes[dtype].bytes;
}

const char *ft_stored_dtype_name(ft_stored_dtype dtype)
{
    return dtypes[dtype].name;
}

/* Exactly `bytes` bytes from `offset`. */
static ft_status read_exactly(const ft_safetensors *file, void *out, uint64_t bytes, uint64_t offset,
                              ft_error *err)
{
    char *at = out;
    while (bytes > 0) {
        size_t part = bytes > 1u << 30 ? 1u << 30 : (size_t)bytes;
        ssize_t got = pread(file->descriptor, at, part, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ft_fail(err, FT_FAILED, "%s: cannot be read: %s", file->path, strerror(errno));
        if (got == 0) return ft_fail(err, FT_BAD_INPUT, "%s: became shorter while it was read", file->path);
        at += got;
        bytes -= (uint64_t)got;
        offset += (uint64_t)got;
    }
    return FT_OK;
}

/* A whole number in [0, 2^53]: what a double holds exactly. */
static bool whole_number(const cJSON *item, uint64_t *value)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 9007199254740992.0 ||
        item->valuedouble != floor(item->valuedouble))
        return false;
    *value = (uint64_t)item->valuedouble;
    return true;
}

static ft_status bad_tensor(const ft_safetensors *file, const char *name, const char *what, ft_error *err)
{
    return ft_fail(err, FT_BAD_INPUT, "%s: tensor \"%s\": %s", file->path, name, what);
}

/* Fills one tensor from its header entry. data_bytes is the size of the file behind the
 * header, data_start where that begins. */
static ft_status read_entry(const ft_safetensors *file, const cJSON *entry, uint64_t data_start,
                            uint64_t data_bytes, ft_stored_tensor *tensor, ft_error *err)
{
    const char *name = entry->string;
    *tensor = (ft_stored_tensor){.name = name, .dtype = FT_STORED_DTYPES, .count = 1};
    if (!cJSON_IsObject(entry)) return bad_tensor(file, name, "its header entry is not an object", err);
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    if (!cJSON_IsString(dtype)) return bad_tensor(file, name, "\"dtype\" is missing or not a string", err);
    for (int i = 0; i < FT_STORED_DTYPES; i++)
        if (!strcmp(dtype->valuestring, dtypes[i].name)) tensor->dtype = (ft_stored_dtype)i;
    if (tensor->dtype == FT_STORED_DTYPES)
        return ft_fail(err, FT_BAD_INPUT, "%s: tensor \"%s\": dtype \"%s\" is not supported", file->path,
                       name, dtype->valuestring);

    if (!cJSON_IsArray(shape)) return bad_tensor(file, name, "\"shape\" is missing or not a list", err);
    const cJSON *size;
    cJSON_ArrayForEach(size, shape)
    {
        uint64_t value;
        if (tensor->n_dims == FT_STORED_MAX_DIMS)
            return bad_tensor(file, name, "more than 8 dimensions are not supported", err);
        if (!whole_number(size, &value))
            return bad_tensor(file, name, "\"shape\" holds something else than sizes", err);
        tensor->shape[tensor->n_dims++] = (int64_t)value;
        if (__builtin_mul_overflow(tensor->count, value, &tensor->count))
            return bad_tensor(file, name, "\"shape\" is too large", err);
    }
    if (__builtin_mul_overflow(tensor->count, (uint64_t)dtypes[tensor->dtype].bytes, &tensor->bytes))
        return bad_tensor(file, name, "\"shape\" is too large", err);

    uint64_t begin, end;
    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 ||
        !whole_number(cJSON_GetArrayItem(offsets, 0), &begin) ||
        !whole_number(cJSON_GetArrayItem(offsets, 1), &end) || begin > end)
        return bad_tensor(file, name, "\"data_offsets\" is not a pair of rising offsets", err);
    if (end > data_bytes)
        return ft_fail(err, FT_BAD_INPUT,
                       "%s: tensor \"%s\": its data ends at byte %llu of %llu (is the file cut short?)",
                       file->path, name, (unsigned long long)end, (unsigned long long)data_bytes);
    if (end - begin != tensor->bytes)
        return ft_fail(err, FT_BAD_INPUT,
                       "%s: tensor \"%s\": its shape needs %llu bytes, its offsets span %llu", file->path,
                       name, (unsigned long long)tensor->bytes, (unsigned long long)(end - begin));
    tensor->offset = data_start + begin;
    return FT_OK;
}

static ft_status read_metadata(ft_safetensors *file, cJSON *metadata, ft_error *err)
{
    if (cJSON_IsNull(metadata)) return FT_OK;
    if (!cJSON_IsObject(metadata))
        return ft_fail(err, FT_BAD_INPUT, "%s: \"__metadata__\" is not an object", file->path);
    size_t count = (size_t)cJSON_GetArraySize(metadata);
    file->metadata = calloc(count * 2 + 1, sizeof *file->metadata);
    if (!file->metadata) return ft_no_memory(err, file->path, count * 2 * sizeof *file->metadata);
    cJSON *item;
    cJSON_ArrayForEach(item, metadata)
    {
        if (!cJSON_IsString(item))
            return ft_fail(err, FT_BAD_INPUT, "%s: \"__metadata__\": \"%s\" is not a string", file->path,
                           item->string);
        file->metadata[file->n_metadata * 2] = item->string;
        file->metadata[file->n_metadata * 2 + 1] = item->valuestring;
        file->n_metadata++;
    }
    return FT_OK;
}

static int by_offset(const void *a, const void *b)
{
    const ft_stored_tensor *left = a, *right = b;
    if (left->offset != right->offset) return left->offset < right->offset ? -1 : 1;
    /* empty ones first */
    if (left->bytes != right->bytes) return left->bytes < right->bytes ? -1 : 1;
    return strcmp(left->name, right->name);
}

static int by_name(const void *a, const void *b)
{
    const ft_stored_tensor *left = a, *right = b;
    return strcmp(left->name, right->name);
}

/* Whether the tensors' bytes follow one another from data_start to the end of the file;
 * sorts them. */
static ft_status check_layout(const ft_safetensors *file, uint64_t data_start, uint64_t file_bytes,
                              ft_error *err)
{
    uint64_t at = data_start;
    if (file->count) qsort(file->tensors, file->count, sizeof *file->tensors, by_offset);
    for (size_t i = 0; i < file->count; i++) {
        const ft_stored_tensor *tensor = &file->tensors[i];
        if (tensor->offset < at)
            return bad_tensor(file, tensor->name, "its data overlaps another tensor's", err);
        if (tensor->offset > at)
            return bad_tensor(file, tensor->name, "there is a hole before its data", err);
        at = tensor->offset + tensor->bytes;
    }
    if (at != file_bytes)
        return ft_fail(err, FT_BAD_INPUT, "%s: %llu bytes follow the last tensor", file->path,
                       (unsigned long long)(file_bytes - at));
    if (file->count) qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
    return FT_OK;
}

static ft_status read_header(ft_safetensors *file, uint64_t file_bytes, ft_error *err)
{
    unsigned char length_bytes[LENGTH_BYTES], start[32];
    uint64_t length = 0;
    if (file_bytes < LENGTH_BYTES)
        return ft_fail(err, FT_BAD_INPUT, "%s: %llu bytes are too few for a safetensors file", file->path,
                       (unsigned long long)file_bytes);
    ft_status status = read_exactly(file, length_bytes, LENGTH_BYTES, 0, err);
    if (status) return status;
    const size_t n_start = file_bytes < sizeof start ? (size_t)file_bytes : sizeof start;
    status = read_exactly(file, start, n_start, 0, err);
    if (status == FT_OK) status = ft_place_check_bytes(file->path, start, n_start, err);
    if (status) return status;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--) length = length << 8 | length_bytes[i];
    if (length > MAX_HEADER_BYTES || length > file_bytes - LENGTH_BYTES)
        return ft_fail(
            err, FT_BAD_INPUT,
            "%s: the header's length %llu is beyond the file (not a safetensors file, or cut short)",
            file->path, (unsigned long long)length);

    char *text = malloc((size_t)length + 1);
    if (!text) return ft_no_memory(err, file->path, length + 1);
    status = read_exactly(file, text, length, LENGTH_BYTES, err);
    if (status == FT_OK)
        status = ft_json_parse(text, (size_t)length, file->path, (cJSON **)&file->header, err);
    free(text);
    if (status) return status;
    cJSON *root = file->header;
    if (!cJSON_IsObject(root))
        return ft_fail(err, FT_BAD_INPUT, "%s: the header is not a JSON object", file->path);

    size_t entries = (size_t)cJSON_GetArraySize(root);
    file->tensors = calloc(entries + 1, sizeof *file->tensors);
    if (!file->tensors) return ft_no_memory(err, file->path, entries * sizeof *file->tensors);
    uint64_t data_start = LENGTH_BYTES + length;
    cJSON *entry;
    cJSON_ArrayForEach(entry, root)
    {
        status = !strcmp(entry->string, "__metadata__")
                     ? read_metadata(file, entry, err)
                     : read_entry(file, entry, data_start, file_bytes - data_start,
                                  &file->tensors[file->count++], err);
        if (status) return status;
    }
    return check_layout(file, data_start, file_bytes, err);
}

ft_status ft_safetensors_open(const char *path, ft_safetensors **file, ft_error *err)
{
    *file = NULL;
    ft_status status = FT_OK;
    ft_safetensors *opened = calloc(1, sizeof *opened);
    if (!opened) return ft_no_memory(err, path, sizeof *opened);
    opened->descriptor = -1;
    opened->path = ft_copy_string(path);
    if (!opened->path) {
        status = ft_no_memory(err, path, strlen(path) + 1);
        goto cleanup;
    }
    /* Without O_NONBLOCK opening a FIFO would wait for a writer. */
    opened->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (opened->descriptor < 0 || fstat(opened->descriptor, &info) < 0)
        status = ft_fail(err, ft_status_of_errno(errno), "%s: cannot be opened: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode))
        status = ft_fail(err, FT_BAD_INPUT, "%s: is not a regular file", path);
    else
        status = read_header(opened, (uint64_t)info.st_size, err);
cleanup:
    if (status)
        ft_safetensors_close(opened);
    else
        *file = opened;
    return status;
}

void ft_safetensors_close(ft_safetensors *file)
{
    if (!file) return;
    if (file->descriptor >= 0) close(file->descriptor);
    cJSON_Delete(file->header);
    free(file->tensors);
    free(file->metadata);
    free(file->path);
    free(file);
}

const ft_stored_tensor *ft_safetensors_find(const ft_safetensors *file, const char *name)
{
    ft_stored_tensor wanted = {.name = name};
    if (!file->count) return NULL;
    return bsearch(&wanted, file->tensors, file->count, sizeof wanted, by_name);
}

const char *ft_safetensors_metadata(const ft_safetensors *file, const char *key)
{
    for (size_t i = 0; i < file->n_metadata; i++)
        if (!strcmp(file->metadata[2 * i], key)) return file->metadata[2 * i + 1];
    return NULL;
}

ft_status ft_safetensors_read(const ft_safetensors *file, const ft_stored_tensor *tensor, void *out,
                              ft_error *err)
{
    return read_exactly(file, out, tensor->bytes, tensor->offset, err);
}

/* IEEE half precision, subnormals, infinities and NaN included. */
static float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = (half >> 10) & 0x1fu,
             fraction = half & 0x3ffu;
    if (exponent == 0) {
        float value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    uint32_t bits = sign | (exponent == 31 ? 0xffu : exponent + 112u) << 23 | fraction << 13;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void to_floats(ft_stored_dtype dtype, const void *from, float *out, size_t count)
{
    const uint16_t *halves = from;
    const double *doubles = from;
    for (size_t i = 0; i < count; i++)
        out[i] = dtype == FT_STORED_F16    ? half_to_float(halves[i])
                 : dtype == FT_STORED_BF16 ? ft_bf16_to_float(halves[i])
                                           : (float)doubles[i];
}

ft_status ft_safetensors_expect_matrix(const ft_safetensors *file, const ft_stored_tensor *tensor,
                                       int64_t rows, int64_t cols, ft_error *err)
{
    if (tensor->dtype != FT_STORED_F32 && tensor->dtype != FT_STORED_F16 && tensor->dtype != FT_STORED_BF16 &&
        tensor->dtype != FT_STORED_F64)
        return ft_fail(err, FT_BAD_INPUT, "%s: tensor \"%s\": %s values, F32, F16, BF16 or F64 are needed",
                       file->path, tensor->name, dtypes[tensor->dtype].name);
    if (tensor->n_dims == 2 && tensor->shape[0] == rows && tensor->shape[1] == cols) return FT_OK;
    if (tensor->n_dims == 1 && rows == 1 && tensor->shape[0] == cols) return FT_OK;
    ft_text found = FT_TEXT_EMPTY;
    for (int i = 0; i < tensor->n_dims; i++)
        ft_text_addf(&found, i ? ", %lld" : "%lld", (long long)tensor->shape[i]);
    ft_status status =
        ft_fail(err, FT_BAD_INPUT, "%s: tensor \"%s\": its shape is (%s), (%lld, %lld) is needed", file->path,
                tensor->name, found.data ? found.data : "", (long long)rows, (long long)cols);
    ft_text_free(&found);
    return status;
}

ft_status ft_safetensors_read_matrix(const ft_safetensors *file, const ft_stored_tensor *tensor, int64_t rows,
                                     int64_t cols, float *out, ft_error *err)
{
    ft_status status = ft_safetensors_expect_matrix(file, tensor, rows, cols, err);
    if (status) return status;
    if (tensor->dtype == FT_STORED_F32) return ft_safetensors_read(file, tensor, out, err);
    size_t width = dtypes[tensor->dtype].bytes;
    union {
        char bytes[1 << 15];
        double aligned;
    } part;
    for (uint64_t done = 0; done < tensor->count;) {
        uint64_t count = tensor->count - done;
        if (count > sizeof part / width) count = sizeof part / width;
        status = read_exactly(file, &part, count * width, tensor->offset + done * width, err);
        if (status) return status;
        to_floats(tensor->dtype, &part, out + done, (size_t)count);
        done += count;
    }
    return FT_OK;
}

/* Largest elements first, so that every tensor is aligned to its own; then by name. */
static int by_layout(const void *a, const void *b)
{
    const ft_tensor_to_store *const *left = a, *const *right = b;
    size_t left_bytes = dtypes[(*left)->dtype].bytes, right_bytes = dtypes[(*right)->dtype].bytes;
    if (left_bytes != right_bytes) return left_bytes > right_bytes ? -1 : 1;
    return strcmp((*left)->name, (*right)->name);
}

static uint64_t bytes_of(const ft_tensor_to_store *tensor)
{
    uint64_t bytes = dtypes[tensor->dtype].bytes;
    for (int i = 0; i < tensor->n_dims; i++) bytes *= (uint64_t)tensor->shape[i];
    return bytes;
}

/* The header's text, padded by blanks to a multiple of 8 bytes; data == NULL when memory
 * runs out. */
static ft_text make_header(const ft_tensor_to_store *const *order, size_t count, const char *const *metadata,
                           size_t n_metadata)
{
    ft_text text = FT_TEXT_EMPTY;
    cJSON *root = cJSON_CreateObject();
    if (n_metadata > 0) {
        cJSON *strings = cJSON_CreateObject();
        for (size_t i = 0; i < n_metadata; i++)
            ft_json_set_string(&strings, metadata[2 * i], metadata[2 * i + 1]);
        ft_json_set(&root, "__metadata__", strings);
    }
    int64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const ft_tensor_to_store *tensor = order[i];
        cJSON *entry = cJSON_CreateObject(), *shape = cJSON_CreateArray(), *offsets = cJSON_CreateArray();
        for (int d = 0; d < tensor->n_dims; d++)
            ft_json_append(&shape, cJSON_CreateNumber((double)tensor->shape[d]));
        ft_json_append(&offsets, cJSON_CreateNumber((double)at));
        at += (int64_t)bytes_of(tensor);
        ft_json_append(&offsets, cJSON_CreateNumber((double)at));
        ft_json_set_string(&entry, "dtype", dtypes[tensor->dtype].name);
        ft_json_set(&entry, "shape", shape);
        ft_json_set(&entry, "data_offsets", offsets);
        ft_json_set(&root, tensor->name, entry);
    }
    char *line = root ? ft_json_print_line(root) : NULL;
    if (line) {
        ft_text_add(&text, line);
        while (text.length % 8 && !text.failed) ft_text_add(&text, " ");
        if (text.failed) ft_text_free(&text);
    }
    free(line);
    cJSON_Delete(root);
    return text;
}

/* A tensor on its way into a file, in pieces. */
typedef struct storing {
    const ft_tensor_to_store *tensor;
    ft_make_elements *make; /* NULL: the elements are there */
    ft_file_writer *writer;
    int64_t offset; /* of the tensor's first byte in the file */
    size_t count;   /* elements */
} storing;

static void store_piece(void *context, int64_t piece)
{
    const storing *s = context;
    if (ft_file_has_failed(s->writer)) return;
    size_t width = dtypes[s->tensor->dtype].bytes;
    size_t first = (size_t)piece * FT_STORED_PIECE, count = s->count - first;
    if (count > FT_STORED_PIECE) count = FT_STORED_PIECE;
    int64_t offset = s->offset + (int64_t)(first * width);
    if (!s->make) {
        ft_file_write_at(s->writer, offset, (const char *)s->tensor->data + first * width, count * width);
    } else {
        double made[FT_STORED_PIECE]; /* room for the widest element */
        s->make(s->tensor->data, first, count, made);
        ft_file_write_at(s->writer, offset, made, count * width);
    }
}

ft_status ft_safetensors_write_made(const char *path, const ft_tensor_to_store *tensors, size_t count,
                                    ft_make_elements *make, const char *const *metadata, size_t n_metadata,
                                    ft_error *err)
{
    ft_status status = FT_OK;
    ft_file_writer writer = {0};
    ft_text header = FT_TEXT_EMPTY;
    const ft_tensor_to_store **order = malloc((count + 1) * sizeof(*order));
    if (!order) return ft_no_memory(err, path, count * sizeof(*order));
    for (size_t i = 0; i < count; i++) order[i] = &tensors[i];
    qsort(order, count, sizeof(*order), by_layout);
    header = make_header(order, count, metadata, n_metadata);
    if (!header.data) {
        status = ft_no_memory(err, path, 0);
        goto cleanup;
    }
    status = ft_file_create(&writer, path, err);
    if (status) goto cleanup;
    unsigned char length[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++) length[i] = (unsigned char)((uint64_t)header.length >> (8 * i));
    /* Write errors are found by the commit. */
    (void)fwrite(length, 1, sizeof length, writer.stream);
    (void)fwrite(header.data, 1, header.length, writer.stream);
    ft_file_flush(&writer);
    int64_t offset = LENGTH_BYTES + (int64_t)header.length;
    for (size_t i = 0; i < count; i++) {
        int64_t bytes = (int64_t)bytes_of(order[i]);
        storing s = {order[i], make, &writer, offset, (size_t)bytes / dtypes[order[i]->dtype].bytes};
        ft_parallel(0, (int64_t)((s.count + FT_STORED_PIECE - 1) / FT_STORED_PIECE), store_piece, &s);
        offset += bytes;
    }
    status = ft_file_commit(&writer, err);
cleanup:
    ft_file_abandon(&writer);
    ft_text_free(&header);
    free(order);
    return status;
}

ft_status ft_safetensors_write(const char *path, const ft_tensor_to_store *tensors, size_t count,
                               const char *const *metadata, size_t n_metadata, ft_error *err)
{
    return ft_safetensors_write_made(path, tensors, count, NULL, metadata, n_metadata, err);
}
