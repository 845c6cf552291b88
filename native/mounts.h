/* Mounts and mount points in the new root, `root` (mounts.c). Targets have no leading slash. */
#ifndef SANDBOX_MOUNTS_H
#define SANDBOX_MOUNTS_H

#include "session.h"

#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define READ_WRITE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define WITH_DEVICES MOUNT_ATTR_NOSUID
#define CLONE_TREE (OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE)

/* Attach the mount `tree` to what `place` and `path` name. */
long move(long tree, long place, const char *path);

/* Bind a path of the host; in attach_group's form the flags come later, for all at once. */
void attach_group(const struct session *session, const char *source, long root, const char *target);
void bind(const struct session *session, const char *source, u64 attributes, long root, const char *target);
/* Bind what a session could have replaced: no link is followed in its path, and `optional` ones may be missing. */
void bind_slot(const struct session *session, const char *source, u64 attributes, long root, const char *target,
	       int optional);
/* Make the mount point `below` in the private directory `top` on the host. */
void make_point(const struct session *session, const char *top, const char *below, int directory);

void mount_on(const struct session *session, long root, const char *target, const char *kind, long flags,
	      const char *data);
void make_dev(const struct session *session, long root, const char *target);
void remount_read_only(const struct session *session, long root, const char *target);

#endif
