// SPDX-License-Identifier: MIT OR Apache-2.0
//! Returns the memory that reading a configuration took.

/// Gives free pages of the heap back to the kernel, where the C library is glibc, which keeps them.
///
/// A file becomes a tree many times the size of what stays of it. Each heap is locked while it is
/// searched, so this is called before the virtual routers run.
pub(super) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "no crate offers malloc_trim")]
    // SAFETY: it is given no pointer, takes the allocator's own locks, and touches free memory only.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
