/* ftgpu_logits MODEL [--adapter DIR] BATCH.safetensors OUT.safetensors
 *
 * For tests/oracle/check_interop.py: logits and loss of a batch (input_ids,
 * attention_mask, labels), in f32, dropout off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

int main(int argc, char **argv)
{
    ft_error err = {""};
    bool tuned = argc == 6 && strcmp(argv[2], "--adapter") == 0;
    if (argc != 4 && !tuned) {
        fprintf(stderr, "usage: ftgpu_logits MODEL [--adapter DIR] BATCH.safetensors OUT.safetensors\n");
        return 2;
    }
    tool t;
    ft_workspace *workspace = NULL;
    ft_status status = tool_open(&t, argv[1], tuned ? argv[3] : NULL, argv[argc - 2], false, &err);
    ft_pass pass;
    if (status == FT_OK)
        status = ft_workspace_create(t.backend, &t.weights->config, &t.shape, &workspace, &err);
    if (status == FT_OK) {
        tool_load(&t, t.inputs, 0);
        if (t.trainable->n_adapters > 0) t.inputs->lora_scale[0] = t.trainable->lora_scale[0];
        ft_pass_load(&pass, t.trainable, workspace, t.inputs);
        ft_pass_forward(&pass);
        int64_t n = (int64_t)t.shape.n_sequences * t.shape.decoder_length * t.weights->config.vocab_size;
        float *logits = malloc((size_t)n * sizeof *logits), loss = 0;
        double sum = 0;
        status = logits ? ft_read_tensor(t.backend, workspace->logits, logits, &err) : FT_NO_MEMORY;
        if (status == FT_OK) {
            ft_pass_loss(&pass, false);
            t.backend->to_host(t.backend, &sum, workspace->loss_sum, sizeof sum);
            loss = (float)(sum / (double)t.inputs->n_counted[0]);
            ft_tensor_to_store out[] = {
                {"logits",
                 FT_STORED_F32,
                 3,
                 {t.shape.n_sequences, t.shape.decoder_length, t.weights->config.vocab_size},
                 logits},
                {"loss", FT_STORED_F32, 1, {1}, &loss}};
            status = ft_safetensors_write(argv[argc - 1], out, 2, NULL, 0, &err);
        }
        free(logits);
    }
    ft_workspace_free(workspace);
    return tool_close(&t, status, &err);
}
