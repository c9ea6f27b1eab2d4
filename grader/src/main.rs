//! `cargo grade`: see the library.

fn main() -> std::process::ExitCode {
    grader::cmd::main()
}
