#include "environ.h"

#define LIST(words) ((struct list){ words, words + sizeof words - 1 })
#define NAME_MAX_ 512 /* of a variable's name; longer ones are Python's */
#define FIELD_SIZE 24 /* of a field's name in a value */

/* The tables of environ.py. Flat, so that nothing has to be relocated at the start. */
static const char ALLOWED[] =
	"USER\0LOGNAME\0UID\0PATH\0TERM\0HOSTNAME\0LANGUAGE\0LANG\0TZ\0"
	"http_proxy\0https_proxy\0HTTP_PROXY\0HTTPS_PROXY\0"
	"CC\0CFLAGS\0CXXFLAGS\0CPPFLAGS\0LDFLAGS\0LDLIBS\0MAKEFLAGS\0"
	"no_proxy\0NO_PROXY\0all_proxy\0ALL_PROXY\0ftp_proxy\0FTP_PROXY\0CXX\0"
	"NO_COLOR\0FORCE_COLOR\0CLICOLOR\0CLICOLOR_FORCE\0COLORTERM\0COLUMNS\0LINES\0"
	"PYTHONUNBUFFERED\0PYTHONIOENCODING\0PYTHONUTF8\0PYTHONDONTWRITEBYTECODE\0PYTHONHASHSEED\0"
	"SOURCE_DATE_EPOCH\0CI\0";
static const char NEVER[] = "_\0LS_COLORS\0PS1\0PS2\0PS4\0PROMPT_COMMAND\0SHLVL\0OLDPWD\0BASHOPTS\0SHELLOPTS\0";
static const char SECRET_PARTS[] =
	"TOKEN\0SECRET\0PASSW\0PASSPHR\0PASSFILE\0API_KEY\0APIKEY\0ACCESS_KEY\0CREDENTIAL\0"
	"PRIVATE\0AUTH\0KEYRING\0COOKIE\0WEBHOOK\0ASKPASS\0NETRC\0ACCESSKEY\0PRIVKEY\0"
	"ENCRYPTIONKEY\0SIGNINGKEY\0MASTERKEY\0CONNECTION_STRING\0CONNECTIONSTRING\0BEARER\0MNEMONIC\0";
static const char SECRET_WORDS[] =
	"KEY\0KEYS\0PASS\0PWD\0SSHPASS\0PAT\0CREDS\0DSN\0JWT\0SOCK\0SOCKET\0"
	"PW\0DBPASS\0DBPWD\0OTP\0TOTP\0HMAC\0";
static const char SECRET_FIELDS[] =
	"password\0passwd\0pwd\0secret\0client_secret\0token\0access_token\0accesstoken\0"
	"auth_token\0id_token\0refresh_token\0private_token\0job_token\0api_key\0apikey\0api-key\0"
	"accountkey\0sharedaccesskey\0sharedaccesssignature\0sig\0signature\0x-amz-signature\0"
	"x-amz-security-token\0";
static const char PLUMBING[] =
	"DBUS_\0XDG_RUNTIME_\0XDG_SESSION_\0XDG_SEAT\0XDG_VTNR\0GNOME_\0SESSION_MANAGER\0WAYLAND_\0"
	"DESKTOP_STARTUP_ID\0PULSE_\0PIPEWIRE_\0TMUX\0VSCODE_\0"
	"SSH_\0GPG_\0GNUPG\0KRB5\0SUDO_\0"
	"LISTEN_\0NOTIFY_\0WATCHDOG_\0JOURNAL_STREAM\0INVOCATION_ID\0"
	"AWS_\0AZURE_\0GCLOUD_\0CLOUDSDK_\0GOOGLE_\0VAULT_\0DOCKER_\0PODMAN_\0CONTAINER_HOST\0"
	"KUBE\0HELM_\0ANSIBLE_\0PGSERVICE\0"
	"BASH_FUNC_\0";
static const char GIT_AUTHOR[] = "GIT_AUTHOR_";
static const char PLUMBING_NAMES[] = "DISPLAY\0STY\0WINDOWID\0MAIL\0";

static int is_in(const char *text, struct list words)
{
	for (const char *item; (item = next(&words));)
		if (strcmp(item, text) == 0)
			return 1;
	return 0;
}

static const char *find(const char *text, const char *end, const char *part)
{
	size_t size = strlen(part);
	for (; size <= (size_t)(end - text); text++)
		if (memcmp(text, part, size) == 0)
			return text;
	return NULL;
}

/* Tell whether a value may hold a password, as URLs and proxies do: USER:PASSWORD@HOST. */
static int may_hold_password(const char *value)
{
	const char *at = strchr(value, '@');
	if (!at || find(value, value + strlen(value), "://"))
		return at != NULL;
	for (const char *byte = value; byte < at; byte++)
		if (*byte == '/')
			return 0;
	return at[1] && find(value, at, ":") != NULL;
}

static int is_word(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
	       byte == '_' || byte == '-';
}

/* Tell whether a value holds `password=…` or the like, as environ.py's has_secret_field does. */
static int has_secret_field(const char *value)
{
	for (const char *equals = strchr(value, '='); equals; equals = strchr(equals + 1, '=')) {
		char name[FIELD_SIZE + 2], *end = name;
		const char *start = equals;
		while (start > value && equals - start <= FIELD_SIZE && is_word(start[-1]))
			start--;
		while (*start == '-')
			start++;
		for (; start < equals; start++)
			*end++ = *start >= 'A' && *start <= 'Z' ? (char)(*start + 32) : *start;
		*end = 0;
		if (end > name && is_in(name, LIST(SECRET_FIELDS)))
			return 1;
	}
	return 0;
}

enum verdict { PLAIN, SECRET, UNSURE };

/* Say whether a variable looks like a secret; UNSURE is for Python to decide. */
static enum verdict judge(const char *name, const char *value)
{
	char upper[NAME_MAX_], *end = upper;
	for (const char *at = name; *at; at++)
		*end++ = *at >= 'a' && *at <= 'z' ? (char)(*at - 32) : *at == '-' || *at == '.' ? '_' : *at;
	*end = 0;
	struct list words = LIST(PLUMBING);
	for (const char *word; (word = next(&words));)
		if (starts_with(upper, word))
			return SECRET;
	if (is_in(upper, LIST(PLUMBING_NAMES)))
		return SECRET;
	const char *part = starts_with(upper, GIT_AUTHOR) ? upper + sizeof GIT_AUTHOR - 1 : upper; /* in git's hooks */
	if (find(part, end, "AUTHOR") || find(part, end, "TOKENIZER")) /* neither says a secret by itself */
		return UNSURE;
	words = LIST(SECRET_PARTS);
	for (const char *word; (word = next(&words));)
		if (find(part, end, word))
			return SECRET;
	if (strcmp(upper, "PWD") != 0) {
		for (char *word = upper, *at = upper; at <= end; at++)
			if (*at == '_' || !*at) {
				*at = 0;
				if (is_in(word, LIST(SECRET_WORDS)))
					return SECRET;
				word = at + 1;
			}
	}
	if (find(value, value + strlen(value), "PRIVATE KEY-----") || has_secret_field(value))
		return SECRET;
	return may_hold_password(value) ? UNSURE : PLAIN;
}

/* Tell whether NAME or PREFIX* covers the name. */
static int matches(const char *name, const char *pattern)
{
	size_t size = strlen(pattern);
	if (size && pattern[size - 1] == '*')
		return strncmp(name, pattern, size - 1) == 0;
	return strcmp(name, pattern) == 0;
}

/* Tell whether a variable loosens the sandbox, given as NAME or NAME=VALUE. */
static int is_control(const char *name)
{
	return strcmp(name, "BWRAP_ARGS") == 0 || starts_with(name, "BWRAP_ARGS=") || starts_with(name, "SANDBOX_");
}

int parent_read(long pid, struct parent *parent)
{
	char path[48];
	size_t room = 256 << 10, size = 0;
	parent->known = 0;
	parent->block = (struct list){ NULL, NULL };
	long mine = sys(getsid, 0);
	if (sys(getsid, pid) != mine && mine != sys(getpid))
		return 0;
	put(put_number(put(path, "/proc/"), (u64)pid), "/environ");
	long fd = sys(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0), done = -1;
	if (fd < 0)
		return 0;
	char *data = take(room);
	while (data && (done = sys(read, fd, data + size, room - size)) > 0)
		size += (size_t)done;
	sys(close, fd);
	if (!data || size == room)
		return -1;
	parent->block = (struct list){ data, data + size };
	if (done < 0 || !size || data[size - 1])
		return 0;
	struct list items = parent->block;
	for (const char *item; (item = next(&items));)
		if (!*item || *item == '=' || !strchr(item, '='))
			return 0;
	parent->known = 1;
	return 0;
}

/* Tell whether the parent's environment has the name. Most often it is where the last one was found, or next. */
static int parent_has(const struct parent *parent, const char *name, struct list *hint)
{
	size_t size = strlen(name);
	for (int round = 0; round < 2; round++) {
		struct list items = round ? parent->block : *hint;
		for (const char *item; (item = next(&items));)
			if (strncmp(item, name, size) == 0 && item[size] == '=') {
				*hint = items;
				return 1;
			}
	}
	return 0;
}

/* The environment that is being made. */
struct result {
	char **items;
	size_t count;
};

static size_t name_size(const char *item)
{
	return (size_t)(strchr(item, '=') - item);
}

static void set(struct result *result, const char *item)
{
	size_t size = name_size(item);
	for (size_t i = 0; i < result->count; i++)
		if (strncmp(result->items[i], item, size + 1) == 0) {
			result->items[i] = (char *)(uintptr_t)item;
			return;
		}
	result->items[result->count++] = (char *)(uintptr_t)item;
}

static void drop(struct result *result, const char *pattern)
{
	size_t kept = 0, size = strlen(pattern);
	int prefix = size && pattern[size - 1] == '*';
	for (size_t i = 0; i < result->count; i++) {
		char *item = result->items[i];
		if (!(prefix ? strncmp(item, pattern, size - 1) == 0 && name_size(item) >= size - 1 :
			       strncmp(item, pattern, size) == 0 && item[size] == '='))
			result->items[kept++] = item;
	}
	result->count = kept;
}

static int is_passed(const char *name, const struct parent *parent, struct list *hint,
		     struct list rules)
{
	int passes = is_in(name, LIST(ALLOWED)) || starts_with(name, "LC_");
	if (is_control(name) || is_in(name, LIST(NEVER)) || strcmp(name, "VERBOSE") == 0)
		return 0;
	if (!passes && parent->known)
		passes = !parent_has(parent, name, hint);
	for (const char *rule; !passes && (rule = next(&rules));) {
		const char *pattern = next(&rules);
		passes = strcmp(rule, "pass") == 0 && matches(name, pattern);
	}
	return passes;
}

/* Tell whether an earlier entry has the same name: the first one counts. */
static int is_again(char **env, char **entry)
{
	size_t size = name_size(*entry);
	for (; env < entry; env++)
		if (strncmp(*env, *entry, size + 1) == 0)
			return 1;
	return 0;
}

/* Apply `set` and `drop` (round 1) or `dotenv` (round 0); 0 where an item has no '='. */
static int apply(struct result *result, struct list rules, int round)
{
	for (const char *rule; (rule = next(&rules));) {
		const char *item = next(&rules);
		int sets = strcmp(rule, round ? "set" : "dotenv") == 0;
		if (sets && !strchr(item, '='))
			return 0;
		if (sets && *item != '=' && (round || !is_control(item)))
			set(result, item);
		else if (round && strcmp(rule, "drop") == 0)
			drop(result, item);
	}
	return 1;
}

char **environ_filter(char **env, const struct parent *parent, struct list rules, const char *cwd)
{
	size_t most = 4, size;
	for (char **entry = env; *entry; entry++)
		most++;
	for (struct list items = rules; next(&items);)
		most++;
	struct result result = { take(most * sizeof(char *)), 0 };
	struct list hint = parent->block;
	char name[NAME_MAX_], *pwd = take(strlen(cwd) + 8);
	if (!result.items || !pwd)
		return NULL;
	for (char **entry = env; *entry; entry++) {
		if (!strchr(*entry, '=') || **entry == '=')
			continue;
		if ((size = name_size(*entry)) >= sizeof name)
			return NULL;
		memcpy(name, *entry, size);
		name[size] = 0;
		if (!is_passed(name, parent, &hint, rules) || is_again(env, entry))
			continue;
		enum verdict verdict = judge(name, *entry + size + 1);
		if (verdict == UNSURE)
			return NULL;
		if (verdict == SECRET)
			continue;
		char *copy = take(strlen(*entry) + 1); /* the block that it lies in is wiped */
		if (!copy)
			return NULL;
		put(copy, *entry);
		result.items[result.count++] = copy;
	}
	if (!apply(&result, rules, 0) || !apply(&result, rules, 1))
		return NULL;
	put(put(pwd, "PWD="), cwd);
	set(&result, pwd);
	result.items[result.count] = NULL;
	return result.items;
}
