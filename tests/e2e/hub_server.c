/* A server that answers as the Hugging Face Hub does, for test_hub.sh.
 *
 * usage: hub_server ROOT PORTS LOG
 *
 * It listens at two ports of 127.0.0.1: the Hub's, and the port of the host that stores
 * large files. It writes both numbers into the file PORTS, and a line for each request to
 * LOG:
 *
 *     hub HEAD /org/name/resolve/main/config.json token=- from=0 -> 307
 *
 * ROOT/org/name holds a model's files, and FILE.etag for each: 64 digits make it a large
 * file. The file `commit` holds the commit, `tags` other names of it, `token` the token
 * that is needed. ROOT/script has a line for each fault (they are in `faults` below):
 *
 *     METHOD PART-OF-THE-PATH TIMES FAULT [ARGUMENT]
 *
 * The first line that fits and has times left is used; times are counted anew when the
 * script changes. Each request is served by a process of its own. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 4096, MOST_RULES = 32 };

static const char *const faults[] = {
    "status",  /* N [header]: that answer, without a body */
    "cut",     /* N: the connection ends after N bytes of the body */
    "flip",    /* a byte of the body is another */
    "endless", /* a body without a length that goes on for 64 MB more */
    "norange", /* the whole file, whatever range is asked for */
    "shift",   /* N: the range begins N bytes later than asked for */
    "slow",    /* N: 64 KiB each N milliseconds */
    "silent",  /* N: no answer for N seconds */
    "page",    /* a page of a provider that wants to be logged in to */
    "circle",  /* sent on to where it was asked */
};

/* Shared by all processes: how often the rules were used, and by which script. */
static struct shared {
    unsigned script;
    int used[MOST_RULES];
} * shared;

static struct {
    const char *root, *log;
    int hub_port, cdn_port;
} server;

typedef struct request {
    int socket;
    bool is_cdn, is_head;
    char method[16], path[LINE], token[LINE];
    long long from;
    char fault[16], argument[LINE];
} request;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* The file's text without its line end; "" where there is none. */
static void read_text(char *text, size_t room, const char *format, ...)
{
    char path[LINE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(text, 1, room - 1, file) : 0;
    text[n] = '\0';
    while (n > 0 && text[n - 1] == '\n') text[--n] = '\0';
    if (file) fclose(file);
}

static void send_all(const request *r, const char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t n = send(r->socket, bytes, size, MSG_NOSIGNAL);
        if (n <= 0) exit(0); /* the client has hung up */
        bytes += n;
        size -= (size_t)n;
    }
}

static void answer(const request *r, int status, const char *format, ...)
{
    char text[2 * LINE], line[2 * LINE];
    int length = snprintf(text, sizeof text, "HTTP/1.1 %d Whatever\r\nConnection: close\r\n", status);
    va_list arguments;
    va_start(arguments, format);
    length += vsnprintf(text + length, sizeof text - (size_t)length - 8, format, arguments);
    va_end(arguments);
    strcpy(text + length, "\r\n");
    FILE *log = fopen(server.log, "a");
    snprintf(line, sizeof line, "%s %s %.2000s token=%.100s from=%lld -> %d\n", r->is_cdn ? "cdn" : "hub",
             r->method, r->path, *r->token ? r->token : "-", r->from, status);
    if (log) {
        fputs(line, log);
        fclose(log);
    }
    send_all(r, text, (size_t)length + 2);
}

static bool has_fault(const request *r, const char *name)
{
    return strcmp(r->fault, name) == 0;
}

static void pause_for(long milliseconds)
{
    nanosleep(&(struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000}, NULL);
}

/* The file's bytes, with the fault that the script wants. */
static void send_file(const request *r, const char *path, const char *headers)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (!file || fstat(fileno(file), &info) != 0) die(path);
    const long long argument = atoll(r->argument);
    long long from = has_fault(r, "norange") ? 0 : r->from, left;
    if (from > 0 && from >= info.st_size) {
        answer(r, 416, "Content-Length: 0\r\n");
        exit(0);
    }
    if (has_fault(r, "shift")) from += argument;
    left = info.st_size - from;
    if (from > 0)
        answer(r, 206, "%sContent-Length: %lld\r\nContent-Range: bytes %lld-%lld/%lld\r\n", headers, left,
               from, (long long)info.st_size - 1, (long long)info.st_size);
    else if (has_fault(r, "endless"))
        answer(r, 200, "%s", headers);
    else
        answer(r, 200, "%sContent-Length: %lld\r\nAccept-Ranges: bytes\r\n", headers, left);
    if (r->is_head) exit(0);
    static char bytes[65536];
    fseek(file, (long)from, SEEK_SET);
    if (has_fault(r, "cut") && argument < left) left = argument;
    for (bool is_first = true; left > 0; is_first = false) {
        size_t n = fread(bytes, 1, left < (long long)sizeof bytes ? (size_t)left : sizeof bytes, file);
        if (n == 0) break;
        if (has_fault(r, "flip") && is_first) bytes[n / 2] ^= 1;
        send_all(r, bytes, n);
        left -= (long long)n;
        if (has_fault(r, "slow")) pause_for((long)argument);
    }
    /* An end after all, or a client without a bound would fill the disk. */
    for (int i = 0; has_fault(r, "endless") && i < 1024; i++) send_all(r, bytes, sizeof bytes);
    exit(0);
}

/* "/blob/org/name/file?signature": the second host, which would refuse a token of the
 * first, as S3 does. */
static void serve_cdn(request *r)
{
    char path[2 * LINE];
    if (*r->token) {
        answer(r, 400, "Content-Length: 0\r\n");
        exit(0);
    }
    r->path[strcspn(r->path, "?")] = '\0';
    snprintf(path, sizeof path, "%s%s", server.root, r->path + strlen("/blob"));
    send_file(r, path, "ETag: \"of-another-kind\"\r\n");
}

/* Whether the word is in the text, between blanks or line ends. */
static bool has_word(const char *text, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at += length)
        if ((at == text || strchr(" \n", at[-1])) && strchr(" \n", at[length])) return true;
    return false;
}

static void refuse(const request *r, int status, const char *code, const char *commit)
{
    char repository_commit[LINE] = "";
    if (*commit) snprintf(repository_commit, sizeof repository_commit, "X-Repo-Commit: %.64s\r\n", commit);
    answer(r, status, "X-Error-Code: %s\r\nX-Error-Message: no\r\n%sContent-Length: 0\r\n", code,
           repository_commit);
    exit(0);
}

/* "/org/name/resolve/revision/file", or "/api/resolve-cache/models/org/name/commit/file",
 * to which small files are sent on. */
static void serve_hub(request *r)
{
    char organization[200], name[200], revision[200], file[200], model[2 * LINE], path[3 * LINE];
    char commit[100], tags[LINE], token[LINE], etag[100];
    const bool is_second = sscanf(r->path, "/api/resolve-cache/models/%199[^/]/%199[^/]/%199[^/]/%199[^/]",
                                  organization, name, revision, file) == 4;
    if (!is_second && sscanf(r->path, "/%199[^/]/%199[^/]/resolve/%199[^/]/%199[^/]", organization, name,
                             revision, file) != 4)
        refuse(r, 404, "", "");
    snprintf(model, sizeof model, "%s/%s/%s", server.root, organization, name);
    if (access(model, F_OK) != 0) refuse(r, *r->token ? 404 : 401, "RepoNotFound", "");
    read_text(commit, sizeof commit, "%s/commit", model);
    read_text(tags, sizeof tags, "%s/tags", model);
    read_text(token, sizeof token, "%s/token", model);
    if (*token && strcmp(token, r->token) != 0) refuse(r, 401, *r->token ? "" : "GatedRepo", "");
    if (strcmp(revision, "main") != 0 && strcmp(revision, commit) != 0 && !has_word(tags, revision))
        refuse(r, 404, "RevisionNotFound", "");
    snprintf(path, sizeof path, "%s/%s", model, file);
    if (access(path, F_OK) != 0) refuse(r, 404, "EntryNotFound", commit);
    read_text(etag, sizeof etag, "%s.etag", path);
    char headers[LINE];
    struct stat info;
    snprintf(headers, sizeof headers, "ETag: \"%s\"\r\nX-Repo-Commit: %s\r\n", etag, commit);
    if (is_second) send_file(r, path, headers);
    if (stat(path, &info) != 0) die(path);
    if (strlen(etag) == 64)
        answer(r, 302,
               "Location: http://127.0.0.1:%d/blob/%s/%s/%s?signature=x\r\nX-Repo-Commit: %s\r\n"
               "X-Linked-Size: %lld\r\nX-Linked-ETag: \"%s\"\r\nETag: W/\"page\"\r\nContent-Length: 0\r\n",
               server.cdn_port, organization, name, file, commit, (long long)info.st_size, etag);
    else
        answer(
            r, 307,
            "Location: /api/resolve-cache/models/%s/%s/%s/%s\r\nX-Repo-Commit: %s\r\nContent-Length: 0\r\n",
            organization, name, commit, file, commit);
    exit(0);
}

/* Faults that need no file. */
static void serve_fault(const request *r)
{
    if (has_fault(r, "status")) {
        const char *header = strchr(r->argument, ' ');
        answer(r, atoi(r->argument), "%s%sContent-Length: 0\r\n", header ? header + 1 : "",
               header ? "\r\n" : "");
    } else if (has_fault(r, "silent")) {
        pause_for(1000 * atol(r->argument));
    } else if (has_fault(r, "page")) {
        answer(r, 200, "Content-Length: 5\r\nContent-Type: text/html\r\n");
        if (!r->is_head) send_all(r, "hello", 5);
    } else if (has_fault(r, "circle")) {
        answer(r, 302, "Location: %s\r\nContent-Length: 0\r\n", r->path);
    } else {
        return;
    }
    exit(0);
}

/* What the script wants of this request. */
static void find_fault(request *r)
{
    char script[2 * LINE], *next = script;
    unsigned sum = 1;
    read_text(script, sizeof script, "%s/script", server.root);
    for (const char *c = script; *c; c++) sum = sum * 31 + (unsigned char)*c;
    if (sum != shared->script) *shared = (struct shared){.script = sum};
    for (int i = 0; i < MOST_RULES && *next; i++) {
        char method[16], part[LINE], fault[16], argument[LINE] = "";
        int times = 0;
        char *line = next;
        next += strcspn(next, "\n");
        if (*next) *next++ = '\0';
        if (sscanf(line, "%15s %4095s %d %15s %4095[^\n]", method, part, &times, fault, argument) < 4)
            continue;
        bool is_known = false;
        for (size_t k = 0; k < sizeof faults / sizeof *faults; k++) is_known |= strcmp(fault, faults[k]) == 0;
        if (!is_known) {
            fprintf(stderr, "hub_server: no fault \"%s\"\n", fault);
            exit(1);
        }
        if (strcmp(method, r->method) != 0 || !strstr(r->path, part)) continue;
        if (__atomic_fetch_add(&shared->used[i], 1, __ATOMIC_SEQ_CST) >= times) continue;
        strcpy(r->fault, fault);
        strcpy(r->argument, argument);
        return;
    }
}

static void serve(int socket, bool is_cdn)
{
    request r = {.socket = socket, .is_cdn = is_cdn};
    char text[4 * LINE];
    size_t size = 0;
    for (text[0] = '\0'; !strstr(text, "\r\n\r\n") && size + 1 < sizeof text;) {
        const ssize_t n = recv(socket, text + size, sizeof text - 1 - size, 0);
        if (n <= 0) exit(0);
        text[size += (size_t)n] = '\0';
    }
    if (sscanf(text, "%15s %4095s", r.method, r.path) != 2) exit(0);
    /* As a proxy is asked: the whole address. */
    if (strncmp(r.path, "http://", 7) == 0)
        memmove(r.path, strchr(r.path + 7, '/'), strlen(strchr(r.path + 7, '/')) + 1);
    r.is_head = strcmp(r.method, "HEAD") == 0;
    for (char *line = text; (line = strstr(line, "\r\n"));) {
        line += 2;
        if (strncasecmp(line, "Authorization: Bearer ", 22) == 0) sscanf(line + 22, "%4095[^\r]", r.token);
        if (strncasecmp(line, "Range: bytes=", 13) == 0) r.from = atoll(line + 13);
    }
    find_fault(&r);
    serve_fault(&r);
    if (is_cdn)
        serve_cdn(&r);
    else
        serve_hub(&r);
}

static int listen_at(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 16) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        die("listening");
    *port = ntohs(address.sin_port);
    return listener;
}

static void accept_all(int listener, bool is_cdn)
{
    for (;;) {
        const int socket = accept(listener, NULL, NULL);
        if (socket < 0) continue;
        if (fork() == 0) {
            close(listener);
            serve(socket, is_cdn);
        }
        close(socket);
    }
}

int main(int argc, char **argv)
{
    if (argc != 4) return fputs("usage: hub_server ROOT PORTS LOG\n", stderr), 2;
    server.root = argv[1];
    server.log = argv[3];
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) die("mmap");
    signal(SIGCHLD, SIG_IGN); /* children need no one who waits for them */
    alarm(600);               /* a test that was killed must not leave it behind */
    const int hub = listen_at(&server.hub_port), cdn = listen_at(&server.cdn_port);
    char name[LINE];
    snprintf(name, sizeof name, "%s.new", argv[2]);
    FILE *ports = fopen(name, "w");
    if (!ports) die(name);
    fprintf(ports, "%d %d\n", server.hub_port, server.cdn_port);
    if (fclose(ports) != 0 || rename(name, argv[2]) != 0) die(argv[2]);
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        accept_all(cdn, true);
    }
    close(cdn);
    accept_all(hub, false);
}
