/* Traces the process of that id as a debugger does, without stopping it, until its standard input ends. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char byte;
    if (argc != 2 || ptrace(PTRACE_SEIZE, atoi(argv[1]), 0, 0) != 0)
        return 1;
    printf("ready\n");
    fflush(stdout);
    return read(0, &byte, 1) < 0;
}
