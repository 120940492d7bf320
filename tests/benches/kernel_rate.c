// The real kernel's own rate: one thread sends datagrams from namespaces and reads them in others, on the core that it
// runs on. kernel_rate.sh makes the namespaces.
//   kernel_rate chain  PREFIX ROUTERS PACKETS   from PREFIXn0 to PREFIXn(ROUTERS + 1)
//   kernel_rate bridge PREFIX HOSTS PACKETS     from each PREFIXnI to its neighbour
// Prints: workload size delivered N
// Sends a round of datagrams, reads them, and again: nobody is woken, nothing waits long, little is lost.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what) { perror(what); exit(1); }

static int in_ns(const char *prefix, int n, int listens) {
  char path[256];
  snprintf(path, sizeof path, "/run/netns/%sn%d", prefix, n);
  int ns = open(path, O_RDONLY | O_CLOEXEC);
  if (ns < 0 || setns(ns, CLONE_NEWNET)) die(path);
  close(ns);
  int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (s < 0) die("socket");
  if (listens) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(7000)};
    if (bind(s, (void *)&any, sizeof any)) die("bind");
  }
  return s;
}

int main(int argc, char **argv) {
  if (argc != 5) { fprintf(stderr, "kernel_rate chain|bridge PREFIX SIZE PACKETS\n"); return 1; }
  int chain = !strcmp(argv[1], "chain"), size = atoi(argv[3]), flows = chain ? 1 : size;
  long packets = atol(argv[4]), sent = 0, got = 0;
  if (size < 1 || size > 250) return 1;
  int from[256], at[256];
  struct sockaddr_in to[256];
  for (int i = 0; i < flows; ++i) {
    char ip[32];
    from[i] = in_ns(argv[2], i, 0);
    at[i] = in_ns(argv[2], chain ? size + 1 : (i + 1) % size, 1);
    snprintf(ip, sizeof ip, "10.0.%d.%d", chain ? size : 0, chain ? 2 : (i + 1) % size + 1);
    to[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(7000)};
    if (inet_pton(AF_INET, ip, &to[i].sin_addr) != 1) die(ip);
  }
  char data[64] = {0};
  int round = 64 / flows ? 64 / flows : 1;
  while (sent < packets) {
    for (int k = 0; k < round; ++k)
      for (int i = 0; i < flows; ++i, ++sent)
        if (sendto(from[i], data, sizeof data, 0, (void *)&to[i], sizeof to[i]) < 0 && errno != EAGAIN && errno != ENOBUFS) die("sendto");
    for (int i = 0; i < flows; ++i) {
      // Softirqs may be ksoftirqd's by now: it gets its turn.
      struct pollfd p = {.fd = at[i], .events = POLLIN};
      for (int n = 0; n < round;) {
        if (recv(at[i], data, sizeof data, 0) >= 0) { ++n, ++got; continue; }
        if (poll(&p, 1, 2) <= 0) break;
      }
    }
  }
  printf("%s %d delivered %ld\n", argv[1], size, got);
}
