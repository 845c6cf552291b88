/* What a call asks for: launch/main.py and launch/outside.py, where they decide that it is the plain case. */
#include "call.h"

/* Tell whether NAME=VALUE names certificates that not every plan shows: launch/call.py, variant_of. */
static int names_certificates(const char *item)
{
	static const char names[] = "SSL_CERT_FILE=/\0SSL_CERT_DIR=/\0REQUESTS_CA_BUNDLE=/\0CURL_CA_BUNDLE=/\0PIP_CERT=/\0";
	static const char shown[] = "/etc/ssl\0/etc/pki\0/etc/ca-certificates\0/usr/share\0/usr/local/share\0";
	struct list words = { names, names + sizeof names - 1 }, places = { shown, shown + sizeof shown - 1 };
	for (const char *name; (name = next(&words));) {
		if (!starts_with(item, name))
			continue;
		for (const char *place; (place = next(&places));)
			if (is_below(item + strlen(name) - 1, place))
				return 0;
		return 1;
	}
	return 0;
}

/* Tell whether a variable asks for what only Python does. */
int asks_for_python(void)
{
	for (char **item = call.env; *item; item++)
		switch (**item) {
		case 'C':
		case 'P':
		case 'R':
			if (names_certificates(*item))
				return 1;
			break;
		case 'B':
			if (starts_with(*item, "BWRAP_ARGS="))
				return 1;
			break;
		case 'L':
			if (starts_with(*item, "LISTEN_PID="))
				return 1;
			break;
		case 'S':
			if (starts_with(*item, "SANDBOX_") || names_certificates(*item))
				return 1;
			break;
		case 'V':
		case 'v':
			if (starts_with(*item, "VERBOSE=") || starts_with(*item, "verbose="))
				return 1;
			break;
		default:
			break;
		}
	return 0;
}

static int is_python(void)
{
	static const char pythons[] = "python\0pypy\0python-freethreaded\0", ends[] = "0123456789.t";
	struct list words = { pythons, pythons + sizeof pythons - 1 };
	for (const char *word; (word = next(&words));) {
		size_t size = strlen(word);
		if (strncmp(call.name, word, size) != 0)
			continue;
		const char *at = call.name + size;
		while (*at && strchr(ends, *at))
			at++;
		if (!*at)
			return 1;
	}
	return 0;
}

/* Return what `python ARGS` runs: 'm' (a module), 'c', 'f' (a file) or 0; launch/outside.py, python_main. */
static char python_main(char **args, const char **value)
{
	while (*args) {
		const char *arg = *args++;
		if (!strcmp(arg, "-"))
			return 0;
		if (!strcmp(arg, "--") || *arg != '-') {
			*value = *arg == '-' ? *args : arg;
			return *value ? 'f' : 0;
		}
		if (arg[1] == '-') {
			if (!strcmp(arg, "--check-hash-based-pycs") && *args)
				args++;
			continue;
		}
		for (const char *at = arg + 1; *at; at++) {
			if (!strchr("mcWX", *at))
				continue;
			*value = at[1] ? at + 1 : *args ? *args++ : "";
			if (*at == 'm' || *at == 'c')
				return *at;
			break;
		}
	}
	return 0;
}

/* Tell whether ENTRIES holds `first` and the `size` bytes at `name`. */
static int is_entry(const char *first, const char *name, size_t size)
{
	struct list entries = session.plan.section[ENTRIES];
	size_t before = strlen(first);
	for (const char *item; (item = next(&entries));)
		if (strncmp(item, first, before) == 0 && strncmp(item + before, name, size) == 0 && !item[before + size])
			return 1;
	return 0;
}

/* Tell whether this start installs: launch/main.py, session_kind. */
int installs(void)
{
	const char *what = "";
	size_t size = strlen(call.name);
	while (size && strchr("0123456789.", call.name[size - 1]))
		size--;
	if (is_entry("", call.name, size))
		return 1;
	char kind = is_python() ? python_main(call.argv + 1, &what) : 0;
	return (kind == 'm' && is_entry("-m ", what, strlen(what))) || (kind == 'f' && is_entry("file ", what, strlen(what)));
}

/* Tell whether one of the texts that \1 joins is the `size` bytes at `word`. */
static int is_among(const char *joined, const char *word, size_t size)
{
	while (*joined) {
		if (strncmp(joined, word, size) == 0 && (!joined[size] || joined[size] == '\1'))
			return 1;
		const char *end = strchr(joined, '\1');
		joined = end ? end + 1 : "";
	}
	return 0;
}

/* launch/call.py, entry_variant: python3.11 has python's settings, and then its own. */
const char *entry_variant(const char *own)
{
	size_t whole = strlen(call.name), size = whole;
	char *found = take(2 * whole + 8), *at = found;
	if (!found)
		python();
	while (size && strchr("0123456789.", call.name[size - 1]))
		size--;
	if (size && size < whole && is_among(own, call.name, size)) {
		at = put(at, "ENTRY=");
		memcpy(at, call.name, size);
		at += size;
	}
	if (is_among(own, call.name, whole))
		at = put(put(at, at == found ? "ENTRY=" : "\2"), call.name);
	*at = 0;
	return found;
}

/* Tell whether a directory that the plan mounts whole shows `path`. */
static int is_shown(const char *path)
{
	const char *shown = plan_meta(&session.plan, "shown"); /* joined by \1 */
	while (*shown) {
		size_t size = 0;
		while (shown[size] && shown[size] != '\1')
			size++;
		if (size > 1 && strncmp(path, shown, size) == 0 && (!path[size] || path[size] == '/'))
			return 1;
		shown += size + (shown[size] == '\1');
	}
	return 0;
}

/* Tell whether a path, from the program's directory, is surely shown; names like `..` make it unsure. */
static int is_surely_shown(const char *path)
{
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	for (const char *at = path; *at; at++) {
		const char *part = at == path || at[-1] == '/' ? at : "";
		if (part[0] == '.' && part[1] == '.' && (!part[2] || part[2] == '/'))
			return 0;
		if (at != path && part[0] == '/')
			return 0;
	}
	return is_shown(*path == '/' ? path : session.cwd);
}

/* Tell whether this is uv's question to an interpreter: launch/outside.py, find_probe. */
static int is_probe(char **args)
{
	static const char code[] = "import sys; sys.path = [__import__(\"os\").fsdecode(b\"";
	return args[0] && args[1] && args[2] && args[3] && !strcmp(args[0], "-I") && !strcmp(args[1], "-B") &&
	       !strcmp(args[2], "-c") && starts_with(args[3], code);
}

int names_script_outside(void)
{
	const char *path = "";
	if (is_probe(call.argv + 1))
		return 1;
	return is_python() && python_main(call.argv + 1, &path) == 'f' && *path && !is_surely_shown(path);
}

int names_unseen(void)
{
	struct kstat status;
	for (char **arg = call.argv + 1; *arg; arg++) {
		const char *value = *arg;
		if (*value == '-') {
			if (!(value = strchr(value, '=')))
				continue;
			value++;
		}
		if (strchr(value, '/') && !is_surely_shown(value) &&
		    sys6(NR_fstatat, AT_FDCWD, SYS_ARG(value), SYS_ARG(&status), 0, 0, 0) == 0)
			return 1;
	}
	return 0;
}

/* Tell whether /tmp is the session's own, with no link in it that could lead elsewhere. */
static int has_own_tmp(void)
{
	struct list records = session.plan.section[RECORDS];
	int found = 0;
	for (const char *what; (what = next(&records));) {
		const char *target = (next(&records), next(&records));
		found |= (*what == 't' && !strcmp(target, "tmp")) || *what == 'c';
		if (*what == 'l')
			return 0;
	}
	return found;
}

void choose_directory(void)
{
	static char cwd[4096];
	if (sys(getcwd, cwd, sizeof cwd) <= 0 || *cwd != '/')
		python();
	const char *home = plan_meta(&session.plan, "home");
	session.cwd = cwd;
	if (!cwd[1] || !strcmp(cwd, home) || is_shown(cwd))
		return;
	if (!is_below(cwd, "/tmp") || is_below(cwd, home) || !has_own_tmp())
		python();
	session.makes_cwd = 1;
}
