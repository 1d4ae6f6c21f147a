/* The batches of pretraining; see pretrain_batch.h. */
#include "model/pretrain_batch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/philox.h"
#include "model/synthetic/synthetic.h"

/* How often the longest context of a step is all of context_length, a half, a quarter, an
 * eighth of it; the rest of the steps have a sixteenth. Real collections are full of
 * short series (yearly and quarterly ones have 15 to 100 values), and short contexts cost
 * little. */
static const double context_shares[] = {0.45, 0.2, 0.15, 0.1};
enum { N_SHARES = sizeof context_shares / sizeof *context_shares };

/* The least context of a sequence. */
enum { LEAST_CONTEXT = 8 };
/* Every other sequence has a context of a random length; the others fill it. */
static const double PARTLY_FILLED = 0.5;

/* Numbers of the generator from here on are for validation. */
static const uint64_t FIRST_VALIDATION = (uint64_t)1 << 48;

/* Sites of the random numbers that are drawn here. */
enum { SITE_STEP = 0x70726531, SITE_SEQUENCE = 0x70726532 };

struct ft_pretrain_batch {
    const ft_tokenizer *tokenizer;
    ft_pretrain_batch_settings settings;
    int64_t step;
    int32_t context; /* the longest of this step */
    pthread_t thread;
    bool has_thread;
    /* (batch_size) rows each: values and scratch of the generator, then what a pass
     * needs. */
    float *values;
    char *scratch;
    size_t scratch_bytes;
    int32_t *ids, *labels;
    uint8_t *mask;
};

static double uniform(uint32_t seed, uint64_t counter, uint32_t site)
{
    const ft_philox_key key = {{seed, site}};
    return (double)ft_philox_uniform(
        ft_philox(key, (uint32_t)counter, (uint32_t)(counter >> 32), 0, 0).word[0]);
}

int32_t ft_pretrain_context(const ft_pretrain_batch_settings *settings, int64_t step)
{
    double u = uniform(settings->seed, (uint64_t)step, SITE_STEP);
    int32_t context = settings->context_length;
    for (int i = 0; i < N_SHARES && u >= context_shares[i] && context / 2 >= LEAST_CONTEXT; i++) {
        u -= context_shares[i];
        context /= 2;
    }
    return context;
}

/* The context of one of a batch's sequences: between half of the longest and the longest,
 * in the shortest batches from LEAST_CONTEXT on. */
static int32_t context_of(const ft_pretrain_batch *b, uint64_t index)
{
    double u = uniform(b->settings.seed, index, SITE_SEQUENCE);
    int32_t least = b->context / 2;
    if (b->context <= b->settings.context_length >> N_SHARES) least = LEAST_CONTEXT;
    if (least > b->context) least = b->context;
    if (u >= PARTLY_FILLED) return b->context;
    return least + (int32_t)(u / PARTLY_FILLED * (double)(b->context - least));
}

static void draw_sequence(void *given, int64_t i)
{
    ft_pretrain_batch *b = given;
    const ft_pretrain_batch_settings *s = &b->settings;
    const int32_t capacity = b->context + 1, labels = s->prediction_length + 1;
    const uint64_t index = (uint64_t)b->step * (uint64_t)s->batch_size + (uint64_t)i;
    const int32_t context = context_of(b, index);
    float *values = b->values + i * (s->context_length + s->prediction_length);
    ft_synthetic_draw(s->seed, index, context + s->prediction_length, values,
                      b->scratch + (size_t)i * b->scratch_bytes);
    float scale = ft_tokenizer_context(b->tokenizer, values, context, context, b->ids + i * capacity,
                                       b->mask + i * capacity, capacity);
    ft_tokenizer_labels(b->tokenizer, values + context, s->prediction_length, scale, b->labels + i * labels);
}

static void *draw_all(void *given)
{
    ft_pretrain_batch *b = given;
    b->context = ft_pretrain_context(&b->settings, b->step);
    ft_parallel(b->settings.threads, b->settings.batch_size, draw_sequence, b);
    return NULL;
}

void ft_pretrain_batch_begin(ft_pretrain_batch *b, int64_t step)
{
    b->step = step;
    b->has_thread = pthread_create(&b->thread, NULL, draw_all, b) == 0;
    if (!b->has_thread) draw_all(b);
}

static void wait_for_thread(ft_pretrain_batch *b)
{
    if (b->has_thread) pthread_join(b->thread, NULL);
    b->has_thread = false;
}

void ft_pretrain_batch_take(ft_pretrain_batch *b, ft_inputs *in)
{
    wait_for_thread(b);
    const size_t n = (size_t)b->settings.batch_size;
    in->n_sequences = b->settings.batch_size;
    in->encoder_length = b->context + 1;
    in->decoder_length = b->settings.prediction_length + 1;
    in->sequence_start[0] = 0;
    in->sequence_start[1] = in->n_sequences;
    memcpy(in->encoder_ids, b->ids, n * (size_t)in->encoder_length * sizeof *b->ids);
    memcpy(in->key_mask, b->mask, n * (size_t)in->encoder_length);
    memcpy(in->labels, b->labels, n * (size_t)in->decoder_length * sizeof *b->labels);
}

void ft_pretrain_validation_series(const ft_pretrain_batch_settings *settings, int64_t index, float *values,
                                   void *scratch)
{
    ft_synthetic_draw(settings->seed, FIRST_VALIDATION + (uint64_t)index,
                      settings->context_length + settings->prediction_length, values, scratch);
}

ft_status ft_pretrain_batch_create(const ft_tokenizer *tokenizer, const ft_pretrain_batch_settings *settings,
                                   ft_pretrain_batch **out, ft_error *err)
{
    const size_t n = (size_t)settings->batch_size, context = (size_t)settings->context_length,
                 prediction = (size_t)settings->prediction_length;
    ft_pretrain_batch *b = calloc(1, sizeof *b);
    *out = b;
    if (!b) return ft_no_memory(err, "a batch", sizeof *b);
    b->tokenizer = tokenizer;
    b->settings = *settings;
    b->scratch_bytes =
        (ft_synthetic_scratch(settings->context_length + settings->prediction_length) + 63) / 64 * 64;
    b->values = malloc(n * (context + prediction) * sizeof *b->values);
    b->scratch = aligned_alloc(64, n * b->scratch_bytes);
    b->ids = malloc(n * (context + 1) * sizeof *b->ids);
    b->mask = malloc(n * (context + 1));
    b->labels = malloc(n * (prediction + 1) * sizeof *b->labels);
    if (b->values && b->scratch && b->ids && b->mask && b->labels) return FT_OK;
    ft_pretrain_batch_free(b);
    *out = NULL;
    return ft_no_memory(err, "a batch of series", n * (context * 9 + prediction * 8 + b->scratch_bytes));
}

void ft_pretrain_batch_free(ft_pretrain_batch *b)
{
    if (!b) return;
    wait_for_thread(b);
    free(b->labels);
    free(b->mask);
    free(b->ids);
    free(b->scratch);
    free(b->values);
    free(b);
}
