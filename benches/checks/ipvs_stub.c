// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Preloaded into keepalived where the kernel has no IPVS: each request of its checker succeeds at once. What
// it does with sockets, timers and logs is its own.

#include <stddef.h>

typedef int callback(void *message, void *argument);

/* libnl's kinds of callbacks, netlink/handlers.h. */
enum { FINISH = 1, ACK = 4, KINDS = 8 };

static struct {
	callback *call;
	void *argument;
} callbacks[KINDS];

int genl_ctrl_resolve(void *socket, const char *name)
{
	return 30;
}

int nl_socket_modify_cb(void *socket, int type, int kind, callback *call, void *argument)
{
	if (type >= 0 && type < KINDS) {
		callbacks[type].call = call;
		callbacks[type].argument = argument;
	}
	return 0;
}

int nl_send_auto(void *socket, void *message)
{
	return 1;
}

int nl_recvmsgs_default(void *socket)
{
	for (int type = 0; type < KINDS; type++)
		if ((type == FINISH || type == ACK) && callbacks[type].call)
			callbacks[type].call(NULL, callbacks[type].argument);
	return 0;
}
