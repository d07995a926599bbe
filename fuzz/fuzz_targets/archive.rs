//! What S3 lists and tells of → log files: a page of a list, a key, a notification.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| denywatch_fuzz::laws::archive::archive(text));
