//! The command line's door.

fn main() -> std::process::ExitCode {
    trimtab::cli::run()
}
