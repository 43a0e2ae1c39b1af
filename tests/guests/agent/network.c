/* "net up IFNAME" and "net send IFNAME COUNT SIZE": Ethernet frames of a type of our own, each with its number, for tests of
 * captures. */
#include "agent.h"

enum { ETHERNET_HEADER = 14, MAX_FRAME = 1514, TEST_TYPE = 0x88b5 /* IEEE 802: local experimental */ };

/* include/uapi/linux/if.h: struct ifreq is 40 bytes on 64-bit and 32 on 32-bit kernels; its union begins behind the name. */
struct request {
    char name[16];
    union { int index; short flags; u8 address[16]; u8 room[24]; } of;
};

static long packet_socket(void)
{
    return SYS_3(socket, 17 /* AF_PACKET */, 3 /* SOCK_RAW */, 0);
}

static void name_into(struct request *request, const char **words)
{
    word length = 0;
    for (word i = 0; i < sizeof *request; i++)
        ((u8 *)request)[i] = 0;
    while (**words == ' ')
        ++*words;
    for (; **words && **words != ' '; ++*words)
        if (length < sizeof request->name - 1)
            request->name[length++] = **words;
}

static word next_number(const char **words)
{
    while (**words == ' ')
        ++*words;
    word value = number(*words);
    while (**words && **words != ' ')
        ++*words;
    return value;
}

static long up(const char *words)
{
    struct request request;
    long fd = packet_socket(), result;
    name_into(&request, &words);
    result = fd < 0 ? fd : SYS_3(ioctl, fd, 0x8913 /* SIOCGIFFLAGS */, &request);
    request.of.flags |= 1;   /* IFF_UP */
    if (result >= 0)
        result = SYS_3(ioctl, fd, 0x8914 /* SIOCSIFFLAGS */, &request);
    if (fd >= 0)
        SYS_1(close, fd);
    return result;
}

static long send_frames(const char *words)
{
    struct request index, address;
    const char *again = words;
    name_into(&index, &words);
    name_into(&address, &again);
    word count = next_number(&words), size = next_number(&words);
    long fd = packet_socket(), result = fd;
    if (size < ETHERNET_HEADER + 4 || size > MAX_FRAME)
        result = -22;
    if (result >= 0)
        result = SYS_3(ioctl, fd, 0x8933 /* SIOCGIFINDEX */, &index);
    if (result >= 0)
        result = SYS_3(ioctl, fd, 0x8927 /* SIOCGIFHWADDR */, &address);
    if (result >= 0) {
        /* struct sockaddr_ll: to all protocols of this interface */
        struct { unsigned short family, protocol; int index; unsigned short type; u8 kind, length, address[8]; } to =
            { 17, 0, index.of.index, 0, 0, 6, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0 } };
        static u8 frame[MAX_FRAME];
        for (int i = 0; i < 6; i++) {
            frame[i] = 0xff;
            frame[6 + i] = address.of.address[2 + i];
        }
        frame[12] = TEST_TYPE >> 8;
        frame[13] = TEST_TYPE & 0xff;
        result = SYS_3(bind, fd, &to, sizeof to);
        for (word n = 0; n < count && result >= 0; n++) {
            for (word i = ETHERNET_HEADER; i < size; i++)
                frame[i] = (u8)(n + i);
            for (int i = 0; i < 4; i++)
                frame[ETHERNET_HEADER + i] = (u8)(n >> (24 - 8 * i));
            do
                result = SYS_3(write, fd, frame, size);
            while (result == -105 /* ENOBUFS */ || result == -11);
        }
    }
    if (fd >= 0)
        SYS_1(close, fd);
    return result;
}

int network(const char *words, char *reply)
{
    long result = starts(words, "up ") ? up(words + 3) : starts(words, "send ") ? send_frames(words + 5) : -22;
    if (result < 0)
        put_number(put(reply, "error "), (u32)-result);
    return result < 0 ? -1 : 0;
}
