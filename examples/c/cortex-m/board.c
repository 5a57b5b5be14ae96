#include "board.h"

#include <conn_pool.h>

/* The registers of SysTick, and the one by which a pending interrupt is forgotten. */
#define CONTROL (*(volatile uint32_t *)0xe000e010)
#define RELOAD (*(volatile uint32_t *)0xe000e014)
#define CURRENT (*(volatile uint32_t *)0xe000e018)
#define INTERRUPT_CONTROL (*(volatile uint32_t *)0xe000ed04)

enum { STOPPED = 4, RUNNING = 7 };
static const uint32_t FORGET_SYSTICK = UINT32_C(1) << 25;

#ifdef __ARM_ARCH_6M__
enum { CYCLES_A_MILLISECOND = 16000 };
#else
enum { CYCLES_A_MILLISECOND = 12500 };
#endif

static void (*volatile on_strike)(void);
static volatile int ticks_on;
static volatile uint64_t ticks;

static uint32_t mask_interrupts(void)
{
    uint32_t were_masked;

    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(were_masked) : : "memory");
    return were_masked;
}

static void unmask_interrupts(void)
{
    __asm__ volatile("cpsie i" : : : "memory");
}

/*
 * The critical section of the library. Sections nest, so the outermost one keeps whether interrupts were masked before
 * it, and puts that back. Its variables are safe in here: nothing else runs while interrupts are masked.
 */
static uint32_t nesting, were_masked_before;

void _critical_section_1_0_acquire(void)
{
#ifdef PLANTED_NO_MASK
    uint32_t were_masked = 0;
#else
    uint32_t were_masked = mask_interrupts();
#endif

    if (nesting++ == 0) {
        were_masked_before = were_masked;
    }
}

void _critical_section_1_0_release(void)
{
    if (--nesting == 0 && !were_masked_before) {
        unmask_interrupts();
    }
}

static void start_timer(uint32_t cycles)
{
    RELOAD = cycles;
    CURRENT = 0;
    CONTROL = RUNNING;
}

void tick_each_millisecond(void (*handler)(void))
{
    on_strike = handler;
    ticks_on = 1;
    start_timer(CYCLES_A_MILLISECOND - 1);
}

void strike_once_after(uint32_t cycles, void (*handler)(void))
{
    on_strike = handler;
    ticks_on = 0;
    start_timer(cycles);
    /* A timer that is to strike at once does so a few instructions later. */
    __asm__ volatile("nop\n\tnop\n\tnop\n\tnop");
}

void stop_timer(void)
{
    CONTROL = STOPPED;
    INTERRUPT_CONTROL = FORGET_SYSTICK;
}

void SysTick_Handler(void)
{
    if (ticks_on) {
        ticks++;
    } else {
        stop_timer();
    }
    on_strike();
}

uint64_t milliseconds(void)
{
    uint64_t now;

    /* It is read in two halves: read it again if a tick came between them. */
    do {
        now = ticks;
    } while (now != ticks);
    return now;
}

void sleep_unless(const volatile int *flag)
{
    uint32_t were_masked = mask_interrupts();

    /* An interrupt that comes from here on ends the sleep, and is handled when interrupts are unmasked. */
    if (!*flag) {
        __asm__ volatile("wfi" : : : "memory");
    }
    if (!were_masked) {
        unmask_interrupts();
    }
}

/* One call of semihosting. */
static void ask_host(uint32_t what, uint32_t argument)
{
    register uint32_t r0 __asm__("r0") = what;
    register uint32_t r1 __asm__("r1") = argument;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void print(const char *text)
{
    enum { WRITE = 4 };

    ask_host(WRITE, (uint32_t)text);
}

void exit_with(int status)
{
    enum { EXIT = 0x18 };
    static const uint32_t IS_WELL = 0x20026, IS_NOT = 0x20023;

    ask_host(EXIT, status == 0 ? IS_WELL : IS_NOT);
    for (;;) {
    }
}
