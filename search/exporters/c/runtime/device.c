/* Bare-metal start of a Cortex-M: vectors, memory, then one of two programs.
 *
 * DEVICE_TEST: the golden vectors, reported through semihosting with the SysTick ticks of one inference, and of a loop
 * of known length by which a tick is known. Without it: the network alone, which is what flash and RAM are counted of.
 */
#include "model.h"

#include <stdint.h>

extern uint32_t stack_top, data_start, data_end, data_load, bss_start, bss_end;
void device_start(void);

#ifdef DEVICE_TEST
#include "golden.h"

#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)
#define SYS_WRITE0 4u
#define SYS_EXIT 0x18u
#define STOPPED 0x20026u
#define LOOPS 500000u /* of 2 instructions */

static void semihost(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void report(const char *name, uint32_t value)
{
    char text[12], *at = text + sizeof text;
    *--at = '\0';
    *--at = '\n';
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    semihost(SYS_WRITE0, name);
    semihost(SYS_WRITE0, at);
}

static void start_ticks(void)
{
    SYST_RVR = 0xFFFFFFu;
    SYST_CVR = 0;
    SYST_CSR = 5;
}

static uint32_t ticks(void)
{
    return 0xFFFFFFu - SYST_CVR;
}

static void program(void)
{
    uint32_t loops = LOOPS;
    start_ticks();
    __asm__ volatile(".syntax unified\n1: subs %0, #1\n bne 1b" : "+l"(loops) : : "cc");
    report("ticks_of_a_million ", ticks());
    for (uint32_t i = 0; i < MODEL_INPUTS; i++)
        model_input()[i] = (uint8_t)(i * 37);
    start_ticks();
    model_run();
    report("ticks_of_an_inference ", ticks());
    report("failures ", golden_failures());
    semihost(SYS_EXIT, (const void *)STOPPED);
}
#else
static void program(void)
{
    model_input()[0] = (uint8_t)model_run();
}
#endif

void device_start(void)
{
    for (uint32_t *from = &data_load, *to = &data_start; to < &data_end;)
        *to++ = *from++;
    for (uint32_t *to = &bss_start; to < &bss_end;)
        *to++ = 0;
    program();
    for (;;)
        ;
}

static void stop(void)
{
    for (;;)
        ;
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    &stack_top, (const void *)device_start, (const void *)stop, (const void *)stop,
};
