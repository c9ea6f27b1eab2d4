//! The report as JSON, for programs. The format is described in `grader/README.md`; a change that could
//! break a reader raises [`VERSION`].

use serde::Serialize;

use crate::model::LabReport;

/// Version of the format.
pub const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    passed: bool,
    #[serde(flatten)]
    report: &'a LabReport,
}

/// Renders the report.
pub fn render(report: &LabReport) -> String {
    let document = Document { version: VERSION, passed: report.passed(), report };
    let text = serde_json::to_string_pretty(&document);
    let mut text = text.expect("a report holds nothing that JSON cannot say");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use crate::report::samples;

    /// Names and shapes are a promise to other programs.
    #[test]
    fn the_format_is_as_kept() {
        samples::golden("mixed.json", &super::render(&samples::mixed()));
        samples::golden("slow.json", &super::render(&samples::slow()));
    }
}
