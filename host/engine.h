/* The inside of an ft_engine: the device and what commands share. The public half is ftgpu.h. */
#ifndef FT_HOST_ENGINE_H
#define FT_HOST_ENGINE_H

#include "host/ftgpu.h"
#include "kernels/backend.h"

struct ft_engine {
    ft_engine_settings settings; /* NULLs resolved; texts are the caller's */
    ft_backend *backend;
};

/* A formatted line to the progress callback. */
void ft_engine_say(const ft_engine *engine, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool ft_engine_stopped(const ft_engine *engine);

#endif
