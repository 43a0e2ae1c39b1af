/* What a scenario needs of KVM, tried without the shim: a software KVM may not do what a processor does. */
#ifndef MINI_ABILITIES_H
#define MINI_ABILITIES_H

#include <stdbool.h>

enum mini_ability {
    MINI_EVERY_KVM,
    MINI_GOES_ON,       /* RFLAGS.RF takes the guest past a breakpoint (SDM volume 3, 18.3.1.1) */
    MINI_WATCHES,       /* debug registers trap writes, and reads */
    MINI_BREAKS,        /* the guest's int3 and steps reach its handlers */
    MINI_FLOATS,        /* x87 instructions are executed */
    MINI_ABILITIES
};

/* One in each process: it makes the machine. */
bool mini_kvm_can(enum mini_ability ability);

#endif
