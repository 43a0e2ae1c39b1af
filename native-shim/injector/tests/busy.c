/* A target that never waits: it works, makes system calls that return at once, and answers each byte on its standard input with a line. */
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
    printf("ready\n");
    fflush(stdout);
    for (unsigned long rounds = 0;; rounds++) {
        int count = 0;
        char byte;
        if (ioctl(0, FIONREAD, &count) != 0)
            return 1;
        if (count > 0 && read(0, &byte, 1) == 1) {
            printf("%lu\n", rounds);
            fflush(stdout);
        }
    }
}
