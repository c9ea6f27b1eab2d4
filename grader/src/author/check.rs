//! The author's check: proves that the parts of a lab agree.
//!
//! Called by `cargo grade author check`. Calls [`crate::grade`] for whatever only running can prove.
//!
//! ```text
//!   text       excerpts and links; style; labs/ is generated, lab.toml, headings, marks,
//!              workloads, task modules stand alone, patches fit    reads only
//!   reference  in the learner's place it passes every test
//!   skeleton   compiles without a warning, every test fails at once
//!   stubs      one task a hole: its own tests fail, no earlier task's does
//!   ladder     with a learner's lab at the bottom and the reference's between: every test passes
//!   variants   another correct design: every test and gate passes
//!   mutants    a known mistake: every test and gate that it names fails
//!   gates      the reference passes them, and each limit is far from what is measured on both sides
//! ```
//!
//! Every step collects its problems; none stops the check, so that one run shows all problems. Stubs,
//! mutants, variants and the stack run side by side (`lane.rs`); what is timed runs alone, after them. What
//! was proven is kept in a record (`record.rs`), so that a change runs again what it may have broken, and a
//! sample of the rest (`ledger.rs`).

mod base;
mod book;
mod found;
mod gates;
mod keys;
mod ladder;
mod lane;
mod ledger;
mod patches;
mod record;
mod runs;
mod style;
mod text;

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Result;
use base::Base;
use found::Found;
use gates::Nearest;
use lane::{Ended, Lane, Listener as _, Room, Step};
use ledger::Ledger;

use super::generate::{Generator, Plan};
use crate::catalog::{Course, Lab};
use crate::live::Live;
use crate::model::TestReport;
use crate::observer::Observer;
use crate::paint::{Paint, pad, plural};

/// A part of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// What reading alone can tell.
    Text,
    /// The reference passes.
    Reference,
    /// The skeleton is red at once.
    Skeleton,
    /// Each task's tests need that task.
    Stubs,
    /// Known mistakes are caught.
    Mutants,
    /// Other correct designs pass.
    Variants,
    /// A learner's labs fit below and above the reference's.
    Ladder,
    /// Gates are far from correct designs and from mistakes; measures those of the reference, variants and
    /// mutants.
    Gates,
}

/// Which steps run, of those that the options do not leave out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    /// Every one, whatever the record says.
    #[default]
    All,
    /// The gate: the record has to prove each, and what changed since the base runs again, and a sample of
    /// the rest.
    Gate {
        /// The base; by default a commit that is some hours older than HEAD.
        since: Option<String>,
        /// Chooses the sample; by default the commit that is checked does.
        seed: Option<u64>,
    },
    /// Those that the record does not prove; what they prove is entered.
    Record {
        /// Also those that were proven before something below the lab changed.
        is_all: bool,
    },
}

/// What to check.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which steps run.
    pub scope: Scope,
    /// Only this lab.
    pub lab: Option<String>,
    /// Only these parts; all when empty.
    pub only: Vec<Part>,
    /// Only mutants and variants of this name.
    pub mutant: Option<String>,
    /// The seed of every test. A mistake that only some seeds find is caught by luck.
    pub test_seed: Option<u64>,
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        let patches = matches!(part, Part::Mutants | Part::Variants);
        (self.only.is_empty() || self.only.contains(&part)) && (self.mutant.is_none() || patches)
    }

    /// Whether the step was asked for: by its part, or because it measures and the gates were asked for.
    fn wants_step(&self, step: &Step<'_>) -> bool {
        let measures = step.room == Room::Measures && self.only.contains(&Part::Gates);
        let is_named = self.mutant.is_none() || step.patch_name() == self.mutant;
        (self.wants(step.part) || measures) && is_named
    }

    /// Whether all that measures was asked for.
    fn wants_margins(&self) -> bool {
        self.wants(Part::Gates) && self.mutant.is_none()
    }

    /// Whether anything that only running can prove was asked for.
    fn wants_steps(&self) -> bool {
        self.only != [Part::Text]
    }
}

/// A running check.
struct Check<'a> {
    course: &'a Course,
    options: &'a Options,
    paint: Paint,
    live: Live,
    steps: usize,
    problems: Vec<String>,
    /// What the gate compares with.
    base: Option<Base>,
    /// What was measured in the lab at hand.
    nearest: Nearest,
    /// Takes in what the steps of the lab at hand prove, where that is recorded.
    ledger: Option<Ledger<'a>>,
}

/// Runs the check and prints it line by line; true when there is no problem.
pub fn run(course: &Course, options: &Options, paint: Paint) -> Result<bool> {
    let labs: Vec<&Lab> = match &options.lab {
        Some(key) => vec![course.lab(key)?],
        None => course.labs.iter().collect(),
    };
    let start = Instant::now();
    let mut check = Check {
        course,
        options,
        paint,
        live: Live::new(),
        steps: 0,
        problems: Vec::new(),
        base: None,
        nearest: Nearest::default(),
        ledger: None,
    };
    if let Scope::Gate { since, seed } = &options.scope {
        let base = Base::of(&course.root, since.as_deref(), *seed);
        println!("{}", paint.strong("What runs"));
        println!("  again: {}", base.says);
        println!("  of the rest a sample, as with --seed {}", base.seed);
        println!();
        check.base = Some(base);
    }
    if options.lab.is_none() && options.wants(Part::Text) {
        println!("{}", paint.strong("The documents"));
        check.step("text documents", |lane| book::documents(lane.course));
        check.step("text lists", |lane| text::lists(lane.course));
        check.step("text style", |lane| style::style(lane.course));
        println!();
    }
    for lab in labs {
        println!("{}", paint.strong(&format!("Lab {}: {}", lab.number, lab.title)));
        check.lab(lab);
        println!();
    }
    Ok(check.summary(start))
}

impl<'a> Check<'a> {
    fn lab(&mut self, lab: &'a Lab) {
        if self.options.wants(Part::Text) {
            self.text(lab);
        }
        if self.options.wants(Part::Reference) {
            self.step("still to write", |lane| text::still_to_write(lane.course, lab));
        }
        if self.options.wants(Part::Mutants) && self.options.mutant.is_none() {
            self.step("mutants", |_| Ok(patches::count(lab)));
        }
        if self.options.wants_steps() {
            self.nearest = Nearest::default();
            let all = self.all_steps(lab);
            if let Err(error) = self.prove(lab, all) {
                self.step("record", |_| Err(error));
            }
        }
    }

    /// Runs those steps of `all` that the scope and the options want, then compares the margins of the gates.
    fn prove(&mut self, lab: &'a Lab, all: Vec<Step<'a>>) -> Result<()> {
        let course = self.course;
        let names: BTreeSet<String> = all.iter().map(|step| step.name.clone()).collect();
        let mut steps = all;
        steps.retain(|step| self.options.wants_step(step));
        match &self.options.scope {
            Scope::All => lane::run_all(course, &steps, self.options.test_seed, self),
            Scope::Gate { .. } => {
                let ledger = Ledger::open(course, lab, &steps)?;
                let base = self.base.as_ref().expect("the gate has a base");
                let picked = ledger.picked(&steps, base);
                steps.retain(|step| picked.contains(&step.name));
                self.step("record", |_| Ok(ledger.problems(&names)));
                lane::run_all(course, &steps, None, self);
                self.nearest = Nearest::of(ledger.ratios());
            }
            Scope::Record { is_all } => {
                let mut ledger = Ledger::open(course, lab, &steps)?;
                ledger.drop_unknown(&names)?;
                steps.retain(|step| ledger.is_due(&step.name, *is_all));
                self.ledger = Some(ledger);
                lane::run_all(course, &steps, None, self);
                let ledger = self.ledger.take().expect("it was put there");
                self.nearest = Nearest::of(ledger.ratios());
                self.step("record", |_| Ok(ledger.problems(&names)));
            }
        }
        if self.options.wants_margins() {
            let named = patches::gates_with_a_mutant(lab);
            for (name, found) in std::mem::take(&mut self.nearest).margins(lab, &named) {
                self.step(&name, |_| Ok(found));
            }
        }
        Ok(())
    }

    /// What reading alone can tell of a lab.
    fn text(&mut self, lab: &Lab) {
        self.step("text", |lane| text::generated(lane.course, lab));
        self.step("text lab.toml", |_| Ok(text::catalog(lab)));
        self.step("text marks", |lane| text::marks(lane.course, lab));
        self.step("text handout", |lane| text::handout(lane.course, lab));
        self.step("text workloads", |_| text::workloads(lab));
        self.step("text task modules", |_| text::task_modules(lab));
        self.step("text patches", |lane| Ok(patches::fit(lane.course, lab)));
    }

    /// Every step of `lab`.
    fn all_steps(&self, lab: &'a Lab) -> Vec<Step<'a>> {
        let mut steps = runs::steps(lab);
        // The long steps first, so that the many short ones fill the lanes to the end.
        steps.extend(ladder::steps(self.course, lab));
        for kind in [patches::Kind::Variant, patches::Kind::Mutant] {
            steps.extend(patches::steps(self.course, lab, kind));
        }
        steps
    }

    /// Runs one step and prints its line.
    fn step(&mut self, name: &str, work: impl FnOnce(&mut Lane<'_>) -> Result<Found>) {
        let ended = lane::timed(&mut Lane::alone(self.course, self.options.test_seed, &mut self.live), work);
        self.ended(name, ended);
    }

    fn summary(&self, start: Instant) -> bool {
        let seconds = start.elapsed().as_secs_f64();
        let steps = plural(self.steps, "step");
        if self.steps == 0 {
            println!("{}", self.paint.bad("nothing was checked: no step of that name"));
            return false;
        }
        if self.problems.is_empty() {
            println!("{}", self.paint.good(&format!("all is well: {steps} in {seconds:.0} s")));
            return true;
        }
        let count = plural(self.problems.len(), "problem");
        println!("{}", self.paint.bad(&format!("{count} in {steps}, {seconds:.0} s")));
        for problem in &self.problems {
            println!("  {}", problem.lines().next().unwrap_or_default());
        }
        false
    }
}

impl Observer for Check<'_> {
    fn say(&mut self, line: &str) {
        self.live.say(line);
    }

    fn wait(&mut self, line: &str) {
        self.live.wait(line);
    }

    fn tests(&mut self, count: usize) {
        self.live.tests(count);
    }

    fn test_done(&mut self, test: &TestReport) {
        self.live.test_done(test);
    }
}

impl lane::Listener for Check<'_> {
    /// Prints the line of a step. An error is a problem like any other.
    fn ended(&mut self, name: &str, ended: Ended) {
        let found = ended.found.unwrap_or_else(|error| Found {
            says: "could not be checked".into(),
            problems: vec![format!("{error:#}")],
            ..Found::default()
        });
        self.nearest.take(name, &found.figures);
        let found = self.recorded(name, found);
        self.live.clear();
        self.steps += 1;
        let word = if found.problems.is_empty() { self.paint.good("ok  ") } else { self.paint.bad("FAIL") };
        let seconds = format!("{:>6.1} s", ended.took.as_secs_f64());
        println!("  {word}  {seconds}  {}  {}", pad(name, 44), found.says);
        for problem in found.problems {
            for (index, line) in problem.lines().enumerate() {
                println!("        {}{line}", if index == 0 { "" } else { "  " });
            }
            self.problems.push(format!("{name}: {problem}"));
        }
    }
}

impl Check<'_> {
    /// Enters what a step proved, where that is recorded.
    fn recorded(&mut self, name: &str, mut found: Found) -> Found {
        if let Some(ledger) = &mut self.ledger
            && found.problems.is_empty()
            && let Err(error) = ledger.enter(name, &found.figures)
        {
            found.problems.push(format!("{error:#}"));
        }
        found
    }
}

/// The generator for one lab, with the task ids of its catalogue.
fn plan(course: &Course, lab: &Lab) -> Result<(Plan, Vec<String>)> {
    let only = [lab.id.clone()];
    let tasks = lab.tasks.iter().map(|task| task.id.clone()).collect();
    let generator = Generator { root: &course.root, only: &only, tasks: [(lab.id.clone(), tasks)].into() };
    let plan = generator.plan()?;
    let mut stale = Vec::new();
    if let Some((first, _)) = plan.changes.first_key_value() {
        let list: Vec<String> = plan.changes.keys().map(|path| format!("labs/{}", path.display())).collect();
        stale.push(format!(
            "not generated: {}; run: cargo grade author generate\n{}",
            list.join(", "),
            generator.diff(&plan, first)
        ));
    }
    Ok((plan, stale))
}
