/* What a launcher's copy has written into it when it is put in bin/ (sandbox_venv/venv/native.py): the directory of
 * the plans, the interpreter, the code of the Python launcher and of its after-work, and the entry point's name, each
 * with a NUL. It is
 * mapped with the program, so that reading it costs no call. */
#include "trailer.h"

const char trailer[TRAILER_SIZE] __attribute__((aligned(4096), section(".trailer"))) = TRAILER_MAGIC;
