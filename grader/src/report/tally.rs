//! A task in a word and two counts.

use super::explain;
use crate::model::{LabReport, PerfVerdict, TaskEnd, TaskReport, TestReport};

/// The word in front of a task.
pub fn word(task: &TaskReport) -> &'static str {
    let noisy = |task: &TaskReport| task.perf.iter().any(|gate| gate.verdict == PerfVerdict::TooNoisy);
    match task.end() {
        None => "-",
        Some(TaskEnd::Passed) if noisy(task) => "ok?",
        Some(TaskEnd::Passed) => "ok",
        Some(TaskEnd::Todo) => "todo",
        Some(TaskEnd::Failed) if task.tests.iter().all(|test| test.outcome.is_pass()) => "SLOW",
        Some(TaskEnd::Failed) => "FAIL",
    }
}

/// Passed and all tests of a task, and gates where some were measured.
pub fn counts(task: &TaskReport) -> (String, String) {
    let passed = task.tests.iter().filter(|test| test.outcome.is_pass()).count();
    let measured = task.perf.iter().filter(|gate| !matches!(gate.verdict, PerfVerdict::NotRun(_))).count();
    let within = task.perf.iter().filter(|gate| gate.verdict == PerfVerdict::Pass).count();
    let gates = if measured == 0 { "-".to_string() } else { format!("{within}/{}", task.perf.len()) };
    (format!("{passed}/{}", task.tests.len()), gates)
}

/// The task's title; a bonus task says so.
pub fn title(task: &TaskReport) -> String {
    if task.is_bonus { format!("{} (bonus)", task.title) } else { task.title.clone() }
}

/// Whether the learner has passed the lab and left this bonus task out: that is no failure anywhere.
pub fn is_left_out(report: &LabReport, task: &TaskReport) -> bool {
    let is_open = |test: &TestReport| explain::is_hole(&test.outcome);
    task.is_bonus && report.passed() && !task.tests.is_empty() && task.tests.iter().all(is_open)
}

/// "85 of 100 points", and the points of bonus tasks where there are any.
pub fn points(report: &LabReport) -> String {
    let required = format!("{} of {} points", report.earned, report.max);
    match report.bonus {
        None => required,
        Some(bonus) if report.max == 0 => format!("{} of {} bonus points", bonus.earned, bonus.max),
        Some(bonus) => format!("{required} and {} of {} bonus points", bonus.earned, bonus.max),
    }
}

/// "1/3 tests, gates 1/2".
pub fn phrase(task: &TaskReport) -> String {
    match counts(task) {
        (tests, gates) if gates == "-" => format!("{tests} tests"),
        (tests, gates) => format!("{tests} tests, {gates} gates"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BuildReport, Points};
    use crate::paint::Paint;
    use crate::report::{gradescope, html, junit, samples, summary, terminal};

    /// A lab that passed, and a bonus task of 15 points whose tests all end as in the skeleton.
    fn with_open_bonus() -> LabReport {
        let mut report = samples::passed();
        let mut bonus = samples::skeleton().tasks.remove(0);
        bonus.id = "1.9".into();
        (bonus.is_bonus, bonus.points_earned, bonus.points_max) = (true, 0, 15);
        report.tasks.push(bonus);
        report.bonus = Some(Points::of(report.tasks.iter().filter(|task| task.is_bonus)));
        report
    }

    /// A learner who leaves the bonus out has passed the lab, and is shown no failure.
    #[test]
    fn a_lab_passes_without_its_bonus_task() {
        let mut report = with_open_bonus();
        assert!(report.passed() && explain::first(&report).is_none());
        let text = terminal::render(&report, &samples::context(), Paint::plain(), false);
        assert!(text.contains("and 0 of 15 bonus points"), "{text}");
        assert!(text.contains("(bonus)"), "{text}");
        report.tasks[0].passed = false;
        assert!(!report.passed(), "a required task counts");
    }

    /// Each report for another program or reader shows the bonus beside the points of the lab.
    #[test]
    fn every_report_shows_the_bonus_beside_the_points() {
        let report = with_open_bonus();
        let context = samples::context();
        let beside = format!("{} of {} points and 0 of 15 bonus points", report.earned, report.max);
        let page = html::render(&report, &context);
        let text = summary::render(&report, &context, summary::LIMIT);
        let suites = junit::render(&report, &context);
        for (name, text) in [("HTML", &page), ("summary", &text), ("JUnit", &suites)] {
            assert!(text.contains(&beside) && text.contains("(bonus)"), "{name}: {text}");
        }
        let text = gradescope::render(&report, &context);
        let results: serde_json::Value = serde_json::from_str(&text).expect("Gradescope reads JSON");
        assert_eq!(results["score"], report.earned, "the bonus adds nothing yet");
        assert!(results["output"].as_str().is_some_and(|output| output.contains(&beside)), "{text}");
        let mut done = report;
        let bonus = done.tasks.last_mut().expect("the bonus task");
        (bonus.passed, bonus.points_earned) = (true, 15);
        done.bonus = Some(Points { earned: 15, max: 15 });
        let text = gradescope::render(&done, &context);
        let results: serde_json::Value = serde_json::from_str(&text).expect("Gradescope reads JSON");
        assert_eq!(results["score"], done.earned + 15, "the bonus comes on top");
    }

    /// A bonus task that was left out is shown as no failure, nor as failed, by any report of a lab that
    /// passed.
    #[test]
    fn a_bonus_task_that_was_left_out_is_no_failure_in_any_report() {
        let mut report = with_open_bonus();
        let context = samples::context();
        assert!(is_left_out(&report, report.tasks.last().expect("the bonus task")));
        let suites = junit::render(&report, &context);
        assert!(!suites.contains("<failure") && suites.contains("<skipped/>"), "{suites}");
        assert!(!summary::render(&report, &context, summary::LIMIT).contains("<details"));
        let page = html::render(&report, &context);
        assert!(!page.contains("<section") && !page.contains("href"), "{page}");
        let text = gradescope::render(&report, &context);
        assert!(!text.contains("\"failed\""), "{text}");
        report.tasks[0].passed = false;
        assert!(
            !is_left_out(&report, report.tasks.last().expect("the bonus task")),
            "the lab has not passed"
        );
    }

    /// When only the bonus task was asked for, it decides.
    #[test]
    fn a_bonus_task_alone_must_pass() {
        let mut report = with_open_bonus();
        report.tasks.retain(|task| task.is_bonus);
        (report.earned, report.max) = (0, 0);
        assert!(matches!(report.build, BuildReport::Ok { .. }));
        assert!(!report.passed() && explain::first(&report).is_some());
        assert_eq!(points(&report), "0 of 15 bonus points");
    }

    /// Readers of the JSON see the bonus only where there is one.
    #[test]
    fn the_json_has_a_bonus_where_there_is_one() {
        let json = |report: &LabReport| serde_json::to_value(report).expect("a report is JSON");
        let with = json(&with_open_bonus());
        assert_eq!(with["bonus"], serde_json::json!({ "earned": 0, "max": 15 }));
        let tasks = with["tasks"].as_array().expect("tasks");
        assert_eq!(tasks.last().expect("the bonus task")["bonus"], true);
        assert!(json(&samples::passed()).get("bonus").is_none());
    }
}
