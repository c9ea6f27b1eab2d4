//! Gates: what they measure on correct designs and on mistakes, and how far both are from the limit.
//!
//! ```text
//!      correct designs            limit              mistakes
//!   ----o--o-----o-----------------|-------------------o--------o---->  learner's time / reference's time
//!             slowest  <-- 1.5 --> | <-- 1.5 -->    fastest
//! ```
//!
//! A ratio depends on the processor, and nobody has seen every processor. So a timed gate needs room on both
//! sides of its limit ([`MARGIN`]): else a correct design loses it on another machine, or a mistake passes it
//! there. A count is the same everywhere and needs none.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::found::{Found, build_error};
use super::lane::Lane;
use crate::catalog::{Lab, PerfGate};
use crate::model::{GateKind, LabReport, PerfReport, PerfVerdict};
use crate::paint::plural;
use crate::report::explain;
use crate::request::{Request, Rounds, Selection, Sources};
use grader_protocol::Value;

/// Smallest factor between the limit of a timed gate and what is nearest to it on each side.
pub(super) const MARGIN: f64 = 1.5;

/// What stands for "beyond measure": a mutant whose workload ends with an error.
const BEYOND: f64 = 1e6;

/// What was measured, each gate once.
pub(super) struct Measured {
    build_error: Option<String>,
    gates: Vec<PerfReport>,
}

impl Lane<'_> {
    /// Measures `gates` of `source`: a quick look at each, and a full one where that leaves the verdict open.
    pub(super) fn measured(&mut self, lab: &Lab, sources: Sources, gates: &[String]) -> Result<Measured> {
        let request = |gates: &[String], rounds: Rounds| {
            Request::new(lab, sources.clone()).selecting(Selection::Gates(gates.to_vec(), rounds))
        };
        let report = self.grade(request(gates, Rounds::Quick))?;
        let mut measured = Measured { build_error: build_error(&report), gates: reports(report, gates) };
        let open = measured.gates.iter().filter(|gate| gate.verdict == PerfVerdict::TooNoisy);
        let open: Vec<String> = open.map(|gate| gate.id.clone()).collect();
        if !open.is_empty() {
            measured.gates.retain(|gate| !open.contains(&gate.id));
            measured.gates.extend(reports(self.grade(request(&open, Rounds::Full))?, &open));
        }
        Ok(measured)
    }
}

fn reports(report: LabReport, gates: &[String]) -> Vec<PerfReport> {
    let reports = report.tasks.into_iter().flat_map(|task| task.perf);
    reports.filter(|gate| gates.contains(&gate.id)).collect()
}

impl Measured {
    /// What the step found, `problem` saying what is wrong with a gate.
    pub(super) fn found(&self, problem: impl Fn(&PerfReport) -> Option<String>) -> Found {
        if let Some(error) = &self.build_error {
            let problems = vec![format!("does not compile: {error}")];
            return Found { says: "no gate measured".into(), problems, ..Found::default() };
        }
        let problems = self.gates.iter().filter_map(problem).collect();
        let figures: BTreeMap<String, f64> = self.gates.iter().filter_map(ratio).collect();
        let count = plural(self.gates.iter().filter(|gate| gate.value.is_some()).count(), "gate");
        let list: Vec<String> = figures.iter().map(|(gate, ratio)| format!("{gate} {ratio:.2}")).collect();
        let says = if list.is_empty() { count } else { format!("{count}: {}", list.join(", ")) };
        Found { says, problems, figures }
    }
}

/// The ratio of a timed gate, to two decimals.
fn ratio(gate: &PerfReport) -> Option<(String, f64)> {
    let ratio = match (gate.kind, gate.value.as_ref()?) {
        (GateKind::Ratio, Value::Ratio { median, .. }) => (median * 100.0).round() / 100.0,
        (GateKind::Ratio, Value::Broken { .. }) => BEYOND,
        _ => return None,
    };
    Some((gate.id.clone(), ratio.min(BEYOND)))
}

/// A problem when a correct design is past the limit. A busy machine may leave that open, which is nobody's
/// fault.
pub(super) fn gate_lost(gate: &PerfReport) -> Option<String> {
    match &gate.verdict {
        PerfVerdict::Fail => {
            Some(format!("gate {}: {}, at most {}", gate.id, figure(gate), explain::limit(gate)))
        }
        PerfVerdict::Broken(why) | PerfVerdict::NotRun(why) => Some(format!("gate {}: {why}", gate.id)),
        PerfVerdict::Pass | PerfVerdict::TooNoisy => None,
    }
}

/// A problem unless the gate failed beyond doubt.
pub(super) fn gate_survived(gate: &PerfReport) -> Option<String> {
    match &gate.verdict {
        PerfVerdict::Fail | PerfVerdict::Broken(_) => None,
        PerfVerdict::Pass | PerfVerdict::TooNoisy => {
            let limit = explain::limit(gate);
            Some(format!("gate {} does not catch it: {}, at most {limit}", gate.id, figure(gate)))
        }
        PerfVerdict::NotRun(why) => Some(format!("gate {} was not measured: {why}", gate.id)),
    }
}

fn figure(gate: &PerfReport) -> String {
    gate.value.as_ref().map(explain::figure).unwrap_or_default()
}

/// Which side of the limit a figure has to be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Correct,
    Mistake,
}

/// The figures nearest to the limit of each gate, with the steps that measured them.
#[derive(Debug, Default)]
pub(super) struct Nearest {
    slowest: BTreeMap<String, (f64, String)>,
    fastest: BTreeMap<String, (f64, String)>,
}

impl Nearest {
    /// Of the figures of steps.
    pub(super) fn of<'a>(steps: impl Iterator<Item = (&'a str, &'a BTreeMap<String, f64>)>) -> Self {
        let mut nearest = Self::default();
        steps.for_each(|(step, figures)| nearest.take(step, figures));
        nearest
    }

    /// Takes the figures that the step called `step` measured.
    pub(super) fn take(&mut self, step: &str, figures: &BTreeMap<String, f64>) {
        let side = if step.starts_with("mutant ") { Side::Mistake } else { Side::Correct };
        for (gate, &figure) in figures {
            let (known, is_nearer): (_, fn(f64, f64) -> bool) = match side {
                Side::Correct => (&mut self.slowest, |new, old| new > old),
                Side::Mistake => (&mut self.fastest, |new, old| new < old),
            };
            if known.get(gate).is_none_or(|(old, _)| is_nearer(figure, *old)) {
                known.insert(gate.clone(), (figure, step.trim_end_matches(", gates").to_owned()));
            }
        }
    }

    /// For each timed gate of the lab its name and how near the figures are. `named` are the gates that some
    /// mutant names; another gate is a problem, because nothing shows that it catches a mistake. A side
    /// without a figure is left out.
    pub(super) fn margins(&self, lab: &Lab, named: &BTreeSet<String>) -> Vec<(String, Found)> {
        let timed = lab.perf.iter().filter(|gate| gate.kind == GateKind::Ratio);
        let margin = |gate: &PerfGate| {
            let mut found = self.margin(&gate.id, gate.max);
            if !named.contains(&gate.id) {
                let problem = format!("it is timed and no mutant has \"perf:{}\" in caught_by", gate.id);
                found.problems.push(problem);
            }
            (format!("margin {}", gate.id), found)
        };
        timed.map(margin).collect()
    }

    fn margin(&self, gate: &str, max: f64) -> Found {
        let mut found = Found { says: format!("limit {}", explain::number(max)), ..Found::default() };
        let sides = [
            ("slowest correct", self.slowest.get(gate), "below"),
            ("fastest mistake", self.fastest.get(gate), "above"),
        ];
        for (what, nearest, where_) in sides {
            let Some((figure, step)) = nearest else { continue };
            let factor = if where_ == "below" { max / figure } else { figure / max };
            let text = format!("{what} {figure:.2} ({step}), {factor:.1} times {where_}");
            if factor < MARGIN {
                found
                    .problems
                    .push(format!("{text}; {MARGIN} are needed, as other machines measure other ratios"));
            }
            found.says.push_str(&format!("; {text}"));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(ratio: f64) -> BTreeMap<String, f64> {
        [("hit".to_owned(), ratio)].into()
    }

    /// The nearest figure on each side counts, whichever step measured it.
    #[test]
    fn a_margin_is_taken_from_the_slowest_design_and_the_fastest_mistake() {
        let mut nearest = Nearest::default();
        nearest.take("gates", &figures(1.0));
        nearest.take("variant list, gates", &figures(3.0));
        nearest.take("mutant search, gates", &figures(40.0));
        nearest.take("mutant copy, gates", &figures(16.0));
        let found = nearest.margin("hit", 6.0);
        assert_eq!(found.problems, Vec::<String>::new());
        assert!(found.says.contains("3.00 (variant list), 2.0 times below"), "{}", found.says);
        assert!(found.says.contains("16.00 (mutant copy), 2.7 times above"), "{}", found.says);
    }

    /// A limit that is too near to one side holds on one machine only.
    #[test]
    fn a_margin_below_the_factor_is_a_problem() {
        let mut nearest = Nearest::default();
        nearest.take("variant list, gates", &figures(3.0));
        nearest.take("mutant copy, gates", &figures(6.0));
        assert!(nearest.margin("hit", 4.0).problems[0].starts_with("slowest correct 3.00"));
        assert!(nearest.margin("hit", 5.0).problems[0].starts_with("fastest mistake 6.00"));
        assert_eq!(nearest.margin("miss", 5.0).problems, Vec::<String>::new());
    }
}
