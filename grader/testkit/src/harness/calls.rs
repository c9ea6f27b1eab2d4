//! A filter of system calls (seccomp) for what landlock does not cover: sockets of every kind, rights and
//! dates of files by their path, and reading or writing the memory of another process. A refused call fails
//! with EPERM.
//!
//! ```text
//!   load the architecture; another one than this program's: refuse
//!   load the number of the call
//!   for each refused number:  is it that one? refuse
//!   allow
//! ```
//!
//! It holds for the thread that sets it and for those it starts, so the watchdog's thread is free.

// The kernel's interface takes a pointer to the program.
#![allow(unsafe_code)]

use libc::c_long;

/// Instructions of the filter: load a word, jump if equal, jump if greater or equal, return.
const LOAD: u16 = 0x20;
const IS_EQUAL: u16 = 0x15;
#[cfg(target_arch = "x86_64")]
const IS_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;

/// Where the kernel puts the number of the call and the architecture.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

#[cfg(target_arch = "x86_64")]
const THIS_ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const THIS_ARCHITECTURE: u32 = 0xc000_00b7;

/// Calls of the x32 interface have numbers from here on.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

const REFUSED: &[c_long] = &[
    libc::SYS_socket,
    libc::SYS_fchmodat,
    // `fchmodat2`, the same number everywhere and not in every version of the bindings.
    452,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_io_uring_setup,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_keyctl,
];

/// Older forms of the same calls.
#[cfg(target_arch = "x86_64")]
const REFUSED_OLD: &[c_long] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_OLD: &[c_long] = &[];

/// Sets the filter for this thread and those it starts; whether the kernel took it. New privileges must be
/// off.
pub(super) fn restrict() -> bool {
    let mut code = filter();
    let program = libc::sock_fprog { len: code.len() as u16, filter: code.as_mut_ptr() };
    // SAFETY: `program` and the code that it points to live until the call returns, and the kernel only reads
    // them.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    result == 0
}

fn filter() -> Vec<libc::sock_filter> {
    let step = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    // The next instruction where it holds, the one after it where it does not.
    let holds = |code, k| libc::sock_filter { code, jt: 0, jf: 1, k };
    let unless = |code, k| libc::sock_filter { code, jt: 1, jf: 0, k };
    let refuse = step(RETURN, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
    let mut code = vec![step(LOAD, ARCHITECTURE), unless(IS_EQUAL, THIS_ARCHITECTURE), refuse];
    code.push(step(LOAD, NUMBER));
    #[cfg(target_arch = "x86_64")]
    code.extend([holds(IS_AT_LEAST, X32), refuse]);
    for number in REFUSED.iter().chain(REFUSED_OLD) {
        code.extend([holds(IS_EQUAL, *number as u32), refuse]);
    }
    code.push(step(RETURN, libc::SECCOMP_RET_ALLOW));
    code
}
