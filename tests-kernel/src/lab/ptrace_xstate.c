/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A ptrace() that completes the buffer of PTRACE_SETREGSET with NT_X86_XSTATE.
 *
 * User Mode Linux before 6.13 passes a buffer of fixed size. A host whose processor has AMX wants
 * the whole extended state, some 11 kB, and answers a shorter buffer with EFAULT. Here the state
 * is read first, the caller's bytes are laid over it, the tile registers, which the caller does
 * not know, are marked as unused, and the whole is written back.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

#define NOTE_X86_XSTATE 0x202
/* Byte offset of XSTATE_BV, behind the legacy region of the XSAVE area. */
#define XSTATE_BV 512
#define TILE_BITS ((UINT64_C(1) << 17) | (UINT64_C(1) << 18))

typedef long (*ptrace_function)(enum __ptrace_request, ...);

/* Not on the stack: the caller runs on a kernel stack of 16 kB, and one at a time. */
static unsigned char state[64 * 1024];

long ptrace(enum __ptrace_request request, ...)
{
    static ptrace_function next;
    va_list arguments;

    va_start(arguments, request);
    pid_t process = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);

    if (!next)
        next = (ptrace_function)dlsym(RTLD_NEXT, "ptrace");
    if (request != PTRACE_SETREGSET || (uintptr_t)address != NOTE_X86_XSTATE)
        return next(request, process, address, data);

    const struct iovec *given = data;
    struct iovec whole = { state, sizeof state };
    if (next(PTRACE_GETREGSET, process, address, &whole) != 0 || whole.iov_len <= given->iov_len)
        return next(request, process, address, data);
    memcpy(state, given->iov_base, given->iov_len);
    if (given->iov_len >= XSTATE_BV + sizeof(uint64_t)) {
        uint64_t used;
        memcpy(&used, state + XSTATE_BV, sizeof used);
        used &= ~TILE_BITS;
        memcpy(state + XSTATE_BV, &used, sizeof used);
    }
    return next(request, process, address, &whole);
}
