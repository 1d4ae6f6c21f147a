/* Experiments as TensorBoard's event files; see tensorboard.h. An event file is a
 * sequence of TFRecords, each a serialized tensorflow.Event: protocol buffers, written
 * here field by field (event.proto, summary.proto, hparams/plugin_data.proto). */
#include "tracker/tensorboard.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

/* -- protocol buffers: a message is an ft_text -- */

enum { VARINT = 0, EIGHT_BYTES = 1, BYTES = 2, FOUR_BYTES = 5 }; /* wire types */

static void add_varint(ft_text *out, uint64_t value)
{
    char bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7) bytes[n++] = (char)(value | 0x80);
    bytes[n++] = (char)value;
    ft_text_add_bytes(out, bytes, n);
}

static void add_key(ft_text *out, uint32_t field, uint32_t type)
{
    add_varint(out, (uint64_t)field << 3 | type);
}

/* The machines ftgpu runs on store the lowest byte first, as protocol buffers do. */
static void add_double(ft_text *out, uint32_t field, double value)
{
    add_key(out, field, EIGHT_BYTES);
    ft_text_add_bytes(out, (const char *)&value, sizeof value);
}

static void add_float(ft_text *out, uint32_t field, float value)
{
    add_key(out, field, FOUR_BYTES);
    ft_text_add_bytes(out, (const char *)&value, sizeof value);
}

static void add_integer(ft_text *out, uint32_t field, uint64_t value)
{
    add_key(out, field, VARINT);
    add_varint(out, value);
}

static void add_string(ft_text *out, uint32_t field, const char *value)
{
    add_key(out, field, BYTES);
    add_varint(out, strlen(value));
    ft_text_add(out, value);
}

/* A message as a field, which is freed. */
static void add_message(ft_text *out, uint32_t field, ft_text *message)
{
    add_key(out, field, BYTES);
    add_varint(out, message->length);
    if (message->length > 0) ft_text_add_bytes(out, message->data, message->length);
    out->failed = out->failed || message->failed;
    ft_text_free(message);
}

/* -- TFRecords -- */

/* CRC-32C of bytes, masked as TensorFlow's records store it. */
static uint32_t masked_crc(const char *bytes, size_t size)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= (uint8_t)bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

static void add_crc(ft_text *file, const char *bytes, size_t size)
{
    const uint32_t crc = masked_crc(bytes, size);
    ft_text_add_bytes(file, (const char *)&crc, sizeof crc);
}

/* Appends an event, which is freed. */
static void add_record(ft_text *file, ft_text *event)
{
    const uint64_t length = event->length;
    ft_text_add_bytes(file, (const char *)&length, sizeof length);
    add_crc(file, (const char *)&length, sizeof length);
    if (event->data) {
        ft_text_add_bytes(file, event->data, event->length);
        add_crc(file, event->data, event->length);
    }
    file->failed = file->failed || event->failed;
    ft_text_free(event);
}

/* -- events -- */

/* An Event with a Summary of one value, which is freed. */
static void add_summary(ft_text *file, double wall_time, int64_t step, ft_text *value)
{
    ft_text event = FT_TEXT_EMPTY, summary = FT_TEXT_EMPTY;
    add_message(&summary, 1, value); /* Summary.value */
    add_double(&event, 1, wall_time);
    if (step != 0) add_integer(&event, 2, (uint64_t)step);
    add_message(&event, 5, &summary);
    add_record(file, &event);
}

static void add_version(ft_text *file, double wall_time)
{
    ft_text event = FT_TEXT_EMPTY;
    add_double(&event, 1, wall_time);
    add_string(&event, 3, "brain.Event:2");
    add_record(file, &event);
}

static void add_scalar(ft_text *file, double wall_time, int64_t step, const char *tag, double number)
{
    ft_text value = FT_TEXT_EMPTY;
    if (!isfinite(number)) return;
    add_string(&value, 1, tag);
    add_float(&value, 2, (float)number); /* simple_value */
    add_summary(file, wall_time, step, &value);
}

/* A Summary.Value whose meaning is in HParamsPluginData, which is freed. */
static void add_hparams(ft_text *file, double wall_time, const char *tag, ft_text *plugin_data)
{
    ft_text value = FT_TEXT_EMPTY, metadata = FT_TEXT_EMPTY, plugin = FT_TEXT_EMPTY, tensor = FT_TEXT_EMPTY,
            shape = FT_TEXT_EMPTY;
    add_string(&plugin, 1, "hparams");
    add_message(&plugin, 2, plugin_data);
    add_message(&metadata, 1, &plugin);
    add_integer(&tensor, 1, 1); /* DT_FLOAT, of no elements */
    add_message(&tensor, 2, &shape);
    add_string(&value, 1, tag);
    add_message(&value, 8, &tensor);
    add_message(&value, 9, &metadata);
    add_summary(file, wall_time, 0, &value);
}

/* A hyperparameter as an entry of SessionStartInfo's map. */
static void add_hparam(ft_text *start, const cJSON *hyperparameter)
{
    ft_text entry = FT_TEXT_EMPTY, value = FT_TEXT_EMPTY; /* google.protobuf.Value */
    if (cJSON_IsNumber(hyperparameter))
        add_double(&value, 2, hyperparameter->valuedouble);
    else if (cJSON_IsString(hyperparameter))
        add_string(&value, 3, hyperparameter->valuestring);
    else if (cJSON_IsBool(hyperparameter))
        add_integer(&value, 4, cJSON_IsTrue(hyperparameter) ? 1 : 0);
    else
        return; /* null: not set */
    add_string(&entry, 1, hyperparameter->string);
    add_message(&entry, 2, &value);
    add_message(start, 1, &entry);
}

static void add_session_start(ft_text *file, double seconds, const ft_experiment *experiment)
{
    ft_text start = FT_TEXT_EMPTY, data = FT_TEXT_EMPTY;
    for (const cJSON *h = experiment->hyperparams ? experiment->hyperparams->child : NULL; h; h = h->next)
        add_hparam(&start, h);
    add_string(&start, 4, experiment->experiment_id); /* group_name */
    add_double(&start, 5, seconds);
    add_message(&data, 3, &start); /* HParamsPluginData.session_start_info */
    add_hparams(file, seconds, "_hparams_/session_start_info", &data);
}

static void add_session_end(ft_text *file, double seconds, const ft_experiment *experiment)
{
    enum { SUCCESS = 1, FAILURE = 2 };
    ft_text end = FT_TEXT_EMPTY, data = FT_TEXT_EMPTY;
    add_integer(&end, 1, experiment->error ? FAILURE : SUCCESS);
    add_double(&end, 2, seconds);
    add_message(&data, 4, &end); /* HParamsPluginData.session_end_info */
    add_hparams(file, seconds, "_hparams_/session_end_info", &data);
}

static void add_metrics(ft_text *file, double seconds, const ft_experiment *experiment)
{
    char tag[64];
    for (int split = 0; split < FT_N_SPLITS; split++)
        for (int metric = 0; metric < FT_N_METRICS; metric++) {
            snprintf(tag, sizeof tag, "%s/%s", ft_split_names[split], ft_metric_names[metric]);
            add_scalar(file, seconds, (int64_t)experiment->n_epochs, tag,
                       ft_metrics_get(&experiment->metrics[split], (ft_metric)metric));
        }
}

static void add_experiment(ft_text *file, double seconds, const ft_experiment *experiment)
{
    add_version(file, seconds);
    add_session_start(file, seconds, experiment);
    for (size_t i = 0; i < experiment->n_epochs; i++) {
        const ft_epoch_record *e = &experiment->training_history[i];
        if (isfinite(e->seconds)) seconds += e->seconds;
        add_scalar(file, seconds, e->epoch, "loss", e->loss);
        add_scalar(file, seconds, e->epoch, "val_loss", e->val_loss);
        add_scalar(file, seconds, e->epoch, "learning_rate", e->learning_rate);
        add_scalar(file, seconds, e->epoch, "grad_norm", e->grad_norm);
        add_scalar(file, seconds, e->epoch, "tokens_per_second", e->tokens_per_second);
    }
    add_metrics(file, seconds, experiment);
    add_session_end(file, seconds, experiment);
}

ft_status ft_tensorboard_write(const char *directory, const ft_experiment *experiment, ft_error *err)
{
    ft_text file = FT_TEXT_EMPTY, path = FT_TEXT_EMPTY;
    const double seconds = ft_experiment_began(experiment);
    if (strchr(experiment->experiment_id, '/') || experiment->experiment_id[0] == '.')
        return ft_fail(err, FT_BAD_INPUT, "experiment_id \"%.200s\" cannot be the name of a directory",
                       experiment->experiment_id);
    ft_text_addf(&path, "%s/%s", directory, experiment->experiment_id);
    add_experiment(&file, seconds, experiment);
    ft_status status = !file.failed && !path.failed ? ft_make_directories(path.data, err)
                                                    : ft_no_memory(err, "an event file", file.length);
    ft_text_addf(&path, "/events.out.tfevents.%.0f.ftgpu", seconds);
    if (status == FT_OK && path.failed) status = ft_no_memory(err, "a path", path.length);
    if (status == FT_OK) status = ft_write_file(path.data, file.data, file.length, err);
    ft_text_free(&path);
    ft_text_free(&file);
    return status;
}
