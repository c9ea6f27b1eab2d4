//! Checks a history that is given in the notation of `testkit::history`, and draws it.
//!
//! ```text
//! cargo run -p testkit --example history -- "start(x=50, y=50) r1(x=50) r2(y=50) w1(y=0) w2(x=0) c1 c2"
//! cargo run -p testkit --example history -- "start(x=50) r1(x=50) ..." drawing.svg
//! ```
//!
//! It prints each anomaly as a story. The drawing is of the first one, or of the whole history if there is
//! none.

use std::process::ExitCode;

use testkit::history::{History, Order};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let text = arguments.next().ok_or(
        "give a history, for example \"start(x=1) r1(x=1) w2(x=2) c2 r1(x=2) c1\", and the name of an SVG file if \
         you want a drawing",
    )?;
    let history: History = text.parse().map_err(|error| format!("this is no history: {error}"))?;
    let report = history.check(&Order::Writes).map_err(|error| error.to_string())?;
    print!("{report}");
    if let Some(path) = arguments.next() {
        let drawing = match report.findings().first() {
            Some(finding) => report.svg(finding),
            None => history.svg(),
        };
        std::fs::write(&path, drawing).map_err(|error| format!("{path} cannot be written: {error}"))?;
    }
    Ok(())
}
