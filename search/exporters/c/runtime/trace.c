/* Reads inputs from the standard input and writes, for each: its logits, or with an argument what every step stored. */
#include <stdio.h>
#include <stdlib.h>

static int is_tracing;

static void trace(const void *values, unsigned long bytes)
{
    if (is_tracing && fwrite(values, 1, bytes, stdout) != bytes)
        exit(3);
}

#define MODEL_AFTER_STEP(name, values, bytes) trace(values, bytes)
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
