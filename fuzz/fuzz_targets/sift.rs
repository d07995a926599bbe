//! Bytes of a log → the records that may be denied: every instruction set against the others and against reading all.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| denywatch_fuzz::laws::read::sifted(bytes));
