/* safetensors files: what is written comes back, and what is malformed is refused with
 * the file and the tensor. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/safetensors.h"
#include "scratch.h"

TestSuite(safetensors, .init = scratch_enter, .fini = scratch_leave);

Test(safetensors, every_dtype_comes_back_with_shape_and_bytes)
{
    static const char *const names[FT_STORED_DTYPES] = {"f32", "f16", "bf16", "f64",
                                                        "i32", "i64", "u8",   "bool"};
    static const char *const metadata[] = {"format", "pt", "a \"quoted\" key", "line\nbreak \xC3\xA4"};
    unsigned char data[FT_STORED_DTYPES][6 * 8];
    ft_tensor_to_store tensors[FT_STORED_DTYPES + 2];
    for (int i = 0; i < FT_STORED_DTYPES; i++) {
        for (size_t j = 0; j < sizeof data[i]; j++) data[i][j] = (unsigned char)(i * 31 + (int)j);
        tensors[i] = (ft_tensor_to_store){names[i], (ft_stored_dtype)i, 2, {2, 3}, data[i]};
    }
    double scalar = 3.5;
    tensors[FT_STORED_DTYPES] = (ft_tensor_to_store){"scalar", FT_STORED_F64, 0, {0}, &scalar};
    tensors[FT_STORED_DTYPES + 1] = (ft_tensor_to_store){"empty", FT_STORED_F32, 2, {0, 5}, NULL};

    ft_error err;
    ft_safetensors *file;
    expect_ok(ft_safetensors_write(scratch_path("all"), tensors, FT_STORED_DTYPES + 2, metadata, 2, &err),
              &err);
    expect_ok(ft_safetensors_open(scratch_path("all"), &file, &err), &err);
    cr_expect_eq(file->count, FT_STORED_DTYPES + 2);
    for (size_t i = 1; i < file->count; i++)
        cr_expect(strcmp(file->tensors[i - 1].name, file->tensors[i].name) < 0);
    for (int i = 0; i < FT_STORED_DTYPES; i++) {
        const ft_stored_tensor *tensor = ft_safetensors_find(file, names[i]);
        unsigned char back[6 * 8];
        cr_assert(tensor, "%s", names[i]);
        cr_expect_eq((int)tensor->dtype, i);
        cr_expect(tensor->n_dims == 2 && tensor->shape[0] == 2 && tensor->shape[1] == 3 &&
                  tensor->count == 6);
        cr_expect_eq(tensor->bytes, 6 * ft_stored_dtype_bytes((ft_stored_dtype)i));
        cr_expect_eq(tensor->offset % ft_stored_dtype_bytes((ft_stored_dtype)i), 0, "%s is not aligned",
                     names[i]);
        expect_ok(ft_safetensors_read(file, tensor, back, &err), &err);
        cr_expect(!memcmp(back, data[i], (size_t)tensor->bytes), "%s", names[i]);
    }
    double back = 0;
    expect_ok(ft_safetensors_read(file, ft_safetensors_find(file, "scalar"), &back, &err), &err);
    cr_expect_eq(back, 3.5);
    cr_expect_eq(ft_safetensors_find(file, "empty")->bytes, 0);
    cr_expect_null(ft_safetensors_find(file, "none"));
    cr_expect_str_eq(ft_safetensors_metadata(file, "format"), "pt");
    cr_expect_str_eq(ft_safetensors_metadata(file, metadata[2]), metadata[3]);
    cr_expect_null(ft_safetensors_metadata(file, "none"));
    ft_safetensors_close(file);
}

Test(safetensors, bytes_do_not_depend_on_the_order_given)
{
    float x[2] = {1, 2};
    int64_t y = 3;
    ft_tensor_to_store forward[] = {
        {"x", FT_STORED_F32, 1, {2}, x}, {"y", FT_STORED_I64, 1, {1}, &y}, {"a", FT_STORED_F32, 1, {1}, x}};
    ft_tensor_to_store backward[] = {forward[2], forward[1], forward[0]};
    ft_error err;
    expect_ok(ft_safetensors_write(scratch_path("1"), forward, 3, NULL, 0, &err), &err);
    expect_ok(ft_safetensors_write(scratch_path("2"), backward, 3, NULL, 0, &err), &err);
    char *one = scratch_read(scratch_path("1")), *two = scratch_read(scratch_path("2"));
    static const char header[] = "{\"y\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
                                 "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]},"
                                 "\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]}}";
    cr_expect(!memcmp(one + 8, header, sizeof header - 1));
    uint64_t length;
    memcpy(&length, one, 8);
    cr_expect_eq(length % 8, 0);
    cr_expect(!memcmp(one, two, 8 + (size_t)length + 20));
    free(one);
    free(two);
}

Test(safetensors, halves_become_the_floats_that_they_mean)
{
    uint16_t *halves = malloc(65536 * sizeof *halves);
    float *floats = malloc(65536 * sizeof *floats);
    cr_assert(halves && floats);
    for (int i = 0; i < 65536; i++) halves[i] = (uint16_t)i;
    ft_tensor_to_store tensors[] = {{"f16", FT_STORED_F16, 2, {256, 256}, halves},
                                    {"bf16", FT_STORED_BF16, 1, {65536}, halves}};
    ft_error err;
    ft_safetensors *file;
    expect_ok(ft_safetensors_write(scratch_path("h"), tensors, 2, NULL, 0, &err), &err);
    expect_ok(ft_safetensors_open(scratch_path("h"), &file, &err), &err);
    expect_ok(ft_safetensors_read_matrix(file, ft_safetensors_find(file, "f16"), 256, 256, floats, &err),
              &err);
    for (int i = 0; i < 65536; i++) {
        int exponent = i >> 10 & 31, fraction = i & 1023;
        double wanted = exponent == 31 ? (fraction ? NAN : INFINITY)
                        : exponent     ? ldexp(1.0 + fraction / 1024.0, exponent - 15)
                                       : ldexp(fraction / 1024.0, -14);
        if (i & 0x8000) wanted = -wanted;
        bool same = isnan(wanted) ? isnan(floats[i])
                                  : (double)floats[i] == wanted && !signbit(floats[i]) == !signbit(wanted);
        cr_assert(same, "f16 %#x: %g, not %g", (unsigned)i, (double)floats[i], wanted);
    }
    expect_ok(ft_safetensors_read_matrix(file, ft_safetensors_find(file, "bf16"), 1, 65536, floats, &err),
              &err);
    for (uint32_t i = 0; i < 65536; i++) {
        uint32_t bits;
        memcpy(&bits, &floats[i], sizeof bits);
        cr_assert_eq(bits, i << 16);
    }
    ft_safetensors_close(file);
    free(halves);
    free(floats);
}

Test(safetensors, a_matrix_of_another_shape_or_type_is_refused)
{
    float x[6] = {1, 2, 3, 4, 5, 6}, back[6];
    double wide[6] = {1, 2, 3, 4, 5, 6};
    int32_t whole[6] = {0};
    ft_tensor_to_store tensors[] = {{"x", FT_STORED_F32, 2, {2, 3}, x},
                                    {"i", FT_STORED_I32, 2, {2, 3}, whole},
                                    {"d", FT_STORED_F64, 1, {6}, wide}};
    ft_error err;
    ft_safetensors *file;
    expect_ok(ft_safetensors_write(scratch_path("m"), tensors, 3, NULL, 0, &err), &err);
    expect_ok(ft_safetensors_open(scratch_path("m"), &file, &err), &err);
    const ft_stored_tensor *matrix = ft_safetensors_find(file, "x");
    expect_refused(ft_safetensors_read_matrix(file, matrix, 3, 2, back, &err), &err, scratch_path("m"),
                   "\"x\"", "(2, 3)", "(3, 2)", NULL);
    expect_refused(ft_safetensors_read_matrix(file, matrix, 1, 6, back, &err), &err, "\"x\"", NULL);
    expect_refused(ft_safetensors_read_matrix(file, ft_safetensors_find(file, "i"), 2, 3, back, &err), &err,
                   "\"i\"", "I32", NULL);
    expect_ok(ft_safetensors_read_matrix(file, ft_safetensors_find(file, "d"), 1, 6, back, &err), &err);
    cr_expect(!memcmp(back, x, sizeof x));
    ft_safetensors_close(file);
}

/* A file of this header and `data_bytes` zero bytes. */
static void write_raw(const char *header, size_t data_bytes)
{
    size_t length = strlen(header);
    unsigned char *raw = calloc(1, 8 + length + data_bytes);
    cr_assert(raw);
    for (int i = 0; i < 8; i++) raw[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(raw + 8, header, length);
    scratch_write("bad", raw, 8 + length + data_bytes);
    free(raw);
}

#define ENTRY(dtype, shape, offsets) "{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"

Test(safetensors, malformed_headers_name_file_and_tensor)
{
    static const struct {
        const char *header, *tensor, *word;
        size_t data_bytes;
    } cases[] = {
        {"[1]", "", "not a JSON object", 0},
        {"", "", "", 0},
        {"{\"x\":", "", ":1:6:", 0},
        {"{\"x\":3}", "\"x\"", "not an object", 0},
        {"{\"x\":" ENTRY("3", "[1]", "[0,4]") "}", "\"x\"", "\"dtype\"", 4},
        {"{\"x\":" ENTRY("\"F8_E4M3\"", "[4]", "[0,4]") "}", "\"x\"", "F8_E4M3", 4},
        {"{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", "\"x\"", "\"shape\"", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[-1]", "[0,4]") "}", "\"x\"", "\"shape\"", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[1.5]", "[0,4]") "}", "\"x\"", "\"shape\"", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[\"1\"]", "[0,4]") "}", "\"x\"", "\"shape\"", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[1e300]", "[0,4]") "}", "\"x\"", "\"shape\"", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[NaN]", "[0,4]") "}", "\"x\"", "\"shape\"", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", "\"x\"", "8 dimensions", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[4294967296,4294967296]", "[0,4]") "}", "\"x\"", "too large", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[2147483648,2147483648]", "[0,0]") "}", "\"x\"", "too large", 0},
        {"{\"x\":" ENTRY("\"F32\"", "[2]", "[0,4]") "}", "\"x\"", "needs 8 bytes", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[1]", "[0,3]") "}", "\"x\"", "needs 4 bytes", 3},
        {"{\"x\":" ENTRY("\"F32\"", "[1]", "[0]") "}", "\"x\"", "\"data_offsets\"", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[1]", "[4,0]") "}", "\"x\"", "\"data_offsets\"", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[1]", "[-4,0]") "}", "\"x\"", "\"data_offsets\"", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[1]", "[0,4,8]") "}", "\"x\"", "\"data_offsets\"", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[2]", "[0,8]") "}", "\"x\"", "cut short", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[1]", "[9007199254740988,9007199254740992]") "}", "\"x\"", "cut short",
         4},
        {"{\"x\":" ENTRY("\"F32\"", "[1]", "[0,4]") ",\"y\":" ENTRY("\"F32\"", "[1]", "[0,4]") "}", "\"y\"",
         "overlaps", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[1]", "[0,4]") ",\"y\":" ENTRY("\"U8\"", "[1]", "[3,4]") "}", "\"y\"",
         "overlaps", 4},
        {"{\"x\":" ENTRY("\"F32\"", "[2]", "[0,8]") ",\"y\":" ENTRY("\"F32\"", "[1]", "[4,8]") "}", "\"y\"",
         "overlaps", 8},
        {"{\"x\":" ENTRY("\"F32\"", "[1]", "[0,4]") ",\"y\":" ENTRY("\"F32\"", "[1]", "[8,12]") "}", "\"y\"",
         "hole", 12},
        {"{\"x\":" ENTRY("\"F32\"", "[1]", "[0,4]") "}", "", "3 bytes follow", 7},
        {"{\"x\":" ENTRY("\"F32\"", "[1]", "[0,4]") ",\"x\":" ENTRY("\"F32\"", "[1]", "[4,8]") "}", "",
         "twice", 8},
        {"{\"__metadata__\":3}", "__metadata__", "not an object", 0},
        {"{\"__metadata__\":{\"k\":3}}", "\"k\"", "not a string", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ft_error err = {0};
        ft_safetensors *file;
        write_raw(cases[i].header, cases[i].data_bytes);
        expect_refused(ft_safetensors_open(scratch_path("bad"), &file, &err), &err, scratch_path("bad"),
                       cases[i].tensor, cases[i].word, NULL);
        cr_expect_null(file, "%s", cases[i].header);
    }
}

Test(safetensors, broken_files_are_refused)
{
    ft_error err;
    ft_safetensors *file;
    expect_refused(ft_safetensors_open(scratch_path("none"), &file, &err), &err, scratch_path("none"), NULL);
    scratch_directory("directory");
    expect_refused(ft_safetensors_open(scratch_path("directory"), &file, &err), &err, "directory",
                   "not a regular file", NULL);
    scratch_write("bad", "abc", 3);
    expect_refused(ft_safetensors_open(scratch_path("bad"), &file, &err), &err, "3 bytes", NULL);
    scratch_write("bad", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    expect_refused(ft_safetensors_open(scratch_path("bad"), &file, &err), &err, "header's length", NULL);
    scratch_write("bad", "\x03\0\0\0\0\0\0\0{}", 10);
    expect_refused(ft_safetensors_open(scratch_path("bad"), &file, &err), &err, "header's length 3", NULL);
    scratch_write("bad", "\x02\0\0\0\0\0\0\0{}", 10);
    expect_ok(ft_safetensors_open(scratch_path("bad"), &file, &err), &err);
    cr_expect_eq(file->count, 0);
    cr_expect_null(ft_safetensors_find(file, "x"));
    ft_safetensors_close(file);

    /* 300 nested lists: deeper than any header is. */
    char deep[2 * 300 + 16] = "{\"x\":";
    memset(deep + 5, '[', 300);
    memset(deep + 305, ']', 300);
    strcat(deep, "}");
    write_raw(deep, 0);
    expect_refused(ft_safetensors_open(scratch_path("bad"), &file, &err), &err, "nested", NULL);
}

Test(safetensors, no_prefix_of_a_file_is_taken_for_a_file)
{
    float x[4] = {1, 2, 3, 4};
    static const char *const metadata[] = {"format", "pt"};
    ft_tensor_to_store tensors[] = {{"x", FT_STORED_F32, 1, {4}, x}};
    ft_error err;
    ft_safetensors *file;
    expect_ok(ft_safetensors_write(scratch_path("whole"), tensors, 1, metadata, 1, &err), &err);
    char *whole = scratch_read(scratch_path("whole"));
    uint64_t length;
    memcpy(&length, whole, 8);
    for (size_t size = 0; size < 8 + (size_t)length + sizeof x; size++) {
        scratch_write("part", whole, size);
        expect_refused(ft_safetensors_open(scratch_path("part"), &file, &err), &err, "part", NULL);
    }
    free(whole);
}

Test(safetensors, a_file_that_shrinks_while_it_is_read_is_an_error)
{
    float x[4] = {1, 2, 3, 4}, back[4];
    ft_tensor_to_store tensors[] = {{"x", FT_STORED_F32, 1, {4}, x}};
    ft_error err;
    ft_safetensors *file;
    expect_ok(ft_safetensors_write(scratch_path("f"), tensors, 1, NULL, 0, &err), &err);
    expect_ok(ft_safetensors_open(scratch_path("f"), &file, &err), &err);
    scratch_text("f", "cut"); /* truncates the file in place */
    expect_refused(ft_safetensors_read(file, ft_safetensors_find(file, "x"), back, &err), &err, "shorter",
                   NULL);
    ft_safetensors_close(file);
}
