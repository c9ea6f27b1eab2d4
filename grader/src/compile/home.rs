//! Cargo's home folder and environment for a build, so that nobody's settings change a verdict.
//!
//! A `config.toml` in cargo's home folder applies to every build: `panic = "abort"` breaks the tests,
//! `overflow-checks = false` hides an overflow, a `target` that is not installed fails everything. Where
//! there is one, cargo gets a home folder of the grader's own:
//!
//! ```text
//!   <work>/home/.cargo/registry, git    links to the user's
//!   <work>/home/.cargo/config.toml      of the user's: where packages come from, and the linker
//! ```
//!
//! The compiler gets a named environment, because `option_env!` puts any variable that it has into the
//! program, and the report into a student's hands. Only `cargo fetch` has all of it: it needs proxies and
//! tokens, and compiles nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use toml::{Table, Value};

/// What a compiler needs to find itself, its libraries and a linker. No name here may hold a secret.
const NAMED: [&str; 19] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_AUTO_INSTALL",
    "LD_LIBRARY_PATH",
    "LIBRARY_PATH",
    "COMPILER_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "SDKROOT",
    "DEVELOPER_DIR",
    "MACOSX_DEPLOYMENT_TARGET",
    "NIX_CC",
    "NIX_BINTOOLS",
    "NIX_LDFLAGS",
    "NIX_CFLAGS_COMPILE",
];

/// Tables of a configuration that say where packages come from.
const SOURCES: [&str; 5] = ["source", "registries", "registry", "http", "net"];

/// Keys with a path that is relative to the folder above `.cargo`.
const PATHS: [&str; 4] = ["directory", "local-registry", "linker", "cainfo"];

/// Gives a build of the course at `course` its environment. `work` is where the grader writes.
pub(super) fn for_build(command: &mut Command, course: &Path, work: &Path) -> Result<()> {
    command.env_clear();
    for name in NAMED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // The linker's messages are read.
    command.env("LC_ALL", "C");
    name_toolchain(command, course);
    if let Some(user) = user_home()
        && let Some(config) =
            ["config.toml", "config"].map(|name| user.join(name)).iter().find(|file| file.is_file())
    {
        command.env("CARGO_HOME", own_home(&work.join("home/.cargo"), &user, config)?);
    }
    Ok(())
}

/// Gives `cargo fetch` its environment: all there is, without what changes how cargo works.
pub(super) fn for_fetch(command: &mut Command, course: &Path) {
    const KEPT: [&str; 6] =
        ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRY_", "CARGO_REGISTRIES_", "CARGO_SOURCE_"];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_cargos = text.starts_with("CARGO") && !KEPT.iter().any(|kept| text.starts_with(kept));
        let is_rustcs = text.starts_with("RUST") && !text.starts_with("RUSTUP_");
        if is_cargos || is_rustcs {
            command.env_remove(&name);
        }
    }
    command.env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "");
    name_toolchain(command, course);
}

/// Starts cargo in `empty`, a folder without files, and ends its search for configuration there: a
/// `config.toml` in `/.cargo` would apply to every build. Cargo has no option for that. This variable is for
/// its own tests, and `tests/machine.rs` notices when it has no effect any more.
pub(super) fn without_configuration_above(command: &mut Command, empty: &Path) {
    command.current_dir(empty).env("__CARGO_TEST_ROOT", empty);
}

/// What cargo and the compilers read of the homes of cargo and rustup, with the environment that `command`
/// has: no token, and nothing of the user's own.
pub(super) fn readable(command: &Command) -> Vec<PathBuf> {
    let given = |name: &str| {
        let value = command.get_envs().find(|(known, _)| *known == name)?.1?;
        Some(PathBuf::from(value)).filter(|path| !path.as_os_str().is_empty())
    };
    let below_home = |folder: &str| given("HOME").map(|home| home.join(folder));
    let mut paths = Vec::new();
    paths.extend(given("RUSTUP_HOME").or_else(|| below_home(".rustup")));
    // A toolchain may be named by its path.
    paths.extend(given("RUSTUP_TOOLCHAIN").filter(|path| path.is_absolute()));
    if let Some(home) = given("CARGO_HOME").or_else(|| below_home(".cargo")) {
        paths.extend(["bin", "registry", "git", "config.toml"].map(|name| home.join(name)));
        let text = fs::read_to_string(home.join("config.toml")).unwrap_or_default();
        named_paths(&Value::Table(text.parse().unwrap_or_default()), &mut paths);
    }
    paths
}

/// The absolute paths of a configuration; of a linker, the folder that it is in.
fn named_paths(value: &Value, paths: &mut Vec<PathBuf>) {
    for (name, value) in value.as_table().into_iter().flatten() {
        if let Value::String(text) = value
            && PATHS.contains(&name.as_str())
        {
            let path = PathBuf::from(text);
            paths.extend(if name == "linker" { path.parent().map(Path::to_path_buf) } else { Some(path) });
        }
        named_paths(value, paths);
    }
}

/// The toolchain file of the course is not above the current folder, so it is named here.
fn name_toolchain(command: &mut Command, course: &Path) {
    if std::env::var_os("RUSTUP_TOOLCHAIN").is_none()
        && let Some(channel) = toolchain(course)
    {
        command.env("RUSTUP_TOOLCHAIN", channel);
    }
}

fn toolchain(course: &Path) -> Option<String> {
    let text = fs::read_to_string(course.join("rust-toolchain.toml")).ok()?;
    let table: Table = text.parse().ok()?;
    table.get("toolchain")?.get("channel")?.as_str().map(str::to_owned)
}

/// Cargo's home folder as the user has it.
fn user_home() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    std::env::var_os("CARGO_HOME").filter(|path| !path.is_empty()).map(PathBuf::from).or_else(home)
}

/// Makes `own` a home folder with the user's packages and the harmless part of the user's configuration.
fn own_home(own: &Path, user: &Path, config: &Path) -> Result<PathBuf> {
    fs::create_dir_all(own).with_context(|| format!("cannot create {}", own.display()))?;
    for name in ["registry", "git"] {
        let (from, to) = (user.join(name), own.join(name));
        // Cargo makes the folder when it needs it, and could not behind a link to nothing.
        let _ = fs::create_dir_all(&from);
        if fs::read_link(&to).ok().as_ref() != Some(&from) {
            let _ = fs::remove_file(&to);
            let made = std::os::unix::fs::symlink(&from, &to);
            // Another grader may have made the same link meanwhile.
            if fs::read_link(&to).ok().as_ref() != Some(&from) {
                made.with_context(|| format!("cannot write {}", to.display()))?;
            }
        }
    }
    let text = fs::read_to_string(config).with_context(|| format!("cannot read {}", config.display()))?;
    let table: Table = text.parse().with_context(|| format!("cannot read {}", config.display()))?;
    let above = user.parent().unwrap_or(user);
    crate::stage::write_file(&own.join("config.toml"), harmless(&table, above).to_string().as_bytes())?;
    Ok(own.to_path_buf())
}

/// The part of a configuration that says where packages come from and which linker there is, paths made
/// whole.
fn harmless(config: &Table, above: &Path) -> Table {
    let mut kept = Table::new();
    for name in SOURCES {
        if let Some(value) = config.get(name) {
            kept.insert(name.to_owned(), value.clone());
        }
    }
    let mut targets = Table::new();
    for (triple, target) in config.get("target").and_then(Value::as_table).into_iter().flatten() {
        if let Some(linker) = target.get("linker") {
            let linker = Table::from_iter([("linker".to_owned(), linker.clone())]);
            targets.insert(triple.clone(), Value::Table(linker));
        }
    }
    kept.insert("target".to_owned(), Value::Table(targets));
    for value in kept.iter_mut().map(|(_, value)| value) {
        clean(value, above);
    }
    kept
}

/// Makes paths whole, and takes tokens out: only `cargo fetch` needs them, and reads the user's own file.
fn clean(value: &mut Value, above: &Path) {
    let Value::Table(table) = value else { return };
    table.retain(|name, _| name != "token" && name != "secret-key");
    for (name, value) in table.iter_mut() {
        if let Value::String(text) = value
            && PATHS.contains(&name.as_str())
            && (name != "linker" || text.contains('/'))
        {
            *text = above.join(&*text).to_string_lossy().into_owned();
        }
        clean(value, above);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_of_packages_and_the_linker_stay_of_a_configuration() {
        let config: Table = r#"
            [build]
            rustflags = ["-Dwarnings"]
            target = "wasm32-unknown-unknown"
            [profile.dev]
            panic = "abort"
            overflow-checks = false
            [env]
            A = "1"
            [target.x86_64-unknown-linux-gnu]
            linker = "tools/clang"
            rustflags = ["-C", "x"]
            [target.'cfg(unix)']
            runner = "true"
            [source.crates-io]
            replace-with = "near"
            [source.near]
            directory = "vendor"
            [registries.near]
            index = "sparse+https://near.example/"
            token = "secret"
            [net]
            offline = true
        "#
        .parse()
        .unwrap();
        let kept = harmless(&config, Path::new("/home-of-user")).to_string();
        for part in
            ["replace-with = \"near\"", "/home-of-user/vendor", "/home-of-user/tools/clang", "offline"]
        {
            assert!(kept.contains(part), "{part} is not in\n{kept}");
        }
        for part in ["rustflags", "wasm32", "abort", "overflow", "[env]", "runner", "secret"] {
            assert!(!kept.contains(part), "{part} is in\n{kept}");
        }
    }
}
