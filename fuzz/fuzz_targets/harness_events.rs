#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| leanboard::fuzzing::harness_events(bytes));
