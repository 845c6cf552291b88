/* The least program: its start is a bare exec's. */
_Noreturn void _start(void);
_Noreturn void _start(void)
{
	for (;;)
#if defined(__x86_64__)
		__asm__ volatile("syscall" : : "a"(231), "D"(0) : "rcx", "r11"); /* exit_group(0) */
#else
		__asm__ volatile("mov x8, 94\n\tmov x0, 0\n\tsvc 0" : : : "x0", "x8");
#endif
}
