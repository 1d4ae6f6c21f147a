/* Messages between coordinator and workers arrive whole or not at all, and a peer that
 * does not read blocks nobody. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "host/workers/protocol.h"

static ft_channel ends[2];

static void open_channel(void)
{
    int fds[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    for (int i = 0; i < 2; i++) ends[i] = (ft_channel){.fd = fds[i]};
}

static void close_channel(void)
{
    for (int i = 0; i < 2; i++) ft_channel_close(&ends[i]);
}

TestSuite(protocol, .init = open_channel, .fini = close_channel, .timeout = 500);

/* {"type":"train","number":n,"text":"xxx..."} */
static cJSON *make_message(int number, size_t length)
{
    ft_text text = FT_TEXT_EMPTY;
    for (size_t i = 0; i < length; i++) ft_text_add(&text, "x");
    cJSON *message = ft_message("type", "train");
    ft_json_set(&message, "number", cJSON_CreateNumber(number));
    ft_json_set_string(&message, "text", text.data);
    ft_text_free(&text);
    cr_assert_not_null(message);
    return message;
}

Test(protocol, who_posts_does_not_wait_until_the_other_reads)
{
    enum { MESSAGES = 5, LENGTH = 300000 };
    ft_error err = {""};
    cJSON *message = NULL;
    for (int i = 0; i < MESSAGES; i++)
        cr_assert_eq(ft_channel_post(&ends[0], make_message(i, LENGTH), &err), FT_OK, "%s", err.message);
    cr_assert_gt(ends[0].unsent.length, 0, "a socket holds more than this test");
    for (int i = 0; i < MESSAGES;) {
        cr_assert_eq(ft_channel_flush(&ends[0], &err), FT_OK, "%s", err.message);
        cr_assert_eq(ft_channel_receive(&ends[1], 0, &message, &err), FT_OK, "%s", err.message);
        if (!message) continue;
        cr_expect_eq(ft_message_number(message, "number", -1), i);
        cr_expect_eq(strlen(ft_message_text(message, "text")), LENGTH);
        cJSON_Delete(message);
        i++;
    }
    cr_expect_eq(ends[0].unsent.length, 0);
}

Test(protocol, what_is_kept_for_one_that_is_gone_is_an_error)
{
    ft_error err = {""};
    cr_assert_eq(ft_channel_post(&ends[0], make_message(0, 1000000), &err), FT_OK, "%s", err.message);
    ft_channel_close(&ends[1]);
    cr_expect_eq(ft_channel_flush(&ends[0], &err), FT_FAILED);
    cr_expect_eq(ft_channel_send(&ends[0], make_message(1, 10), &err), FT_FAILED);
}

Test(protocol, a_message_that_found_no_memory_is_not_sent)
{
    ft_error err = {""};
    cJSON *message = ft_message("type", "go"), *received = NULL;
    ft_json_set(&message, "number", NULL); /* as cJSON makes it without memory */
    cr_assert_null(message, "half a message");
    ft_json_set(&message, "more", cJSON_CreateNumber(1));
    cr_expect_null(message);
    cr_expect_eq(ft_channel_send(&ends[0], message, &err), FT_NO_MEMORY);
    cJSON *list = cJSON_CreateArray();
    ft_json_append(&list, cJSON_CreateBool(true));
    ft_json_append(&list, NULL);
    ft_json_append(&list, cJSON_CreateBool(false));
    cr_expect_null(list, "a list without one of its items");
    cr_expect_eq(ft_channel_receive(&ends[1], 0, &received, &err), FT_OK);
    cr_expect_null(received);
}

Test(protocol, an_outcome_comes_over_as_it_was)
{
    ft_outcome outcome = {.experiment_id = "s_001", .failed = true, .error = "why", .pruned_at_epoch = 3};
    outcome.test = (ft_scores){1, 2, 3, 4, 5, 6, 7};
    ft_error err = {""};
    cJSON *message = ft_message("type", "finish"), *received = NULL;
    ft_json_set(&message, "outcome", ft_outcome_to_json(&outcome));
    cr_assert_eq(ft_channel_send(&ends[0], message, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_channel_receive(&ends[1], 0, &received, &err), FT_OK, "%s", err.message);
    ft_outcome got;
    ft_outcome_from_json(cJSON_GetObjectItemCaseSensitive(received, "outcome"), &got);
    cJSON_Delete(received);
    cr_expect_str_eq(got.experiment_id, "s_001");
    cr_expect_str_eq(got.error, "why");
    cr_expect(got.failed);
    cr_expect_eq(got.pruned_at_epoch, 3);
    cr_expect_eq(memcmp(&got.test, &outcome.test, sizeof got.test), 0);
}
