/* Checks, and what came of them. */
#ifndef REPORT_H
#define REPORT_H

#include <stdint.h>

/* Begins the report of a program. */
void begin_report(const char *program);

/* Runs the checks of one function, and prints whether all have passed. */
void run(const char *name, void (*test)(void));

/* Prints the stack that was used and `N passed, N failed`. Returns the status to exit with. */
int end_report(void);

/* How many bytes of stack a call takes. */
uint32_t stack_used_by(void (*call)(void));

/* Prints a number. */
void print_number(uint32_t number);

/* What is checked has failed if it is 0. */
#define CHECK(condition) note((condition) != 0, #condition, __LINE__)

void note(int is_well, const char *what, int line);

/* Ends the program, which has failed. */
__attribute__((noreturn)) void die(const char *why);

#endif
