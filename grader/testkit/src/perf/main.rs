//! The `main` of a perf binary, for the grader and by hand.
//!
//! ```text
//!   perf                         a table, all workloads
//!   perf FILTER...               those whose id contains one of them
//!   perf --list                  the ids, one a line
//!   perf --exec ID               one, for the grader: order and report on standard input, a socket
//!   perf ... --gate ID=MAX       the largest ratio allowed; more pairs are measured near it
//!   perf ... --quick             fewer and shorter pairs
//! ```

use grader_protocol::{Measurement, Outcome, Value};

use super::{Config, Workload, measure};

struct Args {
    is_graded: bool,
    is_listing: bool,
    config: Config,
    filters: Vec<String>,
}

/// Measures and reports; ends the process. Exit code 0 if it could measure, 2 if not; whether a gate holds
/// is not decided here.
pub fn main(
    learner: impl FnOnce() -> Vec<Workload> + Send + 'static,
    reference: impl FnOnce() -> Vec<Workload> + Send + 'static,
) -> ! {
    let mut args = match parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("{message}");
            std::process::exit(2);
        }
    };
    crate::alloc::count_only_on_demand();
    if args.is_graded && crate::harness::has_socket() {
        let work = move || (Outcome::Pass, measure(learner(), reference(), &args.config));
        std::process::exit(crate::harness::graded("perf", work));
    }
    let learner = learner();
    if args.is_listing {
        learner.iter().for_each(|workload| println!("{}", workload.id()));
        std::process::exit(0);
    }
    if !args.filters.is_empty() {
        let ids = learner.iter().map(|workload| workload.id().to_string());
        args.config.only = ids.filter(|id| args.filters.iter().any(|filter| id.contains(filter))).collect();
    }
    print_table(&measure(learner, reference(), &args.config));
    std::process::exit(0)
}

fn parse(args: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut out =
        Args { is_graded: false, is_listing: false, config: Config::default(), filters: Vec::new() };
    let mut args = args;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--exec" => {
                out.is_graded = true;
                out.config.only.push(args.next().ok_or("--exec needs the id of a workload")?);
            }
            "--list" => out.is_listing = true,
            "--quick" => {
                out.config.pairs = 7;
                out.config.max_doubling = 3;
                out.config.min_round_ns = 2e6;
            }
            "--gate" => {
                let gate = args.next().ok_or("--gate needs ID=MAX")?;
                let (id, max) = gate.split_once('=').ok_or("--gate needs ID=MAX")?;
                let max = max.parse().map_err(|_| format!("{max} is not a ratio"))?;
                out.config.gates.push((id.to_string(), max));
            }
            unknown if unknown.starts_with('-') => return Err(format!("unknown option {unknown}")),
            filter => out.filters.push(filter.to_string()),
        }
    }
    Ok(out)
}

fn print_table(measurements: &[Measurement]) {
    let mut rows =
        vec![["workload", "learner", "reference", "ratio", "95 %", "pairs"].map(str::to_string).to_vec()];
    for Measurement { id, value } in measurements {
        rows.push(match value {
            Value::Count { learner, reference } => {
                let ratio = format!("{:.2}", learner / reference);
                vec![
                    id.clone(),
                    learner.to_string(),
                    reference.to_string(),
                    ratio,
                    "exact".to_string(),
                    String::new(),
                ]
            }
            Value::Ratio { median, low, high, pairs, learner_ns, reference_ns } => vec![
                id.clone(),
                super::compare::duration(*learner_ns),
                super::compare::duration(*reference_ns),
                format!("{median:.2}"),
                format!("{low:.2} to {high:.2}"),
                pairs.to_string(),
            ],
            Value::Broken { failure } => vec![id.clone(), format!("broken: {}", failure.what)],
        });
    }
    print!("{}", super::compare::aligned(&rows));
}
