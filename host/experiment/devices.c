/* Which devices there are; see devices.h. */
#include "host/experiment/devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/backend.h"

ft_status ft_devices_parse(const char *device, int32_t *gpus, int32_t most, int32_t *n_gpus, ft_error *err)
{
    *n_gpus = strcmp(device, "cpu") == 0 ? 0 : -1;
    if (*n_gpus == 0 || strcmp(device, "auto") == 0 || strcmp(device, "cuda") == 0) return FT_OK;
    const char *at = device + 5;
    bool good = strncmp(device, "cuda:", 5) == 0;
    for (*n_gpus = 0; good;) {
        char *end;
        long number = strtol(at, &end, 10);
        good = end != at && *at >= '0' && *at <= '9' && number < 1024 && *n_gpus < most;
        for (int32_t i = 0; i < *n_gpus && good; i++) good = gpus[i] != (int32_t)number;
        if (!good) break;
        gpus[(*n_gpus)++] = (int32_t)number;
        if (*end == '\0') return FT_OK;
        good = *end == ',';
        at = end + 1;
    }
    return ft_fail(err, FT_BAD_INPUT, "--device %s: not one of auto, cpu, cuda, cuda:<number>[,<number>...]",
                   device);
}

void ft_device_name(int32_t gpu, char name[FT_DEVICE_NAME])
{
    if (gpu >= 0)
        snprintf(name, FT_DEVICE_NAME, "cuda:%d", gpu);
    else
        snprintf(name, FT_DEVICE_NAME, "cpu");
}

/* Counts in a process of its own, since counting touches the devices. Its exit status
 * is the number. */
static int32_t count_gpus(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        int n = ft_cuda_device_count();
        _exit(n < 0 ? 0 : n > 64 ? 64 : n);
    }
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

ft_status ft_devices_find(const char *device, int32_t *gpus, int32_t most, int32_t *n_gpus, ft_error *err)
{
    ft_status status = ft_devices_parse(device, gpus, most, n_gpus, err);
    if (status != FT_OK || *n_gpus == 0) return status;
    int32_t there = count_gpus();
    for (int32_t i = 0; i < *n_gpus; i++)
        if (gpus[i] >= there)
            return ft_fail(err, FT_BAD_INPUT, "--device %s: there %s %d GPU%s", device,
                           there == 1 ? "is" : "are", there, there == 1 ? "" : "s");
    if (*n_gpus >= 0) return FT_OK;
    if (there == 0 && strcmp(device, "cuda") == 0)
        return ft_fail(err, FT_BAD_INPUT, "--device cuda: no GPU was found");
    *n_gpus = there < most ? there : most;
    for (int32_t i = 0; i < *n_gpus; i++) gpus[i] = i;
    return FT_OK;
}
