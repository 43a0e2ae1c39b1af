/* What QEMU asks of KVM while a client is there: seen on its way, changed where it has to be. Any thread of QEMU's. */
#ifndef VMI_KVM_H
#define VMI_KVM_H

#include <stdint.h>

/* ioctl(2), with a negative errno for a failure. */
int vmi_kvm_ioctl(int fd, uint32_t request, unsigned long argument);

#endif
