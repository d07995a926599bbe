//! What DEFLATE may have packed → plain bytes: two files at a time against one by one.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|packed: &[u8]| denywatch_fuzz::laws::gzip::gzip(packed));
