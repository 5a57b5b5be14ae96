/* A sum that no int can hold. With an argument the sum is smaller. */
#include <limits.h>
#include <stdio.h>

#include <conn_pool.h>

int main(int argc, char **argv)
{
    int big = argc > 1 ? 0 : INT_MAX;

    (void)argv;
    printf("%d\n", big + (int)conn_pool_version());
    return 0;
}
