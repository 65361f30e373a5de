use std::process::ExitCode;

fn main() -> ExitCode {
    leanboard::cli::main()
}
