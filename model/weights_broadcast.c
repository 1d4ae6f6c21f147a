/* Broadcasts weights from rank 0 to the others; see weights.h. */
#include "kernels/comm.h"
#include "model/weights.h"

/* Sent before the tensors. All ranks run the same program, so structs are sent as
 * bytes. */
typedef struct header {
    ft_model_config config;
    bool tied;
    uint32_t checksum;
} header;

/* Room for the tensors that these weights have. */
static ft_status make_room(const header *h, ft_weights **weights, ft_error *err)
{
    ft_status status = ft_weights_create(&h->config, weights, err);
    if (status != FT_OK) return status;
    (*weights)->tied = h->tied;
    (*weights)->checksum = h->checksum;
    for (int32_t i = 0; i < ft_tensor_count(&h->config) && status == FT_OK; i++)
        if (ft_tensor_describe(&h->config, i).rows > 0 && !(i == FT_LM_HEAD && h->tied))
            status = ft_weights_allocate(*weights, i, err);
    return status;
}

ft_status ft_weights_broadcast(ft_comm *comm, ft_weights **weights, ft_error *err)
{
    header h = {0};
    bool has_them = comm->rank == 0;
    if (has_them) h = (header){(*weights)->config, (*weights)->tied, (*weights)->checksum};
    ft_status status = comm->broadcast(comm, &h, sizeof h, 0, err);
    if (status == FT_OK && !has_them) status = make_room(&h, weights, err);
    status = ft_comm_agree(comm, status, NULL, err);
    for (int32_t i = 0; status == FT_OK && i < ft_tensor_count(&h.config); i++) {
        ft_tensor_info info = ft_tensor_describe(&h.config, i);
        size_t bytes = (size_t)info.rows * (size_t)info.cols * sizeof(float);
        if ((*weights)->tensor[i]) status = comm->broadcast(comm, (*weights)->tensor[i], bytes, 0, err);
    }
    if (status != FT_OK && !has_them) {
        ft_weights_free(*weights);
        *weights = NULL;
    }
    return status;
}
