/* The inputs of a pass side by side in one block, so that one copy uploads them: a copy
 * costs some microseconds however small it is, and a pass has 16 arrays. */
#ifndef FT_MODEL_PACKED_INPUTS_H
#define FT_MODEL_PACKED_INPUTS_H

#include "model/pass.h"

/* Bytes of the block for this shape; at most those of any larger shape. */
size_t ft_packed_bytes(int32_t n_adapters, int32_t n_sequences, int32_t encoder_length,
                       int32_t decoder_length);

/* Packs the arrays into inputs->packed, copies them to workspace->inputs and points
 * the workspace's arrays at them. Where they lie depends on the shape alone, so that a
 * captured step finds those of the next step of its shape. */
void ft_packed_upload(ft_workspace *workspace, const ft_inputs *inputs);

#endif
