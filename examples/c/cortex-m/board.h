/* What the programs need of a Cortex-M: its timer, SysTick, and semihosting, by which a debugger or QEMU prints. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

/* Has the timer call `handler` each millisecond. */
void tick_each_millisecond(void (*handler)(void));

/* By so many cycles a sweep moves the strike on, one time after the other: 960 ns on the Cortex-M3, which has 12.5 MHz
 * here, and 1000 ns on the Cortex-M0, with 16 MHz. That is less than an instruction, which takes 1024 ns when
 * examples/embedded/run sweeps. QEMU counts cycles from the moment when the timer is started. */
#ifdef __ARM_ARCH_6M__
enum { SWEEP_STEP = 16 };
#else
enum { SWEEP_STEP = 12 };
#endif

/* Has the timer call `handler` once, so many cycles from now: before the next instruction of the caller's at the
 * earliest. */
void strike_once_after(uint32_t cycles, void (*handler)(void));

/* From now on the timer calls nothing. */
void stop_timer(void);

/* The milliseconds that have passed while the timer ticked. Any handler may ask. */
uint64_t milliseconds(void);

/* Sleeps until the next interrupt, unless the flag is set. A handler that sets it just before is not missed. */
void sleep_unless(const volatile int *flag);

/* Of the vector table. */
void SysTick_Handler(void);

/* Prints a string. */
void print(const char *text);

/* Ends the program. */
__attribute__((noreturn)) void exit_with(int status);

#endif
