/* The places where oneDNN's interfaces 2.x and 3.x differ, made alike: an ft_layout owns
 * a memory descriptor (a struct in 2.x, a pointer to an object in 3.x), and a matrix
 * product's primitive descriptor is made in one call. */
#ifndef FT_KERNELS_CPU_DNNL_VERSION_H
#define FT_KERNELS_CPU_DNNL_VERSION_H

#include <dnnl.h>

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t ft_layout;
typedef const_dnnl_memory_desc_t ft_layout_view;
#else
typedef dnnl_memory_desc_t ft_layout;
typedef const dnnl_memory_desc_t *ft_layout_view;
#endif

static inline ft_layout_view ft_layout_of(const ft_layout *layout)
{
#if DNNL_VERSION_MAJOR >= 3
    return *layout;
#else
    return layout;
#endif
}

static inline dnnl_status_t ft_layout_strided(ft_layout *layout, const dnnl_dims_t dims,
                                              dnnl_data_type_t type, const dnnl_dims_t strides)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_strides(layout, 2, dims, type, strides);
#else
    return dnnl_memory_desc_init_by_strides(layout, 2, dims, type, strides);
#endif
}

/* A layout for oneDNN to choose. */
static inline dnnl_status_t ft_layout_any(ft_layout *layout, const dnnl_dims_t dims, dnnl_data_type_t type)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_tag(layout, 2, dims, type, dnnl_format_tag_any);
#else
    return dnnl_memory_desc_init_by_tag(layout, 2, dims, type, dnnl_format_tag_any);
#endif
}

static inline dnnl_status_t ft_layout_copy(ft_layout *layout, ft_layout_view from)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_clone(layout, from);
#else
    *layout = *from;
    return dnnl_success;
#endif
}

/* Safe on a zeroed layout. */
static inline void ft_layout_free(ft_layout *layout)
{
#if DNNL_VERSION_MAJOR >= 3
    if (*layout) dnnl_memory_desc_destroy(*layout);
    *layout = NULL;
#else
    (void)layout;
#endif
}

static inline dnnl_status_t ft_matmul_describe(dnnl_primitive_desc_t *primitive, dnnl_engine_t engine,
                                               const ft_layout *x, const ft_layout *w, const ft_layout *y,
                                               dnnl_primitive_attr_t attributes)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_matmul_primitive_desc_create(primitive, engine, *x, *w, NULL, *y, attributes);
#else
    dnnl_matmul_desc_t operation;
    dnnl_status_t status = dnnl_matmul_desc_init(&operation, x, w, NULL, y);
    if (status != dnnl_success) return status;
    return dnnl_primitive_desc_create(primitive, &operation, attributes, engine, NULL);
#endif
}

/* y += in the product's epilogue. */
static inline dnnl_status_t ft_append_sum(dnnl_post_ops_t operations)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_post_ops_append_sum(operations, 1.0f, 0, dnnl_data_type_undef);
#else
    return dnnl_post_ops_append_sum(operations, 1.0f);
#endif
}

#endif
