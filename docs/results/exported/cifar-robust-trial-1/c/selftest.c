/* Runs the golden vectors: gcc -std=c99 -O2 model.c nn_kernels.c golden.c selftest.c && ./a.out */
#include "golden.h"

#include <stdio.h>

int main(void)
{
    const uint32_t failures = golden_failures();
    printf("%lu of %d golden vectors differ\n", (unsigned long)failures, GOLDEN_VECTORS);
    return failures != 0;
}
