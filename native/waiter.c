/* The process outside: forwards signals, mirrors stops, ends as the program ended. What launch/waiter.py does.
 *
 * All signals stay blocked and are read from a descriptor: no handler, so what the caller ignores stays ignored. */
#include "bwrap.h"

struct waiter {
	struct session *session;
	long pid, init; /* our child, and who gets the messages: 0 while bwrap hasn't said who that is */
	u64 seen; /* signals that came before Python starts the session: it shall get them */
	u32 status, failure;
	int ended, has_failed, is_ready, reaped;
	char told[512]; /* what bwrap said */
	size_t told_size;
};

static char reason[MAX_REASON + 2]; /* two strings */

static int is_ignored(int number)
{
	struct ksigaction action;
	return sys(rt_sigaction, number, NULL, &action, 8) == 0 && action.handler == (void *)1;
}

static void forward(struct waiter *waiter, int number)
{
	waiter->seen |= BIT(number);
	if (!waiter->init)
		return;
	for (size_t k = 0; k < sizeof FORWARDED; k++)
		if (FORWARDED[k] == number && !waiter->reaped && !is_ignored(number))
			sys(kill, waiter->init, FIRST_MESSAGE + (long)k);
}

/* Read what bwrap says of its child; tell whether there is more to come. */
static int take_info(struct waiter *waiter)
{
	static const char name[] = "\"child-pid\":";
	size_t room = sizeof waiter->told - 1 - waiter->told_size;
	long size = room ? sys(read, waiter->session->info, waiter->told + waiter->told_size, room) : 0, pid = 0;
	if (size <= 0)
		return 0;
	waiter->told_size += (size_t)size;
	waiter->told[waiter->told_size] = 0;
	if (!strchr(waiter->told, '}'))
		return 1;
	for (const char *at = waiter->told; *at; at++)
		if (starts_with(at, name)) {
			for (at += sizeof name - 1; *at == ' '; at++)
				;
			for (; *at >= '0' && *at <= '9' && pid < 1 << 24; at++)
				pid = pid * 10 + *at - '0';
			break;
		}
	waiter->init = pid;
	for (int number = 1; number < 32; number++) /* what came meanwhile */
		if (waiter->seen & BIT(number))
			forward(waiter, number);
	return 0;
}

/* Handle one message of init's; tell whether there was one. */
static int take_message(struct waiter *waiter)
{
	u32 record[2];
	if (sys(read, waiter->session->reader, record, sizeof record) != sizeof record)
		return 0;
	switch ((enum message)record[0]) {
	case READY:
		waiter->is_ready = 1;
		dismiss_guard(waiter->session);
		break;
	case STOPPED:
		sys(kill, sys(getpid), SIGSTOP);
		break;
	case CONTINUED:
		break;
	case ENDED:
		waiter->ended = 1;
		waiter->status = record[1];
		break;
	case FAILED: /* its strings were written with it */
		waiter->has_failed = 1;
		waiter->failure = record[1];
		sys(read, waiter->session->reader, reason, MAX_REASON);
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

/* Take what init has sent, without waiting for more. */
static void drain(struct waiter *waiter)
{
	struct {
		int fd;
		short wanted, found;
	} wait = { waiter->session->reader, POLLIN, 0 };
	i64 at_once[2] = { 0, 0 };
	while (!waiter->ended && sys(ppoll, &wait, 1, at_once, NULL, 8) > 0 && take_message(waiter))
		;
}

/* bwrap has ended: a child that waits for it must not stay, and nothing may run on where Python tries again. */
static void clean_up(struct waiter *waiter)
{
	dismiss_guard(waiter->session);
	sys(close, waiter->session->info);
	drain(waiter);
	if (waiter->ended || waiter->has_failed)
		return;
	while (kill_holders(waiter->session->reader))
		;
	drain(waiter);
	if (!waiter->ended && !waiter->is_ready) { /* it has said why */
		waiter->has_failed = 1;
		waiter->failure = STAGE_SETUP << 16;
	}
}

/* Nothing ran: let Python start the session where the plan didn't fit, else say why not. */
static long end_failed(struct waiter *waiter)
{
	if (waiter->failure >> 16 != STAGE_UNFIT)
		give_up(waiter->failure >> 16, waiter->failure & 0xffff, reason,
			reason + strlen(reason) + 1);
	for (int number = 1; number < 65; number++)
		if (waiter->seen & BIT(number))
			sys(kill, sys(getpid), number);
	return -1;
}

long wait_for(struct session *session, long pid)
{
	struct waiter waiter = { .session = session, .pid = pid, .init = session->bwrap ? 0 : pid };
	u64 all = ALL_SIGNALS & ~(BIT(SIGKILL) | BIT(SIGSTOP));
	sys(close, session->writer);
	long signals = sys(signalfd4, -1, &all, 8, O_CLOEXEC | O_NONBLOCK);
	struct {
		int fd;
		short wanted, found;
	} wait[3] = { { (int)signals, POLLIN, 0 }, { session->reader, POLLIN, 0 }, { session->info, POLLIN, 0 } };
	if (!session->bwrap)
		wait[2].fd = -1;
	while (!waiter.reaped) {
		sys(ppoll, wait, 3, NULL, NULL, 8);
		if (wait[1].found && !take_message(&waiter))
			wait[1].fd = -1; /* closed: init is gone */
		if (waiter.ended)
			wait[1].fd = -1;
		if (wait[2].found && !take_info(&waiter))
			wait[2].fd = -1;
		if (wait[0].found)
			take_signal(&waiter, signals);
	}
	if (session->bwrap)
		clean_up(&waiter);
	else
		while (!waiter.ended && take_message(&waiter))
			;
	if (waiter.has_failed)
		return end_failed(&waiter);
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
