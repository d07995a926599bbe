//! One gzip member at a time by libdeflate, checksum tested: twice as fast as a stream, for what fits into memory.
#![allow(unsafe_code, reason = "libdeflate is a C library; its safe wrappers do not tell where a member ends")]

use libdeflate_sys as c;
use std::ptr::NonNull;

/// Room tried beyond what is there, at most, before the stream takes over.
const LARGEST: usize = 64 << 20;
/// The best that DEFLATE does: <https://zlib.net/zlib_tech.html>.
const BEST_RATIO: usize = 1032;

/// A decompressor; making one costs more than a small file.
pub(super) struct Inflater(NonNull<c::libdeflate_decompressor>);

// SAFETY: it is plain memory of the library's own, used by one owner at a time.
unsafe impl Send for Inflater {}

impl Inflater {
    /// `None` when there is no memory.
    pub(super) fn new() -> Option<Self> {
        // SAFETY: no preconditions.
        NonNull::new(unsafe { c::libdeflate_alloc_decompressor() }).map(Self)
    }

    /// Inflates the gzip member at the beginning of `bytes` behind what is in `out`, and returns how many bytes it took.
    /// `None`, with `out` as it was, when it is damaged, cut, or gives more than `room` bytes: a stream tells which.
    pub(super) fn member(&mut self, bytes: &[u8], room: usize, out: &mut Vec<u8>) -> Option<usize> {
        let most = room.min(bytes.len().saturating_mul(BEST_RATIO)).min(LARGEST);
        // Whoever wrote the file wrote the size at its end: a hint and no more.
        let told = bytes.last_chunk::<4>().map_or(0, |size| u32::from_le_bytes(*size) as usize);
        let mut want = told.clamp(1, most.max(1));
        loop {
            // What stands alone needs no room to grow.
            if out.is_empty() {
                out.reserve_exact(want)
            } else {
                out.reserve(want)
            }
            let (taken, result) = self.once(bytes, want.max((out.capacity() - out.len()).min(most)), out);
            match result {
                c::libdeflate_result_LIBDEFLATE_SUCCESS => return Some(taken),
                c::libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE if want < most => {
                    want = want.saturating_mul(4).clamp(64 << 10, most.max(64 << 10)).min(most);
                }
                _ => return None,
            }
        }
    }

    /// At most `space` bytes, which `out` has room for.
    fn once(&mut self, bytes: &[u8], space: usize, out: &mut Vec<u8>) -> (usize, c::libdeflate_result) {
        let free = out.spare_capacity_mut();
        let space = space.min(free.len());
        let (mut taken, mut made) = (0, 0);
        // SAFETY: the decompressor lives as long as `self`; the library reads `bytes.len()` bytes and writes at most
        // `space` of those that are free.
        let result = unsafe {
            c::libdeflate_gzip_decompress_ex(
                self.0.as_ptr(),
                bytes.as_ptr().cast(),
                bytes.len(),
                free.as_mut_ptr().cast(),
                space,
                &raw mut taken,
                &raw mut made,
            )
        };
        if result == c::libdeflate_result_LIBDEFLATE_SUCCESS {
            // SAFETY: so many bytes behind the old end were written.
            unsafe { out.set_len(out.len() + made.min(space)) };
        }
        (taken, result)
    }
}

/// The checksum that gzip keeps (CRC-32).
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    // SAFETY: the library reads so many bytes.
    unsafe { c::libdeflate_crc32(0, bytes.as_ptr().cast(), bytes.len()) }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: it was allocated by this library and is freed once.
        unsafe { c::libdeflate_free_decompressor(self.0.as_ptr()) };
    }
}
