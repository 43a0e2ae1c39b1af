/* The same in a program whose table is filled as it goes along, and can be written. */
#include "test_hook.c"
