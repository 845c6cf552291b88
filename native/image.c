/* Init on bwrap: this executable once more, as bwrap's PID 1. What launch/inside/init.py does before it serves. */
#include "bwrap.h"
#include "trailer.h"

#define INIT "init"
#define ROOM (TRAILER_SIZE - sizeof TRAILER_MAGIC)

extern const char __ehdr_start __attribute__((visibility("hidden")));

int is_image(void)
{
	const char *at = trailer;
	__asm__("" : "+r"(at)); /* written into the file afterwards */
	return strcmp(at + sizeof TRAILER_MAGIC, INIT) == 0; /* a launcher has the path of its plans there */
}

long make_image(const struct session *session)
{
	static char text[ROOM], magic[sizeof TRAILER_MAGIC];
	struct kstat status;
	long own = need(sys(openat, AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0));
	long image = sys(memfd_create, "sandbox-venv", MFD_ALLOW_SEALING | MFD_EXEC);
	if (image == -ERR_INVAL) /* before Linux 6.3 */
		image = sys(memfd_create, "sandbox-venv", MFD_ALLOW_SEALING);
	if (image == -ERR_ACCES) /* vm.memfd_noexec is 2: Python's init isn't executed from memory */
		unfit(session);
	if (image < 0)
		failed(session, "memfd_create", -image);
	need(fstat(own, &status));
	for (long left = status.size, done; left > 0; left -= done)
		if ((done = need(sys(sendfile, image, own, NULL, left))) == 0)
			failed(session, "sys(sendfile)", 0);
	i64 at = trailer - &__ehdr_start;
	need(sys(pread64, image, magic, sizeof magic, at));
	if (memcmp(magic, trailer, sizeof magic) != 0)
		failed(session, "sys(pread64)", 0);
	put(text, INIT);
	if (need(sys(pwrite64, image, text, sizeof text, at + (i64)sizeof magic)) != (long)sizeof text)
		failed(session, "sys(pwrite64)", 0);
	need(sys(fcntl, image, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	sys(close, own);
	return image;
}

/* Check that what lies at each mount point is what was opened: bwrap looks it up by its path. */
static void verify(const struct session *session)
{
	need(sys(chdir, "/"));
	for (size_t at = 0; at < session->words->count; at++) {
		const struct place *place = session->words->places + at;
		struct kstat found;
		working_on = place->path;
		need(sys6(NR_fstatat, AT_FDCWD, SYS_ARG(place->path), SYS_ARG(&found), 0, 0, 0));
		if (found.dev != place->dev || found.ino != place->ino)
			failed(session, "check mount", ERR_STALE);
	}
	working_on = NULL;
}

_Noreturn void be_init(char **argv, char **env)
{
	static struct session session;
	struct kstat status;
	long fd = 0, data;
	for (const char *digit = *argv && argv[1] ? argv[1] : "-"; *digit; digit++) {
		if (*digit < '0' || *digit > '9' || fd > 1 << 20)
			leave(125);
		fd = fd * 10 + *digit - '0';
	}
	if (fstat(fd, &status) < 0)
		leave(125);
	data = sys(mmap, 0, status.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if ((data < 0 && data > -4096) || !take_over((const char *)data, (size_t)status.size, &session))
		leave(125);
	session.host_env = env;
	is_filtered = 1; /* by bwrap */
	if (sys(fcntl, session.writer, F_SETFD, FD_CLOEXEC) < 0) /* the program could forge its own end */
		leave(125);
	verify(&session);
	sys(prctl, PR_SET_NAME, session.name);
	u32 ready[2] = { READY, 0 }; /* the waiter may be dead, before bwrap could be told to die with it */
	if (sys(write, session.writer, ready, sizeof ready) != sizeof ready)
		leave(125);
	serve(&session);
}
