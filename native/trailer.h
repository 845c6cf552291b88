#ifndef SANDBOX_TRAILER_H
#define SANDBOX_TRAILER_H

#define TRAILER_SIZE 8192
#define TRAILER_MAGIC "SANDBOX-VENV-TRAILER\r\n"

extern const char trailer[TRAILER_SIZE];

#endif
