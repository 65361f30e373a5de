#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| leanboard::fuzzing::npz_file(bytes));
