//! The limits a test process sets on itself before learner code runs.
//!
//! Resource limits hold everywhere. Landlock (Linux) is best effort: what the kernel does not know is left
//! out, and the report lists the layers that are in force. The watchdog's thread is not confined: it reads
//! `/proc/self`, which the code under test cannot. The filter of system calls is best effort too.

use std::path::Path;

use grader_protocol::Order;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Added to the allocator's limit, for stacks and for memory that the allocator keeps.
const DATA_HEADROOM: u64 = 512 << 20;

/// Largest file a test may write.
const MAX_FILE: u64 = 1 << 30;

/// Sets resource limits, goes to the scratch folder. Returns the layers that are in force.
pub(super) fn set_limits(order: &Order) -> Vec<String> {
    let limits = order.limits;
    let mut layers = Vec::new();
    #[cfg(target_os = "linux")]
    let data = (limits.memory_mib << 20) + DATA_HEADROOM;
    // The watchdog reports at `cpu_seconds`; this is for a process that keeps the watchdog from running.
    let wanted = [
        (Resource::Core, 0, 0, ""),
        (Resource::Fsize, MAX_FILE, MAX_FILE, "file size limit"),
        (Resource::Cpu, limits.cpu_seconds + 3, limits.cpu_seconds + 4, "cpu limit"),
        #[cfg(target_os = "linux")]
        (Resource::Data, data, data, "memory limit"),
    ];
    for (resource, soft, hard, layer) in wanted {
        if lower(resource, soft, hard) && !layer.is_empty() {
            layers.push(layer.to_string());
        }
    }
    #[cfg(target_os = "linux")]
    if rustix::thread::set_no_new_privs(true).is_ok() {
        layers.push("no-new-privileges".to_string());
    }
    let scratch = Path::new(&order.scratch);
    if std::env::set_current_dir(scratch).is_err() {
        eprintln!("the scratch folder {} cannot be entered", scratch.display());
    }
    layers
}

/// Sets a limit, never above the one that is there.
fn lower(resource: Resource, soft: u64, hard: u64) -> bool {
    let old = getrlimit(resource);
    let hard = old.maximum.map_or(hard, |maximum| maximum.min(hard));
    setrlimit(resource, Rlimit { current: Some(soft.min(hard)), maximum: Some(hard) }).is_ok()
}

/// Leaves this thread and those it starts nothing but `scratch`, reading their own program (a backtrace does)
/// and the system's libraries, and four devices. No file is executed, and there is no TCP.
#[cfg(target_os = "linux")]
pub(super) fn restrict_files(scratch: &str) -> Vec<String> {
    match landlock(scratch) {
        Ok(Some(layer)) => vec![layer.to_string()],
        Ok(None) | Err(_) => Vec::new(),
    }
}

/// Refuses system calls that no lab needs, after everything else is set.
pub(super) fn restrict_calls() -> Vec<String> {
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    if super::calls::restrict() {
        return vec!["system call filter".to_string()];
    }
    Vec::new()
}

/// Files that may be read, and folders with such files, beside the own program.
#[cfg(target_os = "linux")]
const READABLE: [&str; 6] = ["/lib", "/lib64", "/usr/lib", "/dev/zero", "/dev/random", "/dev/urandom"];

#[cfg(target_os = "linux")]
fn landlock(scratch: &str) -> Result<Option<&'static str>, landlock::RulesetError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr,
        RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
    };
    let abi = ABI::V6;
    let reads = AccessFs::ReadFile | AccessFs::ReadDir;
    let writes = AccessFs::from_write(abi);
    let rules = Ruleset::default()
        .handle_access(writes | reads | AccessFs::Execute)?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?;
    // What is not there needs no rule.
    let allow = |rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>| match PathFd::new(path) {
        Ok(file) => Ok::<_, RulesetError>(rules.add_rule(PathBeneath::new(file, access))?),
        Err(_) => Ok(rules),
    };
    let mut rules = allow(rules, Path::new(scratch), writes | reads)?;
    rules = allow(rules, Path::new("/dev/null"), AccessFs::WriteFile | AccessFs::ReadFile)?;
    for path in READABLE {
        rules = allow(rules, Path::new(path), AccessFs::ReadFile.into())?;
    }
    if let Ok(program) = std::env::current_exe() {
        rules = allow(rules, &program, AccessFs::ReadFile.into())?;
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Some("landlock"),
        RulesetStatus::PartiallyEnforced => Some("landlock (partly)"),
        RulesetStatus::NotEnforced => None,
    })
}

/// This system has no such confinement.
#[cfg(not(target_os = "linux"))]
pub(super) fn restrict_files(_scratch: &str) -> Vec<String> {
    Vec::new()
}
