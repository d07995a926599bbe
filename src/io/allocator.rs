//! The C library's allocator, told to give back what is freed.
#![allow(unsafe_code, reason = "there is no other way to tell it")]

/// Lets what is freed go back to the system, in blocks of 256 KiB or at the end of a heap. Otherwise glibc keeps, of each
/// thread, twice as much as the largest block that was ever freed, for a file that may never come:
/// <https://man7.org/linux/man-pages/man3/mallopt.3.html>. Other C libraries do without being told. For a whole process,
/// before it allocates much.
///
/// ```
/// denywatch::io::allocator::give_back();
/// ```
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, bytes) in [(libc::M_MMAP_THRESHOLD, 256 << 10), (libc::M_TRIM_THRESHOLD, 128 << 10)] {
        // SAFETY: no preconditions. Where it does not know the parameter all stays as it was.
        unsafe { libc::mallopt(parameter, bytes) };
    }
}
