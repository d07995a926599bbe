//! The command line's entry; everything it does lives in `denywatch::cli`.
fn main() -> std::process::ExitCode {
    denywatch::cli::main()
}
