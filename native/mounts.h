/* Mounts and mount points in the new root, `root` (mounts.c). Targets have no leading slash. */
#ifndef SANDBOX_MOUNTS_H
#define SANDBOX_MOUNTS_H

#include "session.h"

#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define READ_WRITE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define WITH_DEVICES MOUNT_ATTR_NOSUID
#define CLONE_TREE (OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE)

/* Open a mount point, following no link. */
long open_target(const struct session *session, long root, const char *target);
/* Attach a copy of the tree at `source` (a path, or "" of the descriptor `from`) to what `place` and `path` name. */
void attach(const struct session *session, long from, const char *source, u64 attributes, long place, const char *path);
/* Attach the mount `tree` to what `place` and `path` name. */
long move(long tree, long place, const char *path);

/* Bind a path of the host; in attach_group's form the flags come later, for all at once. */
void attach_group(const struct session *session, const char *source, long root, const char *target);
void bind(const struct session *session, const char *source, u64 attributes, long root, const char *target);
void mount_on(const struct session *session, long root, const char *target, const char *kind, long flags,
	      const char *data);
void make_dev(const struct session *session, long root, const char *target);
void remount_read_only(const struct session *session, long root, const char *target);

#endif
