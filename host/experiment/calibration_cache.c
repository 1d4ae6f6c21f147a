/* A cache of measurements on disk; see calibration_cache.h. */
#include "host/experiment/calibration_cache.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

/* The content of the file; *numbers is NULL if it is missing or not ours. FT_FAILED if
 * it cannot be read. */
static ft_status read_numbers(const char *path, cJSON **numbers)
{
    ft_error ignored;
    bool exists = false;
    *numbers = NULL;
    ft_status status = ft_path_exists(path, &exists, &ignored);
    if (status != FT_OK || !exists) return status;
    status = ft_json_read(path, numbers, &ignored);
    if (status == FT_OK && cJSON_IsObject(*numbers)) return FT_OK;
    cJSON_Delete(*numbers);
    *numbers = NULL;
    return status == FT_BAD_INPUT ? FT_OK : status;
}

static bool number_in(const cJSON *numbers, const char *key, double *number)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(numbers, key);
    if (!cJSON_IsNumber(found) || !(found->valuedouble > 0)) return false;
    *number = found->valuedouble;
    return true;
}

bool ft_calibration_find(const char *key, double *number)
{
    char *directory = ft_cache_directory();
    char *path = directory ? ft_join_path(directory, "calibration.json") : NULL;
    cJSON *numbers = NULL;
    if (path) (void)read_numbers(path, &numbers);
    bool found = number_in(numbers, key, number);
    cJSON_Delete(numbers);
    free(path);
    free(directory);
    return found;
}

/* Adds a number; the file is locked. A file that cannot be read stays as it is: it may
 * hold other numbers. */
static void keep_in(const char *path, const char *key, double *number)
{
    cJSON *numbers = NULL;
    struct stat there;
    /* not made by ftgpu */
    if (lstat(path, &there) == 0 && !S_ISREG(there.st_mode)) return;
    if (read_numbers(path, &numbers) != FT_OK) return;
    if (!numbers) numbers = cJSON_CreateObject();
    ft_error ignored;
    if (numbers && !number_in(numbers, key, number)) {
        cJSON_DeleteItemFromObjectCaseSensitive(numbers, key);
        if (cJSON_AddNumberToObject(numbers, key, *number)) ft_json_write(path, numbers, &ignored);
    }
    cJSON_Delete(numbers);
}

/* Locks the file within a second. If that fails the number is measured again next
 * time. */
static bool lock_soon(int descriptor)
{
    for (int i = 0; i < 50; i++) {
        if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return true;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return false;
}

void ft_calibration_keep(const char *key, double *number)
{
    ft_error ignored;
    char *directory = ft_cache_directory();
    char *path = directory ? ft_join_path(directory, "calibration.json") : NULL;
    char *lock = directory ? ft_join_path(directory, "calibration.lock") : NULL;
    int descriptor = -1;
    if (path && lock && ft_make_directories(directory, &ignored) == FT_OK)
        descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (descriptor >= 0 && lock_soon(descriptor)) keep_in(path, key, number);
    if (descriptor >= 0) close(descriptor);
    free(lock);
    free(path);
    free(directory);
}
