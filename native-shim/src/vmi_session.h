/* One client's session: its requests, from VMI_HELLO until it is gone. For the control thread. */
#ifndef VMI_SESSION_H
#define VMI_SESSION_H

#include "vmi_world.h"

struct vmi_session {
    int client;               /* its socket; -1 for none */
    bool is_greeted;
    bool is_gone;             /* it has hung up, or broken the protocol */
    bool is_over;             /* everything is out */
    int due_ms;               /* after a failure to take it out; twice as long after each further one */
    uint8_t *buffer;          /* what has come of the next request */
    size_t used, capacity;
    struct vmi_ring_writer ring;
};

void vmi_session_init(struct vmi_session *session);

/* Takes over a client's socket. */
void vmi_session_open(struct vmi_session *session, int client);

/* Whether the client has hung up and said nothing before that is still to be read. */
bool vmi_session_is_left(const struct vmi_session *session);

/* Tells a client that another one is there, and hangs up. */
void vmi_session_refuse(int client);

/* Takes what the client has sent, and does what is whole of it. */
void vmi_session_receive(struct vmi_session *session);

/* Passes on what vCPUs have for the client. */
void vmi_session_tell(struct vmi_session *session);

/* Tells a client that no vCPU runs. */
void vmi_session_tell_still(struct vmi_session *session, uint32_t lasting);

/* Puts everything back for a client that is gone. Where that could not be done, it is to be tried again: in so many ms, else -1. */
void vmi_session_close_gone(struct vmi_session *session);
int vmi_session_due_ms(const struct vmi_session *session);

/* The same for one that may be there yet. False, with all as it was, where the vCPUs did not come out of the guest in time. */
bool vmi_session_close(struct vmi_session *session);

#endif
