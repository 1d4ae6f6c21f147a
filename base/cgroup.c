/* Limits of control groups; see cgroup.h. /proc/self/cgroup names the group,
 * /proc/self/mountinfo says where its files are; both are described in cgroups(7) and
 * proc(5). */
#include "base/cgroup.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

/* of a file of /proc: some machines have thousands of mounts */
enum { MOST_BYTES = 1 << 22 };

/* The whole file "<root><path>", to be freed; NULL where it cannot be read. */
static char *read_below(const char *root, const char *path)
{
    ft_error ignored;
    ft_text name = FT_TEXT_EMPTY;
    char *text = NULL;
    size_t size;
    ft_text_addf(&name, "%s%s", root, path);
    if (!name.failed && ft_read_file(name.data, MOST_BYTES, &text, &size, &ignored) != FT_OK) text = NULL;
    ft_text_free(&name);
    return text;
}

/* Cuts the next line off *rest; NULL at the end. */
static char *next_line(char **rest)
{
    char *line = *rest;
    if (!*line) return NULL;
    char *end = line + strcspn(line, "\n");
    *rest = *end ? end + 1 : end;
    *end = '\0';
    return line;
}

/* Whether a list "cpu,cpuacct" has a word. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (; *list; list += strcspn(list, ","), list += *list == ',')
        if (strcspn(list, ",") == length && strncmp(list, word, length) == 0) return true;
    return false;
}

/* A group: its path in the hierarchy of its controller. */
typedef struct group {
    char *path; /* in the text of /proc/self/cgroup; NULL: none */
    bool v2;
} group;

/* The group that sets the limit of `controller`. A controller is in version 1 or in
 * version 2, never in both. */
static group find_group(char *text, const char *controller)
{
    group found = {NULL, false};
    for (char *line; (line = next_line(&text)) != NULL;) {
        char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) continue;
        *controllers++ = *path++ = '\0';
        if (has_word(controllers, controller)) return (group){path, false};
        if (!*controllers) found = (group){path, true};
    }
    return found;
}

/* mountinfo writes blanks and the like as \040. */
static void unescape(char *text)
{
    char *to = text;
    for (; *text; text++) {
        if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] && text[3]) {
            *to++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
            text += 3;
        } else {
            *to++ = *text;
        }
    }
    *to = '\0';
}

/* Where a hierarchy is mounted, and which of its groups is seen there. */
typedef struct mount_point {
    char *path, *root; /* in the text of /proc/self/mountinfo; path NULL: nowhere */
} mount_point;

/* A line of mountinfo: "36 35 98:0 /root /mount/point options ... - type source
 * options". */
static mount_point find_mount(char *text, bool v2, const char *controller)
{
    for (char *line; (line = next_line(&text)) != NULL;) {
        char *field[5], *kind = strstr(line, " - "), *at = line;
        if (!kind) continue;
        *kind = '\0';
        kind += 3;
        int n = 0;
        for (; n < 5 && *at; n++) {
            field[n] = at;
            at += strcspn(at, " ");
            if (*at) *at++ = '\0';
        }
        if (n < 5) continue;
        bool fits = v2 && strncmp(kind, "cgroup2 ", 8) == 0;
        if (!v2 && strncmp(kind, "cgroup ", 7) == 0) {
            const char *options = strrchr(kind, ' ');
            fits = options && has_word(options + 1, controller);
        }
        if (!fits) continue;
        unescape(field[3]);
        unescape(field[4]);
        return (mount_point){.path = field[4], .root = field[3]};
    }
    return (mount_point){NULL, NULL};
}

/* The number that a file of one group holds; INFINITY for "max" and where there is
 * none. */
static double number_of(const char *root, const char *directory, const char *name)
{
    ft_text path = FT_TEXT_EMPTY;
    ft_text_addf(&path, "%s/%s", directory, name);
    char *text = path.failed ? NULL : read_below(root, path.data), *end;
    double number = text ? strtod(text, &end) : INFINITY;
    if (text && (end == text || !(number >= 0))) number = INFINITY;
    free(text);
    ft_text_free(&path);
    return number;
}

/* Reads the limit of one group. */
typedef double limit_of(const char *root, const char *directory, bool v2);

static double memory_of(const char *root, const char *directory, bool v2)
{
    return number_of(root, directory, v2 ? "memory.max" : "memory.limit_in_bytes");
}

/* Version 2 has both numbers in one file: "200000 100000", "max 100000". */
static double cpus_of(const char *root, const char *directory, bool v2)
{
    if (!v2) {
        double quota = number_of(root, directory, "cpu.cfs_quota_us"),
               period = number_of(root, directory, "cpu.cfs_period_us");
        return quota > 0 && period > 0 && period < INFINITY ? quota / period : INFINITY;
    }
    ft_text path = FT_TEXT_EMPTY;
    ft_text_addf(&path, "%s/cpu.max", directory);
    char *text = path.failed ? NULL : read_below(root, path.data), *end = text;
    double quota = text ? strtod(text, &end) : 0, period = end > text ? strtod(end, NULL) : 0;
    free(text);
    ft_text_free(&path);
    return quota > 0 && period > 0 ? quota / period : INFINITY;
}

/* The smallest limit of a group and its ancestors, as far as they are mounted: a
 * container sees only its own. */
static double least(const char *root, const group *in, const mount_point *mount, limit_of *limit)
{
    double found = INFINITY;
    size_t seen = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
    const char *below = in->path;
    if (strncmp(below, mount->root, seen) == 0 && (below[seen] == '/' || !below[seen]))
        below += seen;
    else
        below = ""; /* the container's own root is what is mounted */
    if (strncmp(below, "/..", 3) == 0) below = "";
    ft_text directory = FT_TEXT_EMPTY;
    ft_text_addf(&directory, "%s%s", mount->path, below);
    for (size_t top = strlen(mount->path); !directory.failed;) {
        found = fmin(found, limit(root, directory.data, in->v2));
        char *slash = strrchr(directory.data, '/');
        if (!slash || (size_t)(slash - directory.data) < top) break;
        *slash = '\0';
    }
    ft_text_free(&directory);
    return found;
}

static double find_limit(const char *root, const char *controller, limit_of *limit)
{
    double found = INFINITY;
    char *groups = read_below(root, "/proc/self/cgroup"), *mounts = read_below(root, "/proc/self/mountinfo");
    if (groups && mounts) {
        const group in = find_group(groups, controller);
        const mount_point mount = find_mount(mounts, in.v2, controller);
        if (in.path && mount.path) found = least(root, &in, &mount, limit);
    }
    free(groups);
    free(mounts);
    return found;
}

double ft_cgroup_cpus(const char *root)
{
    return find_limit(root, "cpu", cpus_of);
}

double ft_cgroup_memory(const char *root)
{
    return find_limit(root, "memory", memory_of);
}
