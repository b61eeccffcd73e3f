/* A link between two TUN devices, the second in another network namespace: delay, rate and loss, each way alike.
 *
 *   shaper DEVICE OTHER_DEVICE NAMESPACE_FILE DELAY_US RATE_BYTES_S LOSS
 *
 * The queue before the bottleneck holds what the rate carries in 50 ms (at least 128 packets); beyond that packets are
 * dropped from its end, as a plain router does. RATE 0 is no limit. The loss is drawn from a fixed seed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 65536, PACKET = 2048 };

struct slot {
    int64_t due_ns;
    int size;
    unsigned char data[PACKET];
};

struct way {
    int from, to;
    struct slot *slots;
    uint32_t head, tail;
    int64_t free_ns; /* when the bottleneck has sent all that waits before it */
};

static int64_t delay_ns, rate, queue_ns;
static double loss;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int open_tun(const char *name) {
    struct ifreq request;
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    memset(&request, 0, sizeof request);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
        perror(name);
        exit(1);
    }
    return fd;
}

static void take(struct way *way) {
    for (int burst = 0; burst < 64 && way->tail - way->head < SLOTS; burst++) {
        struct slot *slot = &way->slots[way->tail % SLOTS];
        int size = read(way->from, slot->data, PACKET);
        if (size <= 0) return;
        int64_t now = now_ns(), start = way->free_ns > now ? way->free_ns : now;
        if (rate && start - now > queue_ns) continue;
        if (loss > 0 && drand48() < loss) continue;
        if (rate) way->free_ns = start + size * 1000000000LL / rate;
        slot->size = size;
        slot->due_ns = (rate ? way->free_ns : now) + delay_ns;
        way->tail++;
    }
}

static int64_t give(struct way *way) {
    while (way->head != way->tail) {
        struct slot *slot = &way->slots[way->head % SLOTS];
        int64_t wait = slot->due_ns - now_ns();
        if (wait > 0) return wait;
        if (write(way->to, slot->data, slot->size) < 0) return 100000;
        way->head++;
    }
    return INT64_MAX;
}

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    delay_ns = atoll(argv[4]) * 1000;
    rate = atoll(argv[5]);
    loss = atof(argv[6]);
    queue_ns = 50000000;
    if (rate && queue_ns < 128 * 1500 * 1000000000LL / rate) queue_ns = 128 * 1500 * 1000000000LL / rate;
    srand48(7);
    int here = open_tun(argv[1]);
    int space = open(argv[3], O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) < 0) {
        perror(argv[3]);
        return 1;
    }
    int there = open_tun(argv[2]);
    struct way ways[2] = {{here, there, NULL, 0, 0, 0}, {there, here, NULL, 0, 0, 0}};
    for (int i = 0; i < 2; i++) ways[i].slots = malloc(sizeof(struct slot) * SLOTS);
    for (;;) {
        int64_t wait = INT64_MAX;
        for (int i = 0; i < 2; i++) {
            int64_t next = give(&ways[i]);
            if (next < wait) wait = next;
        }
        struct pollfd polled[2] = {{here, POLLIN, 0}, {there, POLLIN, 0}};
        struct timespec limit = {wait / 1000000000LL, wait % 1000000000LL};
        ppoll(polled, 2, wait == INT64_MAX ? NULL : &limit, NULL);
        for (int i = 0; i < 2; i++) take(&ways[i]);
    }
}
