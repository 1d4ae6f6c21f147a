/* The journal of a process; see journal.h. */
#define _GNU_SOURCE /* memrchr, memmem */
#include "host/sweep/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/sealed.h"
#include "base/text.h"

static const size_t MOST_BYTES = (size_t)1 << 32;

/* Seconds to wait for a process that has lost its sweep's lock: it notices and closes
 * its journal within that time. */
static const double PATIENCE = 5;

/* Locks a journal; waits up to PATIENCE seconds while another process has it. */
static ft_status lock_journal(int descriptor, int how, const char *path, ft_error *err)
{
    const double until = ft_now_seconds() + PATIENCE;
    while (flock(descriptor, how | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return ft_fail(err, FT_FAILED, "%s: cannot be locked: %s", path, strerror(errno));
        if (ft_now_seconds() > until)
            return ft_fail(err, FT_BAD_INPUT,
                           "%s: another process still has it, though the sweep's lock is free (was its file "
                           "removed or replaced?): wait until that process has ended",
                           path);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return FT_OK;
}

ft_status ft_journal_open(ft_journal *journal, const ft_directory *directory, const char *name, char **text,
                          size_t *size, ft_error *err)
{
    *journal = FT_NO_JOURNAL;
    *text = NULL;
    *size = 0;
    journal->path = ft_join_path(directory->path, name);
    if (!journal->path) return ft_no_memory(err, "a path", strlen(name));
    ft_status status =
        ft_directory_open_file(directory, name, O_RDWR | O_CREAT | O_APPEND, &journal->descriptor, err);
    if (status == FT_OK) status = lock_journal(journal->descriptor, LOCK_EX, journal->path, err);
    if (status == FT_OK)
        status = ft_read_descriptor(journal->descriptor, journal->path, MOST_BYTES, text, size, err);
    if (status != FT_OK) return status;
    (void)fsync(directory->descriptor); /* so that the new name outlasts a power cut */
    const char *end = memrchr(*text, '\n', *size);
    const size_t whole = end ? (size_t)(end - *text) + 1 : 0;
    if (whole < *size && ftruncate(journal->descriptor, (off_t)whole) != 0)
        return ft_fail(err, FT_FAILED, "%s: %s", journal->path, strerror(errno));
    journal->length = (off_t)whole;
    return FT_OK;
}

void ft_journal_close(ft_journal *journal)
{
    if (journal->descriptor >= 0) close(journal->descriptor);
    free(journal->path);
    *journal = FT_NO_JOURNAL;
}

ft_status ft_journal_read_other(const ft_directory *directory, const char *name, bool must_be_free,
                                char **text, size_t *size, ft_error *err)
{
    int descriptor = -1;
    bool is_directory = false;
    *text = NULL;
    *size = 0;
    ft_status status = ft_directory_has_directory(directory, name, &is_directory, err);
    if (status != FT_OK || is_directory) return status;
    char *path = ft_join_path(directory->path, name);
    status = path ? ft_directory_open_file(directory, name, O_RDONLY, &descriptor, err)
                  : ft_no_memory(err, "a path", strlen(name));
    if (status == FT_OK && descriptor >= 0 && must_be_free)
        status = lock_journal(descriptor, LOCK_SH, path, err);
    if (status == FT_OK && descriptor >= 0)
        status = ft_read_descriptor(descriptor, path, MOST_BYTES, text, size, err);
    if (descriptor >= 0) close(descriptor);
    free(path);
    return status;
}

ft_status ft_journal_is_held(const ft_directory *directory, const char *name, bool *held, ft_error *err)
{
    int descriptor = -1;
    bool is_directory = false;
    *held = false;
    ft_status status = ft_directory_has_directory(directory, name, &is_directory, err);
    if (status != FT_OK || is_directory) return status;
    status = ft_directory_open_file(directory, name, O_RDONLY, &descriptor, err);
    if (status != FT_OK || descriptor < 0) return status;
    *held = flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(descriptor);
    return FT_OK;
}

void ft_journal_look(ft_journal *journal, const ft_directory *directory, const char *name)
{
    struct stat own, there;
    if (fstat(journal->descriptor, &own) != 0) return;
    const bool exists = fstatat(directory->descriptor, name, &there, AT_SYMLINK_NOFOLLOW) == 0;
    if (!exists && errno != ENOENT) return; /* may be a passing failure of the disk */
    if (exists && own.st_dev == there.st_dev && own.st_ino == there.st_ino) return;
    ft_error why;
    ft_fail(&why, FT_FAILED, "%s was removed or replaced: this process stops; the same command resumes",
            journal->path);
    ft_journal_end(journal, FT_FAILED, why.message);
}

void ft_journal_end(ft_journal *journal, ft_status status, const char *why)
{
    if (journal->ended == FT_OK) journal->ended = ft_fail(&journal->why, status, "%s", why);
}

ft_status ft_journal_check(const ft_journal *journal, ft_error *err)
{
    return journal->ended == FT_OK ? FT_OK : ft_fail(err, journal->ended, "%s", journal->why.message);
}

static ft_status end_for(ft_journal *journal, int code, const char *besides, ft_error *err)
{
    ft_error why;
    ft_fail(&why, FT_FAILED, "%s: cannot be written: %s%s", journal->path, strerror(code), besides);
    ft_journal_end(journal, FT_FAILED, why.message);
    return ft_journal_check(journal, err);
}

/* Writes the whole line. On failure cuts the file back to its length before. */
static ft_status write_line(ft_journal *journal, const char *line, size_t length, ft_error *err)
{
    size_t written = 0;
    while (written < length) {
        ssize_t n = write(journal->descriptor, line + written, length - written);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            const int code = n < 0 ? errno : ENOSPC;
            const bool is_cut = ftruncate(journal->descriptor, journal->length) == 0;
            return end_for(journal, code, is_cut ? "" : " (and half a line stays in it)", err);
        }
        written += (size_t)n;
    }
    journal->length += (off_t)length;
    return FT_OK;
}

ft_status ft_journal_append(ft_journal *journal, cJSON *event, bool wait, ft_error *err)
{
    char *text = event ? ft_sealed_print(event, FT_SEALED_LINE) : NULL;
    const size_t length = text ? strlen(text) : 0;
    ft_status status = text ? FT_OK : ft_no_memory(err, "a journal entry", 256);
    if (status == FT_OK) status = ft_journal_check(journal, err);
    if (status == FT_OK) {
        text[length] = '\n'; /* replaces the NUL */
        status = write_line(journal, text, length + 1, err);
    }
    journal->is_behind = journal->is_behind || wait;
    if (status == FT_OK && !journal->gathers) status = ft_journal_sync(journal, err);
    free(text);
    cJSON_Delete(event);
    return status;
}

ft_status ft_journal_sync(ft_journal *journal, ft_error *err)
{
    ft_status status = ft_journal_check(journal, err);
    if (status != FT_OK || !journal->is_behind) return status;
    if (fsync(journal->descriptor) != 0) return end_for(journal, errno, "", err);
    journal->is_behind = false;
    return FT_OK;
}

/* Replays one event. *fits is false if it is damaged or not of this sweep. */
static ft_status replay_event(const char *event, size_t length, const ft_journal_line *where,
                              ft_sweep_index *index, ft_reading *reading, bool *fits, ft_error *err)
{
    ft_error unfit;
    *fits = ft_sealed_is_whole(event, length, FT_SEALED_LINE);
    ft_status status = *fits ? ft_sweep_index_replay(index, reading, event, length, where, &unfit) : FT_OK;
    if (status == FT_BAD_INPUT) *fits = false;
    if (status == FT_OK || status == FT_BAD_INPUT) return FT_OK;
    return ft_fail(err, status, "%s", unfit.message);
}

/* The start of the last sealed event in a line that is not one. A failed write leaves
 * half a line, and the next event then follows on the same line. */
static const char *last_event(const char *line, const char *end)
{
    static const char begin[] = "{\"event\":";
    const char *last = NULL;
    for (const char *at = line; at < end; at = last + 1) {
        const char *found = memmem(at, (size_t)(end - at), begin, sizeof begin - 1);
        if (!found) break;
        last = found;
    }
    return last && last > line ? last : NULL;
}

ft_status ft_journal_replay(const char *text, size_t size, size_t journal, ft_sweep_index *index,
                            ft_reading *reading, ft_error *err)
{
    ft_journal_line where = {journal, 1};
    ft_status status = FT_OK;
    const char *at = text, *end;
    for (; status == FT_OK && size > 0 && (end = memchr(at, '\n', size - (size_t)(at - text)));
         where.line++) {
        bool fits, also;
        status = replay_event(at, (size_t)(end - at), &where, index, reading, &fits, err);
        const char *last = fits ? NULL : last_event(at, end);
        if (status == FT_OK && last)
            status = replay_event(last, (size_t)(end - last), &where, index, reading, &also, err);
        if (status == FT_OK && !fits) status = ft_sweep_index_pass_over(reading, &where, err);
        at = end + 1;
    }
    if (status == FT_OK && at < text + size) reading->n_torn++;
    return status;
}
