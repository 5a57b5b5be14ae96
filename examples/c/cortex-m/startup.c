/* From reset to main: the vector table, and what C expects of its variables. */
#include <stdint.h>

#include "board.h"
#include "report.h"

/* Of the linker script. */
extern uint32_t data_begin[], data_end[], data_image[], bss_begin[], bss_end[], stack_begin[];

int main(void);
void Reset_Handler(void);

void Reset_Handler(void)
{
    const uint32_t *from = data_image;
    uint32_t *to;

    for (to = data_begin; to < data_end; to++) {
        *to = *from++;
    }
    for (to = bss_begin; to < bss_end; to++) {
        *to = 0;
    }
    exit_with(main());
}

static void fault(void)
{
    die("the processor has met a fault");
}

typedef void (*vector)(void);

/* The sixteen vectors that each Cortex-M has. The boards' own interrupts are not switched on. */
__attribute__((section(".vector_table"), used)) static const struct {
    uint32_t *stack;
    vector vectors[15];
} vector_table = {
    stack_begin,
    {Reset_Handler, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
     SysTick_Handler},
};
