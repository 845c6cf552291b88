/* The process outside: forwards signals, mirrors stops, ends as the program ended. What launch/waiter.py does.
 *
 * All signals stay blocked and are read from a descriptor: no handler, so what the caller ignores stays ignored. */
#include "session.h"

struct waiter {
	const struct session *session;
	long pid;
	u64 seen; /* signals that came before the set-up failed: Python shall get them */
	u32 status;
	int ended, has_failed, reaped;
};

static int is_ignored(int number)
{
	struct ksigaction action;
	return sys(rt_sigaction, number, NULL, &action, 8) == 0 && action.handler == (void *)1;
}

static void forward(struct waiter *waiter, int number)
{
	waiter->seen |= BIT(number);
	for (size_t k = 0; k < sizeof FORWARDED; k++)
		if (FORWARDED[k] == number && !waiter->reaped && !is_ignored(number))
			sys(kill, waiter->pid, FIRST_MESSAGE + (long)k);
}

/* Handle one message of init's; tell whether there was one. */
static int take_message(struct waiter *waiter)
{
	u32 record[2];
	if (sys(read, waiter->session->reader, record, sizeof record) != sizeof record)
		return 0;
	switch ((enum message)record[0]) {
	case STOPPED:
		sys(kill, sys(getpid), SIGSTOP);
		break;
	case CONTINUED:
		break;
	case ENDED:
		waiter->ended = 1;
		waiter->status = record[1];
		break;
	case FAILED:
		waiter->has_failed = 1;
		break;
	}
	return 1;
}

static void take_signal(struct waiter *waiter, long signals)
{
	u32 info[32]; /* struct signalfd_siginfo: 128 bytes, the number first */
	if (sys(read, signals, info, sizeof info) != sizeof info)
		return;
	if (info[0] == SIGCHLD) {
		int status;
		if (!waiter->reaped && sys(wait4, waiter->pid, &status, WNOHANG, 0) == waiter->pid)
			waiter->reaped = 1;
	} else if (info[0] < 65) {
		forward(waiter, (int)info[0]);
	}
}

long wait_for(const struct session *session, long pid)
{
	struct waiter waiter = { .session = session, .pid = pid };
	u64 all = ALL_SIGNALS & ~(BIT(SIGKILL) | BIT(SIGSTOP));
	sys(close, session->writer);
	long signals = sys(signalfd4, -1, &all, 8, O_CLOEXEC | O_NONBLOCK);
	struct {
		int fd;
		short wanted, found;
	} wait[2] = { { (int)signals, POLLIN, 0 }, { session->reader, POLLIN, 0 } };
	while (!waiter.reaped) {
		sys(ppoll, wait, waiter.ended ? 1 : 2, NULL, NULL, 8);
		if (wait[1].found && !waiter.ended && !take_message(&waiter))
			wait[1].fd = -1; /* closed: init is gone */
		if (wait[0].found)
			take_signal(&waiter, signals);
	}
	while (!waiter.ended && take_message(&waiter))
		;
	if (waiter.has_failed) {
		for (int number = 1; number < 65; number++)
			if (waiter.seen & BIT(number))
				sys(kill, sys(getpid), number);
		return -1;
	}
	if (waiter.ended)
		return waiter.status;
	static const char text[] = "sandbox-venv: wait for sandbox: it was killed\n";
	sys(write, 2, text, sizeof text - 1);
	return 125 << 8;
}

_Noreturn void end_like(u32 status)
{
	int number = status & 0x7f;
	if (number) {
		u64 no_core[2] = { 0, 0 }, mask = BIT(number);
		struct ksigaction action = { 0 };
		sys(setrlimit, RLIMIT_CORE, no_core);
		sys(rt_sigaction, number, &action, NULL, 8);
		sys(rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, 8);
		sys(kill, sys(getpid), number);
		leave(128 + number);
	}
	leave(status >> 8 & 0xff);
}
