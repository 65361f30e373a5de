#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| leanboard::fuzzing::parquet_file(bytes));
