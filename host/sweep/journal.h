/* The journal of a process: what happened in its sweep, one sealed JSON object
 * (base/sealed.h) a line. Each is appended and synced before anything depends on it. A
 * crash or a full disk damages at most the line being written. */
#ifndef FT_HOST_SWEEP_JOURNAL_H
#define FT_HOST_SWEEP_JOURNAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/directory.h"
#include "host/sweep/index.h"

/* Start from FT_NO_JOURNAL; closed by ft_journal_close. */
typedef struct ft_journal {
    int descriptor;
    char *path;
    off_t length;    /* bytes of whole lines */
    bool gathers;    /* ft_journal_append does not sync; ft_journal_sync does */
    bool is_behind;  /* something is written but not synced */
    ft_status ended; /* FT_OK, or the status with which every append fails now, */
    ft_error why;    /* and its message */
} ft_journal;
#define FT_NO_JOURNAL ((ft_journal){.descriptor = -1})

/* Opens the journal `name` for this process alone, and makes it if it is missing. It
 * is locked in addition to the sweep: that shows a second process whose sweep lock was
 * removed. *text: (*size), malloc'd, is its content, including an unfinished last
 * line, which is cut off the file. FT_BAD_INPUT if another process keeps it locked for
 * some seconds. */
ft_status ft_journal_open(ft_journal *journal, const ft_directory *directory, const char *name, char **text,
                          size_t *size, ft_error *err);
void ft_journal_close(ft_journal *journal);
/* Reads the journal of another process. must_be_free: fails if that process still
 * runs. A directory of that name counts as an empty journal. */
ft_status ft_journal_read_other(const ft_directory *directory, const char *name, bool must_be_free,
                                char **text, size_t *size, ft_error *err);

/* Appends an event and deletes it (NULL: it could not be allocated). wait: syncs it,
 * unless the journal gathers. After a failure the journal is cut back to its last
 * whole line, and this and all later calls fail with the same error. */
ft_status ft_journal_append(ft_journal *journal, cJSON *event, bool wait, ft_error *err);
ft_status ft_journal_sync(ft_journal *journal, ft_error *err);
/* Whether a running process has locked the journal `name`. */
ft_status ft_journal_is_held(const ft_directory *directory, const char *name, bool *held, ft_error *err);
/* Ends the journal if its file was removed or replaced, since nobody would read what
 * is appended. */
void ft_journal_look(ft_journal *journal, const ft_directory *directory, const char *name);
/* Makes every later append fail with this status and message, unless the journal has
 * ended already. */
void ft_journal_end(ft_journal *journal, ft_status status, const char *why);
/* Fails with the reason if the journal has ended. */
ft_status ft_journal_check(const ft_journal *journal, ft_error *err);

/* Replays the text of a journal into the index. Lines that are damaged or not of this
 * sweep are skipped and noted under number `journal`. A last line without a newline is
 * ignored: it is being written. */
ft_status ft_journal_replay(const char *text, size_t size, size_t journal, ft_sweep_index *index,
                            ft_reading *reading, ft_error *err);

#endif
