/* A server that answers as an MLflow tracking server does, as far as ftgpu asks, for
 * test_mlflow.sh.
 *
 * usage: mlflow_server PORT_FILE LOG
 *
 * It listens at a port of 127.0.0.1, which it writes into PORT_FILE, and appends each
 * request to LOG: "POST /api/2.0/mlflow/runs/create {...}". Experiment "1" is made by the
 * first create; a run is complete once the tag ftgpu.sent is set for it. While the file
 * LOG.fault exists, log-batch is answered with status 500 and a reason; while LOG.slow
 * exists, a runs/create is carried out, but its answer is sent at a byte a second; while
 * LOG.cut does, the connection is closed instead. */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 22, MOST_RUNS = 64, MOST_SOCKETS = 64 };

/* What was created: the ftgpu.experiment_id of each run, and whether it is complete. */
static struct {
    bool has_experiment;
    int n_runs;
    char ids[MOST_RUNS][128];
    bool is_complete[MOST_RUNS];
} state;

static char slow_file[1024], cut_file[1024];
static bool is_creating; /* a runs/create is being answered */

/* False when the other side is gone. */
static bool say(int socket, const char *text)
{
    while (*text) {
        const bool is_slow = is_creating && access(slow_file, F_OK) == 0;
        if (is_slow) sleep(1);
        const ssize_t n = send(socket, text, is_slow ? 1 : strlen(text), MSG_NOSIGNAL);
        if (n < 0) return false;
        text += n;
    }
    return true;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void answer(int socket, int status, const char *json)
{
    char head[256];
    snprintf(head, sizeof head,
             "HTTP/1.1 %d Answer\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status,
             strlen(json));
    if (say(socket, head)) say(socket, json);
}

/* The text between `before` and the next of `ends` in the body; "" where there is
 * none. */
static void find(const char *body, const char *before, const char *ends, char out[128])
{
    const char *at = strstr(body, before);
    const size_t n = at ? strcspn(at + strlen(before), ends) : 0;
    snprintf(out, 128, "%.*s", (int)(n < 127 ? n : 127), at ? at + strlen(before) : "");
}

static void answer_search(int socket, const char *body)
{
    char id[128], json[512];
    find(body, "ftgpu.experiment_id` = '", "'", id);
    for (int r = 0; r < state.n_runs; r++) {
        if (strcmp(state.ids[r], id) != 0) continue;
        snprintf(json, sizeof json,
                 "{\"runs\":[{\"info\":{\"run_id\":\"run%d\",\"artifact_uri\":\"mlflow-artifacts:/1/run%d/"
                 "artifacts\"},"
                 "\"data\":{\"tags\":[%s]}}]}",
                 r, r, state.is_complete[r] ? "{\"key\":\"ftgpu.sent\",\"value\":\"true\"}" : "");
        answer(socket, 200, json);
        return;
    }
    answer(socket, 200, "{}");
}

static void answer_create(int socket, const char *body)
{
    char json[512];
    const int r = state.n_runs++;
    find(body, "\"key\":\"ftgpu.experiment_id\",\"value\":\"", "\"", state.ids[r]);
    snprintf(json, sizeof json,
             "{\"run\":{\"info\":{\"run_id\":\"run%d\",\"artifact_uri\":\"mlflow-artifacts:/1/run%d/"
             "artifacts\"}}}",
             r, r);
    if (access(cut_file, F_OK) == 0)
        shutdown(socket, SHUT_RDWR);
    else
        answer(socket, 200, json);
}

static void respond(int socket, const char *path, const char *body, bool has_fault)
{
    char run[128];
    if (strstr(path, "/experiments/get-by-name") && !state.has_experiment) {
        answer(socket, 404,
               "{\"error_code\":\"RESOURCE_DOES_NOT_EXIST\",\"message\":\"no such experiment\"}");
    } else if (strstr(path, "/experiments/get-by-name")) {
        answer(socket, 200, "{\"experiment\":{\"experiment_id\":\"1\"}}");
    } else if (strstr(path, "/experiments/create")) {
        state.has_experiment = true;
        answer(socket, 200, "{\"experiment_id\":\"1\"}");
    } else if (strstr(path, "/runs/search")) {
        answer_search(socket, body);
    } else if (strstr(path, "/runs/create") && state.n_runs < MOST_RUNS) {
        is_creating = true;
        answer_create(socket, body);
        is_creating = false;
    } else if (strstr(path, "/log-batch") && has_fault) {
        answer(socket, 500, "{\"error_code\":\"INTERNAL_ERROR\",\"message\":\"the disk is full\"}");
    } else if (strstr(path, "/set-tag")) {
        find(body, "\"run_id\":\"run", "\"", run);
        if (atoi(run) < MOST_RUNS) state.is_complete[atoi(run)] = true;
        answer(socket, 200, "{}");
    } else {
        answer(socket, 200, strstr(path, "/mlflow-artifacts/") ? "" : "{}");
    }
}

/* Reads a request; the length of its head, or 0 when the other side is gone. */
static size_t receive(int socket, char *bytes, size_t *size)
{
    for (*size = 0;;) {
        const ssize_t n = read(socket, bytes + *size, MOST_BYTES - 1 - *size);
        if (n <= 0) return 0;
        *size += (size_t)n;
        bytes[*size] = '\0';
        const char *end = strstr(bytes, "\r\n\r\n"), *length = strstr(bytes, "Content-Length:");
        if (!end) continue;
        const size_t head = (size_t)(end + 4 - bytes),
                     body = length && length < end ? strtoul(length + 15, NULL, 10) : 0;
        if (*size >= head + body) return head;
    }
}

/* Answers one request; false when the other side is gone. */
static bool serve(int socket, char *bytes, const char *log)
{
    char fault[1024], method[16], path[1024];
    size_t size, head = receive(socket, bytes, &size);
    if (head == 0) return false;
    snprintf(fault, sizeof fault, "%s.fault", log);
    sscanf(bytes, "%15s %1023s", method, path);
    FILE *f = fopen(log, "a");
    if (!f) die(log);
    fprintf(f, "%s %s %s\n", method, path, strstr(path, "artifacts/") ? "(bytes)" : bytes + head);
    fclose(f);
    respond(socket, path, bytes + head, access(fault, F_OK) == 0);
    return true;
}

/* Answers requests of all connections, one after another. */
static void serve_all(int listener, char *bytes, const char *log)
{
    struct pollfd sockets[MOST_SOCKETS] = {{listener, POLLIN, 0}};
    for (nfds_t n = 1;;) {
        if (poll(sockets, n, -1) < 0) die("poll");
        for (nfds_t i = n; i-- > 1;) {
            if (!sockets[i].revents || serve(sockets[i].fd, bytes, log)) continue;
            close(sockets[i].fd);
            sockets[i] = sockets[--n];
        }
        const int new = sockets[0].revents ? accept(listener, NULL, NULL) : -1;
        if (new >= 0 && n == MOST_SOCKETS) die("too many connections");
        if (new >= 0) sockets[n++] = (struct pollfd){new, POLLIN, 0};
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    snprintf(slow_file, sizeof slow_file, "%s.slow", argv[2]);
    snprintf(cut_file, sizeof cut_file, "%s.cut", argv[2]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    char *bytes = malloc(MOST_BYTES);
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!bytes || listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) ||
        listen(listener, 8) || getsockname(listener, (struct sockaddr *)&address, &length))
        die("listen");
    FILE *f = fopen(argv[1], "w");
    if (!f) die(argv[1]);
    fprintf(f, "%d\n", ntohs(address.sin_port));
    fclose(f);
    serve_all(listener, bytes, argv[2]);
}
