//! Which files the code of a task is in, for a failure that names no line.
//!
//! The holes are marked in the reference. A copy of the course without the reference knows only the task's
//! main file, which `lab.toml` names.

use std::collections::BTreeMap;

use crate::catalog::Lab;
use crate::stage::course_sources;

/// The files with holes of each task, below the lab's folder; the task's main file first.
pub fn files(lab: &Lab) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let Some(root) = lab.suite_dir.ancestors().nth(3) else { return found };
    let folder = root.join("solutions").join(&lab.id);
    for (path, bytes) in course_sources(&folder, "src").unwrap_or_default() {
        let text = String::from_utf8_lossy(&bytes);
        for task in lab.tasks.iter().filter(|task| has_hole(&text, &task.id)) {
            let files: &mut Vec<String> = found.entry(task.id.clone()).or_default();
            let path = path.to_string_lossy().into_owned();
            if path == task.file { files.insert(0, path) } else { files.push(path) }
        }
    }
    found
}

fn has_hole(text: &str, task: &str) -> bool {
    let mark = format!("//# task {task} ");
    text.lines().any(|line| line.trim_start().starts_with(&mark))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::catalog::Course;

    /// The channel's main file holds the interface; the code is in the files below it.
    #[test]
    fn a_task_in_several_files_names_them() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let course = Course::open(root).unwrap();
        let found = files(course.lab("1").unwrap());
        assert!(found["1.2"].contains(&"src/channel/buffered.rs".to_string()), "{found:?}");
        assert_eq!(found["1.1"], ["src/ring_queue.rs"]);
    }
}
