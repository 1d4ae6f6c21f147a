/* adapter_config.json beside the tensors of an adapter that fits its model. */
#include <stdio.h>
#include <unistd.h>

#include "model/adapter.h"
#include "model/peft_config.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ft_weights *base;
    ft_error err = {""};
    if (!base) {
        fuzz_check(ft_weights_read(FT_GOLDEN_DIR "/model_tied", &base, &err), &err, NULL);
        char path[128];
        snprintf(path, sizeof path, "%s/adapter_model.safetensors", fuzz_directory());
        FUZZ_EXPECT(base && symlink(FT_GOLDEN_DIR "/adapter_lora_qv/adapter_model.safetensors", path) == 0);
    }
    const char *path = fuzz_put("adapter_config.json", data, size);
    ft_adapter_spec spec;
    ft_status status = ft_peft_config_read(path, &spec, &err);
    fuzz_check(status, &err, path);
    if (status == FT_OK && spec.kind == FT_LORA)
        FUZZ_EXPECT(spec.dropout >= 0 && spec.dropout <= 1 && __builtin_isfinite(spec.alpha));
    ft_adapter *adapter = NULL;
    status = ft_adapter_read(fuzz_directory(), base, &adapter, &err);
    fuzz_check(status, &err, fuzz_directory());
    FUZZ_EXPECT((status == FT_OK) == (adapter != NULL));
    if (adapter) FUZZ_EXPECT(__builtin_isfinite(ft_adapter_scale(&adapter->spec)));
    ft_adapter_free(adapter);
    return 0;
}
