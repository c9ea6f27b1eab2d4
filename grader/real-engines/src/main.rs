//! Prints which anomalies SQLite and PostgreSQL show, as a table in Markdown.
//!
//! ```text
//! real-engines                 the table
//! real-engines "write skew"    one scenario in full: what each engine did, as a story
//! ```

use real_engines::postgres::{LEVELS, Postgres};
use real_engines::sqlite::{Mode, Sqlite};
use real_engines::{Engine, run};
use testkit::history::play::Outcome;
use testkit::history::scenario::{SCENARIOS, Scenario};

fn main() -> Result<(), String> {
    let wanted = std::env::args().nth(1);
    let mut engines: Vec<Box<dyn Engine>> = Vec::new();
    for mode in Mode::ALL {
        engines.push(Box::new(Sqlite::new(mode)));
    }
    for level in LEVELS {
        match Postgres::new(level) {
            Ok(engine) => engines.push(Box::new(engine)),
            Err(why) => {
                eprintln!("PostgreSQL is left out: {why}");
                break;
            }
        }
    }
    match wanted {
        Some(name) => {
            let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
                let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
                format!("there is no scenario `{name}`; there are: {}", names.join(", "))
            })?;
            for engine in &mut engines {
                let outcome = run(engine.as_mut(), scenario)?;
                println!("## {}: {}\n", engine.name(), cell(scenario, &outcome));
                println!("{}\n\n{}", outcome.report.history(), outcome.report);
                for (session, why) in &outcome.refused {
                    println!("session {session} was refused: {why}");
                }
            }
        }
        None => table(&mut engines)?,
    }
    Ok(())
}

fn table(engines: &mut [Box<dyn Engine>]) -> Result<(), String> {
    let mut header = "| scenario | Hermitage |".to_string();
    let mut line = "| --- | --- |".to_string();
    for engine in engines.iter() {
        header += &format!(" {} |", engine.name());
        line += " --- |";
    }
    println!("{header}\n{line}");
    for scenario in SCENARIOS {
        let mut row = format!("| {} | {} |", scenario.name, scenario.hermitage);
        for engine in engines.iter_mut() {
            row += &format!(" {} |", cell(scenario, &run(engine.as_mut(), scenario)?));
        }
        println!("{row}");
    }
    Ok(())
}

/// What a run says: whether the anomaly is there, what else is, and what the engine did against it.
fn cell(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut text = if outcome.shows(scenario) { "yes" } else { "no" }.to_string();
    let others: Vec<&str> = outcome
        .report
        .anomalies()
        .into_iter()
        .filter(|anomaly| !scenario.shows.contains(anomaly))
        .map(|anomaly| anomaly.name())
        .collect();
    if !others.is_empty() {
        text += &format!(", also {}", others.join(", "));
    }
    match (outcome.waits, outcome.refused.len()) {
        (0, 0) => (),
        (0, _) => text += ": refused",
        (_, 0) => text += ": waits",
        (_, _) => text += ": waits, then refused",
    }
    text
}
