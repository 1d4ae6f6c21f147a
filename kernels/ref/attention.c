/* T5 attention, forward and backward, one (sequence, head, query) at a time. Sums run
 * over the keys j that query i may attend to; m are the dropout factors.
 *
 *   s_ij = q_i . k_j + bias[bucket(j - i), head]
 *   lse_i = log(sum_j exp(s_ij)),  p_ij = exp(s_ij - lse_i)
 *   o_i = sum_j p_ij m_ij v_j
 *
 * Backward, with D_i = sum_j p_ij m_ij (do_i . v_j):
 *
 *   ds_ij = p_ij (m_ij (do_i . v_j) - D_i)
 *   dq_i = sum_j ds_ij k_j,  dk_j = sum_i ds_ij q_i,  dv_j = sum_i p_ij m_ij do_i
 *   dbias[bucket(j - i)] += ds_ij */
#include <math.h>
#include <string.h>

#include "kernels/ref/ref.h"

/* Columns of one head in one row. */
static void load_head(ft_tensor t, int64_t row, int32_t head, int32_t d_kv, double *values)
{
    ft_ref_load_row(ft_columns(t, (int64_t)head * d_kv, d_kv), row, values);
}

static void store_head(ft_tensor t, int64_t row, int32_t head, int32_t d_kv, const double *values)
{
    ft_ref_store_row(ft_columns(t, (int64_t)head * d_kv, d_kv), row, values);
}

static bool visible(const ft_attention *attention, int32_t sequence, int32_t query, int32_t key)
{
    if (attention->causal && key > query) return false;
    return !attention->key_mask || attention->key_mask[(int64_t)sequence * attention->kv_length + key];
}

/* Keys and values of one head of a sequence, and what is computed for one query over all
 * keys. */
typedef struct head_scratch {
    double *k, *v, *dk, *dv;     /* (kv_length, d_kv) */
    double *score, *factor, *dp; /* (kv_length): s or p, m, do . v */
    double *q, *out, *dout, *dq; /* (d_kv) */
    double *dbias;               /* (n_buckets) */
} head_scratch;

static bool get_scratch(ft_backend *self, const ft_attention *attention, head_scratch *scratch)
{
    int64_t keys = attention->kv_length, d = attention->d_kv;
    int64_t buckets = attention->bias.data ? attention->bias.rows : 0;
    double *next = ft_ref_scratch(self, 4 * keys * d + 3 * keys + 4 * d + buckets);
    if (!next) return false;
    double **per_key[] = {&scratch->k, &scratch->v, &scratch->dk, &scratch->dv};
    for (int i = 0; i < 4; i++, next += keys * d) *per_key[i] = next;
    double **scores[] = {&scratch->score, &scratch->factor, &scratch->dp};
    for (int i = 0; i < 3; i++, next += keys) *scores[i] = next;
    double **per_query[] = {&scratch->q, &scratch->out, &scratch->dout, &scratch->dq};
    for (int i = 0; i < 4; i++, next += d) *per_query[i] = next;
    scratch->dbias = next;
    return true;
}

static void load_keys(const ft_attention *attention, int32_t sequence, int32_t head, head_scratch *scratch)
{
    int64_t d = attention->d_kv;
    for (int32_t j = 0; j < attention->kv_length; j++) {
        int64_t row = (int64_t)sequence * attention->kv_length + j;
        load_head(attention->k, row, head, attention->d_kv, scratch->k + j * d);
        load_head(attention->v, row, head, attention->d_kv, scratch->v + j * d);
    }
}

static int32_t bucket_of(const ft_attention *attention, int32_t query, int32_t key)
{
    return ft_relative_bucket(key - query, attention->bidirectional, (int32_t)attention->bias.rows,
                              attention->max_distance);
}

/* Scores of one query (-infinity where it must not look) and the dropout factors of its
 * probabilities. */
static void score_query(const ft_attention *attention, const ft_ref_dropout *dropout, int32_t sequence,
                        int32_t head, int32_t query, head_scratch *scratch)
{
    for (int32_t j = 0; j < attention->kv_length; j++) {
        scratch->score[j] = -INFINITY;
        if (!visible(attention, sequence, query, j)) continue;
        scratch->score[j] =
            ft_ref_dot(scratch->q, scratch->k + (int64_t)j * attention->d_kv, attention->d_kv);
        if (attention->bias.data) {
            ft_tensor bias = attention->bias;
            int64_t index = bucket_of(attention, query, j) * bias.stride + head;
            scratch->score[j] += ft_ref_load(bias.data, bias.dtype, index);
        }
        scratch->factor[j] =
            ft_ref_dropout_factor(dropout, (uint32_t)(attention->kv_length - 1 - j),
                                  (uint32_t)(attention->q_length - 1 - query), (uint32_t)head);
    }
}

static void attention_forward(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                              ft_tensor out, void *lse)
{
    int32_t d = attention->d_kv;
    head_scratch now;
    if (!get_scratch(self, attention, &now)) return;
    for (int32_t s = 0; s < batch->n_sequences; s++) {
        ft_ref_dropout dropout = ft_ref_dropout_of(batch, batch->model_dropout, attention->dropout_site, s);
        for (int32_t head = 0; head < attention->n_heads; head++) {
            load_keys(attention, s, head, &now);
            for (int32_t i = 0; i < attention->q_length; i++) {
                int64_t row = (int64_t)s * attention->q_length + i;
                load_head(attention->q, row, head, d, now.q);
                score_query(attention, &dropout, s, head, i, &now);
                double log_sum = ft_ref_softmax(now.score, attention->kv_length);
                memset(now.out, 0, (size_t)d * sizeof *now.out);
                for (int32_t j = 0; j < attention->kv_length; j++)
                    if (visible(attention, s, i, j))
                        ft_ref_add_scaled(now.out, now.score[j] * now.factor[j], now.v + (int64_t)j * d, d);
                store_head(out, row, head, d, now.out);
                int64_t index = ((int64_t)s * attention->n_heads + head) * attention->q_length + i;
                if (lse) ft_ref_store(lse, self->real, index, log_sum);
            }
        }
    }
}

/* Adds one query's part to dk, dv and dbias, and leaves its dq in the scratch. The scores
 * are there. */
static void query_backward(const ft_attention *attention, int32_t sequence, int32_t query, double log_sum,
                           head_scratch *scratch)
{
    int64_t d = attention->d_kv;
    double row_sum = 0;
    for (int32_t j = 0; j < attention->kv_length; j++) {
        if (!visible(attention, sequence, query, j)) continue;
        scratch->score[j] = exp(scratch->score[j] - log_sum);
        scratch->dp[j] = scratch->factor[j] * ft_ref_dot(scratch->dout, scratch->v + j * d, d);
        row_sum += scratch->score[j] * scratch->dp[j];
    }
    memset(scratch->dq, 0, (size_t)d * sizeof *scratch->dq);
    for (int32_t j = 0; j < attention->kv_length; j++) {
        if (!visible(attention, sequence, query, j)) continue;
        double p = scratch->score[j], ds = p * (scratch->dp[j] - row_sum);
        ft_ref_add_scaled(scratch->dq, ds, scratch->k + j * d, d);
        ft_ref_add_scaled(scratch->dk + j * d, ds, scratch->q, d);
        ft_ref_add_scaled(scratch->dv + j * d, p * scratch->factor[j], scratch->dout, d);
        if (attention->bias.data) scratch->dbias[bucket_of(attention, query, j)] += ds;
    }
}

static void store_keys(const ft_attention *attention, int32_t sequence, int32_t head, ft_tensor dk,
                       ft_tensor dv, const head_scratch *scratch)
{
    int64_t d = attention->d_kv;
    for (int32_t j = 0; j < attention->kv_length; j++) {
        int64_t row = (int64_t)sequence * attention->kv_length + j;
        store_head(dk, row, head, attention->d_kv, scratch->dk + j * d);
        store_head(dv, row, head, attention->d_kv, scratch->dv + j * d);
    }
}

static void attention_backward(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                               ft_tensor out, const void *lse, ft_tensor dout, ft_tensor dq, ft_tensor dk,
                               ft_tensor dv, ft_tensor dbias)
{
    (void)out; /* D = dout . out would be the same but for out's rounding */
    int32_t d = attention->d_kv;
    int64_t buckets = attention->bias.data ? attention->bias.rows : 0;
    head_scratch now;
    if (!get_scratch(self, attention, &now)) return;
    size_t key_bytes = (size_t)attention->kv_length * (size_t)d * sizeof(double);
    for (int32_t head = 0; head < attention->n_heads; head++) {
        memset(now.dbias, 0, (size_t)buckets * sizeof *now.dbias);
        for (int32_t s = 0; s < batch->n_sequences; s++) {
            ft_ref_dropout dropout =
                ft_ref_dropout_of(batch, batch->model_dropout, attention->dropout_site, s);
            load_keys(attention, s, head, &now);
            memset(now.dk, 0, key_bytes);
            memset(now.dv, 0, key_bytes);
            for (int32_t i = 0; i < attention->q_length; i++) {
                int64_t row = (int64_t)s * attention->q_length + i;
                load_head(attention->q, row, head, d, now.q);
                load_head(dout, row, head, d, now.dout);
                score_query(attention, &dropout, s, head, i, &now);
                int64_t index = ((int64_t)s * attention->n_heads + head) * attention->q_length + i;
                query_backward(attention, s, i, ft_ref_load(lse, self->real, index), &now);
                store_head(dq, row, head, d, now.dq);
            }
            store_keys(attention, s, head, dk, dv, &now);
        }
        for (int64_t b = 0; b < buckets && dbias.data; b++) {
            int64_t index = b * dbias.stride + head;
            ft_ref_store(dbias.data, dbias.dtype, index,
                         ft_ref_load(dbias.data, dbias.dtype, index) + now.dbias[b]);
        }
    }
}

static void decode_attention(ft_backend *self, const ft_decode_attention *attention, ft_tensor out)
{
    int32_t d = attention->d_kv;
    ft_tensor bias = attention->bias;
    double *score = ft_ref_scratch(self, attention->kv_length + 3 * (int64_t)d);
    if (!score) return;
    double *q = score + attention->kv_length, *key = q + d, *sum = key + d;
    for (int64_t path = 0; path < attention->q.rows; path++) {
        int64_t cache = path / attention->paths_per_cache, first = cache * attention->capacity;
        for (int32_t head = 0; head < attention->n_heads; head++) {
            if (attention->k_new.data) {
                load_head(attention->k_new, path, head, d, key);
                store_head(attention->k_cache, first + attention->kv_length - 1, head, d, key);
                load_head(attention->v_new, path, head, d, key);
                store_head(attention->v_cache, first + attention->kv_length - 1, head, d, key);
            }
            load_head(attention->q, path, head, d, q);
            for (int32_t j = 0; j < attention->kv_length; j++) {
                score[j] = -INFINITY;
                if (attention->key_mask && !attention->key_mask[cache * attention->kv_length + j]) continue;
                load_head(attention->k_cache, first + j, head, d, key);
                score[j] = ft_ref_dot(q, key, d);
                if (!bias.data) continue;
                int32_t bucket = ft_relative_bucket(j - (attention->kv_length - 1), false, (int32_t)bias.rows,
                                                    attention->max_distance);
                score[j] += ft_ref_load(bias.data, bias.dtype, bucket * bias.stride + head);
            }
            ft_ref_softmax(score, attention->kv_length);
            memset(sum, 0, (size_t)d * sizeof *sum);
            for (int32_t j = 0; j < attention->kv_length; j++) {
                if (score[j] == 0) continue;
                load_head(attention->v_cache, first + j, head, d, key);
                ft_ref_add_scaled(sum, score[j], key, d);
            }
            store_head(out, path, head, d, sum);
        }
    }
}

void ft_ref_attention_operations(ft_backend *backend)
{
    backend->attention_forward = attention_forward;
    backend->attention_backward = attention_backward;
    backend->decode_attention = decode_attention;
}
