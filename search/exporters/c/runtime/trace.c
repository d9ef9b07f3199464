/* For every input read from the standard input, writes the logits. With an argument it writes what every step stored,
 * and after every activation reads codes to go on with, so that each step is judged on inputs that are right. */
#include <stdio.h>
#include <stdlib.h>

static int is_tracing;

static void trace(void *values, unsigned long bytes, int is_codes)
{
    if (!is_tracing)
        return;
    if (fwrite(values, 1, bytes, stdout) != bytes || (is_codes && fread(values, 1, bytes, stdin) != bytes))
        exit(3);
}

#define MODEL_AFTER_STEP(values, bytes, is_codes) trace(values, bytes, is_codes)
#include "model.c"

int main(int argc, char **argv)
{
    (void)argv;
    is_tracing = argc > 1;
    while (fread(model_input(), 1, MODEL_INPUTS, stdin) == MODEL_INPUTS) {
        model_run();
        if (!is_tracing && fwrite(model_logits(), sizeof(int32_t), MODEL_CLASSES, stdout) != MODEL_CLASSES)
            return 3;
    }
    return 0;
}
