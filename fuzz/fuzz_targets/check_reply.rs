#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| moorline_cli::fuzzing::check_reply(input));
