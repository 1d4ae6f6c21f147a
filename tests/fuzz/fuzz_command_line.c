/* The program's main: an argument a line. It runs in a directory with some data, a grid
 * and a result, in which it can write nothing (open and mkdir are replaced at link time),
 * on a machine whose device cannot be opened, so that nothing is trained. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/backend.h"
#include "model/weights.h"
#include "tests/fuzz/fuzz.h"

int ftgpu_main(int argc, char **argv);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_mkdir(const char *path, mode_t mode);
ft_status __wrap_ft_weights_draw(const ft_model_config *config, uint32_t seed, ft_weights **weights,
                                 ft_error *err);

/* Nothing outside of the directory, nothing for writing. */
int __wrap_open(const char *path, int flags, ...)
{
    if ((flags & O_ACCMODE) == O_RDONLY && path[0] != '/' && !strstr(path, ".."))
        return __real_open(path, flags);
    errno = path[0] == '/' ? ENOENT : EROFS;
    return -1;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    (void)path;
    (void)mode;
    errno = EROFS;
    return -1;
}

/* A large model takes seconds to draw. */
ft_status __wrap_ft_weights_draw(const ft_model_config *config, uint32_t seed, ft_weights **weights,
                                 ft_error *err)
{
    (void)config;
    (void)seed;
    *weights = NULL;
    return ft_fail(err, FT_FAILED, "no fresh models while fuzzing");
}

ft_status ft_cpu_create(ft_dtype dtype, int n_threads, ft_backend **backend, ft_error *err)
{
    (void)dtype;
    (void)n_threads;
    *backend = NULL;
    return ft_fail(err, FT_FAILED, "no device while fuzzing");
}

bool ft_cpu_has_bf16(void)
{
    return false;
}

void ft_cpu_describe(char *text, size_t size)
{
    snprintf(text, size, "no CPU while fuzzing");
}

void ft_cpu_identify(char *text, size_t size)
{
    ft_cpu_describe(text, size);
}

bool ft_cpu_takes_bf16(void)
{
    return true;
}

const char *ft_cpu_onednn_isa(void)
{
    return "none";
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    FUZZ_EXPECT(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void enter_directory(void)
{
    /* Or main would start itself anew, which is this program. */
    FUZZ_EXPECT(chdir(fuzz_directory()) == 0 && setenv("OMP_WAIT_POLICY", "passive", 1) == 0);
    /* A name that --model happens to get is asked of no one. */
    FUZZ_EXPECT(setenv("HF_HUB_OFFLINE", "1", 1) == 0 && setenv("HF_HOME", "huggingface", 1) == 0);
    FILE *data = fopen("data.csv", "w");
    FUZZ_EXPECT(data);
    fputs("Date,Close,Volume\n", data);
    for (int day = 1; day < 29; day++) fprintf(data, "2024-01-%02d,%d.5,%d\n", day, day * day % 11, day);
    FUZZ_EXPECT(fclose(data) == 0);
    write_file("grid.json", "{\"epochs\": [1, 2]}");
    write_file("list.json", "[{\"epochs\": 1}, {\"lora_rank\": 2}]");
    /* The other mkdir: this one is not replaced. */
    char made[] = "results";
    FUZZ_EXPECT(mkdirat(AT_FDCWD, made, 0777) == 0 && mkdirat(AT_FDCWD, "results/a_1", 0777) == 0);
    write_file("results/a_1/results.json",
               "{\"experiment_id\": \"a_1\", \"hyperparams\": {\"epochs\": 1}, \"test_metrics\": "
               "{\"mae\": 1}, \"model_path\": \"adapter\", \"run\": {\"model\": \"model\"}}");
    FUZZ_EXPECT(symlink(FT_GOLDEN_DIR "/model_tied", "model") == 0);
    FUZZ_EXPECT(symlink(FT_GOLDEN_DIR "/adapter_lora_qv", "adapter") == 0);
    FUZZ_EXPECT(freopen("/dev/null", "w", stdout));
}

static bool begins_with(const char *line, const char *start)
{
    return strncmp(line, start, strlen(start)) == 0;
}

/* A refused command prints one line of ftgpu's, besides warnings and notes on what it
 * read before. A note's further lines are indented. */
static void check_messages(char *messages)
{
    int told = 0;
    bool in_note = false;
    for (char *line = strtok(messages, "\n"); line; line = strtok(NULL, "\n")) {
        in_note = begins_with(line, "note: ") || (in_note && begins_with(line, "  "));
        if (in_note || begins_with(line, "ftgpu: warning: ")) continue;
        FUZZ_EXPECT(begins_with(line, "ftgpu: ") && line[7]);
        told++;
    }
    FUZZ_EXPECT(told == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX_ARGUMENTS = 64 };
    static int entered;
    if (!entered) enter_directory();
    entered = 1;
    char *text = malloc(size + 1), *arguments[MAX_ARGUMENTS + 2] = {"ftgpu"};
    int count = 1;
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    for (char *at = text; at && count <= MAX_ARGUMENTS;) {
        arguments[count++] = at;
        at = strchr(at, '\n');
        if (at) *at++ = '\0';
    }
    char *messages = NULL;
    size_t length = 0;
    FILE *before = stderr, *stream = open_memstream(&messages, &length);
    FUZZ_EXPECT(stream);
    stderr = stream;
    int status = ftgpu_main(count, arguments);
    stderr = before;
    FUZZ_EXPECT(fclose(stream) == 0);
    FUZZ_EXPECT(status >= 0 && status <= 2);
    if (status == 2) check_messages(messages);
    free(messages);
    free(text);
    return 0;
}
