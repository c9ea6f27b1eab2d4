//! The arguments of a test binary. What libtest knows and this does not need is accepted and ignored, so
//! that `cargo test -- --nocapture` and mutation tools work.

pub(super) struct Args {
    pub(super) mode: Mode,
    pub(super) seed: Option<u64>,
    pub(super) filters: Vec<String>,
    pub(super) is_exact: bool,
    /// Stop at the first failure.
    pub(super) fail_fast: bool,
    /// Processor time of a test in seconds, where another limit than the usual is asked for.
    pub(super) cpu_seconds: Option<u64>,
}

pub(super) enum Mode {
    All,
    List,
    Exec(String),
}

impl Args {
    pub(super) fn parse(args: impl Iterator<Item = String>) -> Result<Args, String> {
        let mut out = Args {
            mode: Mode::All,
            seed: None,
            filters: Vec::new(),
            is_exact: false,
            fail_fast: false,
            cpu_seconds: None,
        };
        let mut args = args;
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--list" => out.mode = Mode::List,
                "--exec" => out.mode = Mode::Exec(args.next().ok_or("--exec needs the name of a test")?),
                "--seed" => out.seed = Some(parse_seed(&args.next().ok_or("--seed needs a number")?)?),
                "--exact" => out.is_exact = true,
                "--fail-fast" => out.fail_fast = true,
                "--cpu-seconds" => {
                    let seconds = args.next().and_then(|seconds| seconds.parse().ok());
                    out.cpu_seconds = Some(seconds.ok_or("--cpu-seconds needs a number")?);
                }
                "--json" | "--nocapture" | "--no-capture" | "--show-output" | "--quiet" | "-q" => {}
                "--test-threads" | "--format" | "--color" | "-Z" => {
                    args.next();
                }
                known if known.starts_with("--test-threads=") || known.starts_with("--format=") => {}
                known if known.starts_with("--color=") => {}
                unknown if unknown.starts_with('-') => return Err(format!("unknown option {unknown}")),
                filter => out.filters.push(filter.to_string()),
            }
        }
        Ok(out)
    }
}

/// A seed as people write it: decimal, or hexadecimal after `0x`.
pub(crate) fn parse_seed(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("{text} is not a seed: a decimal number or 0x and hexadecimal digits"))
}
