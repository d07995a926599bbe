//! Bytes of a log → records: the quick scan against reading all, and against plain serde_json.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| denywatch_fuzz::laws::read::record(bytes));
