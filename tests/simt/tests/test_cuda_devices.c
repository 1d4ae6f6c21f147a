/* `ftgpu devices` where there are GPUs: each by itself, also beside one that cannot be
 * used, and the libraries. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "tests/simt/simt.h"

enum { NO_KERNEL_IMAGE = 209 };

/* What the command prints as JSON, to be deleted. */
static cJSON *devices(void)
{
    const char *const arguments[] = {"--format", "json", NULL};
    static char text[1 << 16];
    FILE *file = tmpfile();
    cr_assert(file);
    fflush(stdout);
    int kept = dup(1);
    cr_assert(kept >= 0 && dup2(fileno(file), 1) >= 0);
    int status = ft_command_devices(2, arguments);
    fflush(stdout);
    cr_assert(dup2(kept, 1) >= 0 && close(kept) == 0);
    cr_expect_eq(status, FT_EXIT_DONE);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    cJSON *object = cJSON_Parse(text);
    cr_assert(object, "%s", text);
    return object;
}

/* The text "part.name" or, where `name` is NULL, "part"; "" where there is none. */
static const char *text_of(const cJSON *object, const char *part, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, part);
    if (name) item = cJSON_GetObjectItemCaseSensitive(item, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static void expect_words(const char *text, const char *words)
{
    cr_expect(strstr(text, words), "\"%s\" is not in \"%s\"", words, text);
}

Test(cuda_devices, one_that_cannot_be_used_is_told_beside_the_others)
{
    simt_reset(3, 1 << 28);
    simt_fail_call("cudaFuncGetAttributes", 2, NO_KERNEL_IMAGE);
    cJSON *all = devices();
    cr_expect_str_eq(text_of(all, "cuda:0", "device"), "simulated GPU 0");
    cr_expect_str_eq(text_of(all, "cuda:1", "device"), "");
    expect_words(text_of(all, "cuda:1", "error"), "device 1, simulated GPU 1, has compute capability 8.0");
    cr_expect_str_eq(text_of(all, "cuda:2", "device"), "simulated GPU 2");
    cr_expect_str_eq(text_of(all, "device_auto", NULL), "cuda:0");
    cJSON_Delete(all);
}

Test(cuda_devices, the_libraries_are_opened_where_there_is_a_gpu)
{
    simt_reset(1, 1 << 28);
    cJSON *all = devices();
    expect_words(text_of(all, "cuda", "code"), "8.0 and PTX of 8.0");
    expect_words(text_of(all, "cuda", "cublaslt"), "13.1.0, tests/simt");
    expect_words(text_of(all, "cuda", "nccl"), "2.28.9, tests/simt");
    cJSON_Delete(all);
}

Test(cuda_devices, without_a_gpu_it_says_why_and_what_the_build_has)
{
    simt_reset(0, 1 << 28);
    cJSON *all = devices();
    expect_words(text_of(all, "gpu", NULL), "none: there is no GPU 0: cudaGetDeviceCount: ");
    expect_words(text_of(all, "cuda", "code"), "8.0 and PTX of 8.0");
    expect_words(text_of(all, "cuda", "cublaslt"), "libcublasLt.so.13, opened when a GPU is");
    expect_words(text_of(all, "cuda", "nccl"), "libnccl.so.2, opened when ");
    cr_expect_str_eq(text_of(all, "device_auto", NULL), "cpu");
    cJSON_Delete(all);
}
