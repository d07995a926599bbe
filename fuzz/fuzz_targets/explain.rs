//! The whole line: whatever is pasted, what comes out keeps every law of an answer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    denywatch_fuzz::laws::answer::explained(bytes);
});
