#include "report.h"

#include "board.h"

/* What of the stack is not in use is painted, and looked at in the end. */
static const uint32_t PAINT = 0xa5a5a5a5;

/* Of the linker script. */
extern uint32_t stack_limit[], stack_begin[];

static uint32_t passed, failed, faults;

/* How deep the stack was before it was painted once more. */
static uintptr_t deepest_before = UINTPTR_MAX;

void print_number(uint32_t number)
{
    char text[11], *at = text + sizeof text;

    *--at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    print(at);
}

/* Paints below the frame of the caller. A function that is called while it paints would need room there: none is. */
__attribute__((noinline)) static void paint_stack(void)
{
    const uint32_t *end = (uint32_t *)__builtin_frame_address(0) - 16;
    volatile uint32_t *place;

    for (place = stack_limit; place < end; place++) {
        *place = PAINT;
    }
}

static uintptr_t deepest(void)
{
    const volatile uint32_t *place = stack_limit;

    while (*place == PAINT) {
        place++;
    }
    return (uintptr_t)place;
}

void begin_report(const char *program)
{
    paint_stack();
    print(program);
    print("\n");
}

uint32_t stack_used_by(void (*call)(void))
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), before = deepest(), bottom;

    paint_stack();
    call();
    bottom = deepest();
    deepest_before = before < deepest_before ? before : deepest_before;
    return (uint32_t)(here - bottom);
}

static uint32_t stack_used(void)
{
    uintptr_t bottom = deepest();

    return (uint32_t)((uintptr_t)stack_begin - (bottom < deepest_before ? bottom : deepest_before));
}

void note(int is_well, const char *what, int line)
{
    if (is_well) {
        return;
    }
    /* The first ones tell enough. */
    if (faults++ < 8) {
        print("    line ");
        print_number((uint32_t)line);
        print(" is not so: ");
        print(what);
        print("\n");
    }
}

void run(const char *name, void (*test)(void))
{
    faults = 0;
    test();
    if (faults == 0) {
        passed++;
        print("    ok: ");
    } else {
        failed++;
        print("    FAILED: ");
    }
    print(name);
    print("\n");
}

int end_report(void)
{
    print("stack: ");
    print_number(stack_used());
    print(" bytes\n");
    print_number(passed);
    print(" passed, ");
    print_number(failed);
    print(" failed\n");
    return failed != 0 || passed == 0;
}

void die(const char *why)
{
    print(why);
    print("\n0 passed, 1 failed\n");
    exit_with(1);
}

/* What the library calls if it finds a bug of its own. */
void abort(void);

void abort(void)
{
    die("abort was called");
}
