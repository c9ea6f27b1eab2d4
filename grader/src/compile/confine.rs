//! Confines cargo, and every compiler that it starts, to named folders: somebody else's code can have the
//! compiler read a file (`include_str!`), and what it reads can end in the program or in a message.
//!
//! ```text
//!   a thread of the grader     takes the rules, starts cargo, ends
//!     cargo                    has the rules of the thread that started it
//!       rustc, cc, ld          have cargo's
//! ```
//!
//! | may be | which |
//! | --- | --- |
//! | read and executed | the toolchain, the system's programs, libraries and headers, the folders of `PATH` |
//! | read | sources of packages, cargo's configuration, a few files of `/etc`, devices without data |
//! | written too | the stage, the build folder, one scratch folder |
//!
//! So the kernel refuses a file of the account that grades, another submission, and `/proc` with the
//! environment of the grader. The stage also holds the reference and the hidden tests: what a lab takes from
//! there is found in rustc's own list (`depinfo`).
//!
//! - L1: a compiler is confined or the report on somebody else's code says that it is not ([`warning`]).
//! - L2: landlock cannot be undone in a thread, so a thread that takes the rules does nothing else.
//!
//! Where landlock is missing (before Linux 5.19, other systems) the compiler is started as it is. The cost is
//! too small to measure: after an edit lab 1 and its tests build in 0.79 s confined and in 0.80 s as they are
//! (medians of eight), and with nothing to build in 0.14 s either way.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context, Result};

use super::home;
use crate::children::Started;
use crate::stage::Stage;

/// Where a system and a toolchain keep their parts.
const PARTS: [&str; 9] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "libexec", "include", "share"];

/// Folders with the parts of a system. In `/usr/local` some machines also keep the homes of cargo and rustup,
/// so a folder above the parts is never allowed as a whole.
const SYSTEM: [&str; 3] = ["/", "/usr", "/usr/local"];

/// What is read beside them. Nothing here belongs to one account.
const ALSO_READ: [&str; 9] = [
    "/nix/store",
    "/gnu/store",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
];

/// Programs whose libraries lie beside the folder that they are in.
const PROGRAMS: [&str; 6] = ["cargo", "rustc", "cc", "gcc", "clang", "ld"];

/// Variables that name folders for compilers and linkers.
const FOLDERS: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "LIBRARY_PATH", "COMPILER_PATH"];

/// What the compiler may use.
#[derive(Debug, Clone, Default)]
pub(super) struct Folders {
    /// Read, and executed.
    read: Vec<PathBuf>,
    /// Read, executed and written.
    write: Vec<PathBuf>,
}

impl Folders {
    /// Those for a build of `stage` by `cargo`, with the home folder that `command` gives it and `scratch`
    /// for temporary files.
    pub(super) fn of(stage: &Stage, cargo: &Path, command: &Command, scratch: &Path) -> Folders {
        let mut read: Vec<PathBuf> = ALSO_READ.iter().map(PathBuf::from).collect();
        for system in SYSTEM {
            read.extend(parts(Path::new(system)));
        }
        let is_narrow = |folder: &PathBuf| is_narrow(folder, &stage.shared);
        let named = FOLDERS.iter().filter_map(std::env::var_os);
        let named: Vec<PathBuf> =
            named.flat_map(|list| std::env::split_paths(&list).collect::<Vec<_>>()).collect();
        read.extend(named.iter().filter(|folder| is_narrow(folder)).cloned());
        let programs = PROGRAMS.iter().filter_map(|name| find(name, &named));
        let homes = programs.chain([cargo.to_path_buf()]).filter_map(|program| home_of(&program));
        read.extend(
            homes.flat_map(|home| parts(&home)).filter(|part| part.file_name() != Some("share".as_ref())),
        );
        read.extend(home::readable(command).into_iter().filter(is_narrow));
        let mut write = vec![stage.root.clone(), stage.build_dir.clone(), scratch.to_path_buf()];
        write.push("/dev/null".into());
        Folders { read, write }
    }
}

/// The parts of a system or toolchain in `folder`.
fn parts(folder: &Path) -> Vec<PathBuf> {
    PARTS.iter().map(|part| folder.join(part)).collect()
}

/// Whether a folder that the environment names is no more than a folder of programs or packages: a relative
/// one has no meaning where cargo is started, and one above the user's files or the stage has them too.
fn is_narrow(folder: &Path, work: &Path) -> bool {
    let Ok(real) = std::fs::canonicalize(folder) else { return false };
    let home = std::env::var_os("HOME").and_then(|home| std::fs::canonicalize(home).ok());
    folder.is_absolute()
        && real.parent().is_some()
        && !home.is_some_and(|home| home.starts_with(&real))
        && !work.starts_with(&real)
}

/// The program as the folders have it, links followed.
fn find(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let program = folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file())?;
    std::fs::canonicalize(program).ok()
}

/// The folder with `bin` and `lib` that holds the program.
fn home_of(program: &Path) -> Option<PathBuf> {
    let bin = program.parent().filter(|folder| folder.file_name() == Some("bin".as_ref()))?;
    bin.parent().filter(|home| home.parent().is_some()).map(Path::to_path_buf)
}

/// Whether this system can confine a compiler.
pub(super) fn is_possible() -> bool {
    static TRIED: LazyLock<bool> = LazyLock::new(|| {
        let tried = std::thread::spawn(|| system::take(&Folders::default()).is_ok());
        tried.join().unwrap_or(false)
    });
    *TRIED
}

/// What every report on somebody else's code says where the compiler cannot be confined.
pub fn warning() -> Option<String> {
    (!is_possible()).then(|| {
        "landlock did not confine the compiler (that needs Linux 5.19): it could read every file of the account \
         that graded this code; what it takes in from outside its src/ was looked for afterwards"
            .to_owned()
    })
}

/// Starts `command` with nothing but `folders`.
pub(super) fn spawn(command: &mut Command, folders: &Folders) -> Result<Started> {
    std::thread::scope(|scope| {
        let starts = scope.spawn(|| -> Result<Started> {
            system::take(folders).context("cannot confine the compiler")?;
            Ok(Started::spawn(command)?)
        });
        starts.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(target_os = "linux")]
mod system {
    use landlock::{
        ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
        RulesetError, path_beneath_rules,
    };

    use super::Folders;

    /// Confines the calling thread and what it starts.
    pub(super) fn take(folders: &Folders) -> Result<(), RulesetError> {
        let all = AccessFs::from_all(ABI::V3);
        let rules = Ruleset::default()
            // Compilers write a file in one folder and move it to another. Before Linux 5.19 landlock refuses
            // that whatever the rules are.
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::Refer)?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .create()?;
        // What is not there needs no rule.
        rules
            .add_rules(path_beneath_rules(&folders.read, AccessFs::from_read(ABI::V3)))?
            .add_rules(path_beneath_rules(&folders.write, all))?
            .restrict_self()?;
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::Folders;

    /// This system has no such confinement.
    pub(super) fn take(folders: &Folders) -> std::io::Result<()> {
        let _ = (&folders.read, &folders.write);
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::process::Stdio;

    use super::*;

    /// What `cat` prints of a file, started with the system and `folder` alone.
    fn printed(file: &Path, folder: &Path) -> String {
        let mut read: Vec<PathBuf> = ALSO_READ.iter().map(PathBuf::from).collect();
        read.extend(SYSTEM.iter().flat_map(|system| parts(Path::new(system))));
        let folders = Folders { read, write: vec![folder.to_path_buf(), "/dev/null".into()] };
        let mut command = Command::new("cat");
        command.arg(file).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = spawn(&mut command, &folders).unwrap();
        let mut text = String::new();
        process.child().stdout.take().unwrap().read_to_string(&mut text).unwrap();
        process.finish();
        text
    }

    /// The rules hold for what is started, and the grader itself stays free (L2).
    #[test]
    fn what_is_started_reads_named_folders_only() {
        if !is_possible() {
            assert!(warning().is_some_and(|text| text.starts_with("landlock did not confine the compiler")));
            return;
        }
        let (given, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (inside, outside) = (given.path().join("file"), other.path().join("file"));
        fs::write(&inside, "stage").unwrap();
        fs::write(&outside, "secret").unwrap();
        std::os::unix::fs::symlink(&outside, given.path().join("link")).unwrap();
        assert_eq!(printed(&inside, given.path()), "stage");
        for file in
            [&outside, &given.path().join("link"), Path::new("/proc/self/environ"), Path::new("/etc/passwd")]
        {
            assert_eq!(printed(file, given.path()), "", "{}", file.display());
        }
        assert_eq!(fs::read_to_string(&outside).unwrap(), "secret");
        assert_eq!(warning(), None);
    }

    /// A `PATH` with the user's own folder in it, or one above, must not open all that is there.
    #[test]
    fn wide_folders_of_the_environment_are_left_out() {
        let above = tempfile::tempdir().unwrap();
        let (tools, work) = (above.path().join("tools"), above.path().join("target/grade"));
        fs::create_dir_all(&tools).unwrap();
        fs::create_dir_all(&work).unwrap();
        assert!(is_narrow(&tools, &work));
        let home = std::env::var_os("HOME").map_or_else(|| "/".into(), PathBuf::from);
        for wide in [Path::new("/"), Path::new("."), Path::new("/nowhere"), above.path(), &work, &home] {
            assert!(!is_narrow(wide, &work), "{}", wide.display());
        }
    }

    #[test]
    fn the_parts_of_a_toolchain_are_beside_its_programs() {
        assert_eq!(home_of(Path::new("/opt/llvm/bin/clang")), Some("/opt/llvm".into()));
        assert_eq!(home_of(Path::new("/opt/clang")), None);
        assert_eq!(home_of(Path::new("/bin/cc")), None);
    }
}
