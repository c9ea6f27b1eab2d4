//! What the program asks of PostgreSQL. A script stands in for `psql`: it notes its arguments and what it is
//! sent, and says that each statement succeeded.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use tempfile::TempDir;

const PSQL: &str = r#"#!/bin/sh
printf "%s\n" "$*" > "$NOTES/$$.arguments"
while read -r line; do
    printf "%s\n" "$line" >> "$NOTES/$$.statements"
    case "$line" in
        "SHOW server_version;") echo 15.0 ;;
        "SELECT pg_backend_pid();") echo 1 ;;
        "SELECT cardinality"*) echo 0 ;;
        '\echo '*) echo "statement-ended 00000" ;;
    esac
done
"#;

/// The contents of the notes whose name has this ending.
fn notes(folder: &TempDir, ending: &str) -> Vec<String> {
    let paths = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

/// The user's database may hold a table of the same name, and psql may want a password that nobody types.
#[test]
fn each_session_uses_only_the_programs_own_schema_and_asks_for_no_password() {
    let (programs, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let psql = programs.path().join("psql");
    fs::write(&psql, PSQL).unwrap();
    fs::set_permissions(&psql, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_real-engines"))
        .arg("dirty write")
        .env("PATH", format!("{}:/usr/bin:/bin", programs.path().display()))
        .env("NOTES", folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sessions = notes(&folder, "statements");
    assert!(sessions.len() >= 9, "three levels have a monitor and two sessions each, not {}", sessions.len());
    for session in sessions {
        let before = session.split("SET search_path = database_labs_isolation;\n").next().unwrap();
        assert!(before.len() < session.len(), "no schema is set: {session}");
        assert!(!before.contains("test"), "a table is used before the schema is set: {before}");
    }
    for arguments in notes(&folder, "arguments") {
        assert!(arguments.split_whitespace().any(|argument| argument == "-w"), "{arguments}");
    }
}
