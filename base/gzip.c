/* Files compressed by gzip; see gzip.h. By zlib; a build without it (FT_NO_ZLIB) refuses
 * them. */
#include "base/gzip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool ft_is_gzip(const void *data, size_t size)
{
    return size >= 2 && memcmp(data, "\x1f\x8b", 2) == 0;
}

#ifdef FT_NO_ZLIB

ft_status ft_gunzip(const char *path, const void *data, size_t size, size_t max_bytes, char **text,
                    size_t *length, ft_error *err)
{
    (void)data;
    (void)size;
    (void)max_bytes;
    *text = NULL;
    *length = 0;
    return ft_fail(err, FT_BAD_INPUT, "%s: is compressed, which this build cannot read (decompress it)",
                   path);
}

#else

#include <zlib.h>

enum { GZIP_ONLY = 16, PIECE = 1 << 30 };

/* The decompressed text, which grows. */
typedef struct output {
    char *text;
    size_t length, capacity, most;
} output;

static ft_status grow(output *out, const char *path, ft_error *err)
{
    if (out->length >= out->most)
        return ft_fail(err, FT_BAD_INPUT, "%s: larger than the %zu bytes allowed", path, out->most);
    size_t capacity = out->capacity ? out->capacity * 2 : 1 << 16;
    char *grown = realloc(out->text, capacity + 1);
    if (!grown) return ft_no_memory(err, path, capacity);
    out->text = grown;
    out->capacity = capacity;
    return FT_OK;
}

/* Decompresses one member. */
static ft_status inflate_member(z_stream *stream, size_t *left, output *out, const char *path, ft_error *err)
{
    for (int code = Z_OK; code != Z_STREAM_END;) {
        ft_status status = out->length == out->capacity ? grow(out, path, err) : FT_OK;
        if (status != FT_OK) return status;
        size_t room = out->capacity - out->length;
        uInt given = *left > PIECE ? PIECE : (uInt)*left, space = room > PIECE ? PIECE : (uInt)room;
        stream->avail_in = given;
        stream->next_out = (Bytef *)out->text + out->length;
        stream->avail_out = space;
        code = inflate(stream, Z_NO_FLUSH);
        *left -= given - stream->avail_in;
        out->length += space - stream->avail_out;
        if (code == Z_MEM_ERROR) return ft_no_memory(err, path, out->capacity);
        if (code == Z_BUF_ERROR && *left == 0)
            return ft_fail(err, FT_BAD_INPUT, "%s: the compressed file ends early (was it copied whole?)",
                           path);
        if (code != Z_OK && code != Z_STREAM_END)
            return ft_fail(err, FT_BAD_INPUT, "%s: the compressed data is damaged", path);
    }
    return FT_OK;
}

/* Zeros may follow the last member: tapes and block devices pad with them. */
static ft_status check_rest(const char *path, const Bytef *rest, size_t left, ft_error *err)
{
    for (size_t i = 0; i < left; i++)
        if (rest[i] != 0)
            return ft_fail(err, FT_BAD_INPUT, "%s: bytes behind the compressed data (damaged?)", path);
    return FT_OK;
}

ft_status ft_gunzip(const char *path, const void *data, size_t size, size_t max_bytes, char **text,
                    size_t *length, ft_error *err)
{
    z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)data};
    output out = {.most = max_bytes};
    size_t left = size;
    *text = NULL;
    *length = 0;
    if (inflateInit2(&stream, MAX_WBITS + GZIP_ONLY) != Z_OK) return ft_no_memory(err, path, 1 << 16);
    ft_status status = FT_OK;
    do {
        status = inflate_member(&stream, &left, &out, path, err);
    } while (status == FT_OK && ft_is_gzip(stream.next_in, left) && inflateReset(&stream) == Z_OK);
    if (status == FT_OK) status = check_rest(path, stream.next_in, left, err);
    inflateEnd(&stream);
    if (status == FT_OK && out.length > max_bytes)
        status = ft_fail(err, FT_BAD_INPUT, "%s: larger than the %zu bytes allowed", path, max_bytes);
    if (status != FT_OK) {
        free(out.text);
        return status;
    }
    out.text[out.length] = '\0';
    *text = out.text;
    *length = out.length;
    return FT_OK;
}

#endif
