//! Resources → policy text: a stranger's name stays a literal. The first line is the resource, the second another one.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (resource, other) = text.split_once('\n').unwrap_or((text, ""));
    denywatch_fuzz::laws::language::scoped(resource, other);
});
