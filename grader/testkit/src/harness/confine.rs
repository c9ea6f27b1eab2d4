//! The limits a test process sets on itself before learner code runs.
//!
//! Resource limits hold everywhere. Landlock (Linux) is best effort: what the kernel does not know is left
//! out, and the report lists the layers that are in force. Reading files stays allowed: backtraces need it.
//! Left out: UDP and UNIX sockets; only the user that runs the grader limits those.

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

/// Denies this thread and those it starts writing outside `scratch`, executing and TCP.
#[cfg(target_os = "linux")]
pub(super) fn restrict_files(scratch: &str) -> Vec<String> {
    match landlock(scratch) {
        Ok(Some(layer)) => vec![layer.to_string()],
        Ok(None) | Err(_) => Vec::new(),
    }
}

#[cfg(target_os = "linux")]
fn landlock(scratch: &str) -> Result<Option<&'static str>, landlock::RulesetError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
        RulesetStatus, Scope,
    };
    let abi = ABI::V6;
    let writes = AccessFs::from_write(abi);
    let mut rules = Ruleset::default()
        .handle_access(writes | AccessFs::Execute)?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?;
    if let Ok(folder) = PathFd::new(scratch) {
        rules = rules.add_rule(PathBeneath::new(folder, writes))?;
    }
    if let Ok(null) = PathFd::new("/dev/null") {
        rules = rules.add_rule(PathBeneath::new(null, AccessFs::WriteFile))?;
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
