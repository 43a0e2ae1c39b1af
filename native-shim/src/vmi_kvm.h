/* What QEMU asks of KVM: seen on its way, changed where it has to be. Any thread of QEMU's. */
#ifndef VMI_KVM_H
#define VMI_KVM_H

#include <stdbool.h>
#include <stdint.h>

/* ioctl(2), with a negative errno for a failure. */
int vmi_kvm_ioctl(int fd, uint32_t request, unsigned long argument);

/* Finds the machine and its vCPUs of a process that has them already (/proc/self/fd). True where there is one. */
bool vmi_kvm_discover(void);

#endif
