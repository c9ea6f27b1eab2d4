//! Single key presses from a terminal, without Enter.
//!
//! Called by `watch`. While [`Keys`] lives the terminal neither echoes nor collects lines; it is put back
//! when the value is dropped, and before Ctrl-C or a signal ends the program.

use std::io::{IsTerminal, Read as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::signals::{self, Registered};

/// What a terminal sends for Ctrl-C when it makes no signal of it.
const CTRL_C: u8 = 3;

/// Exit code of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// A terminal that gives single keys.
pub struct Keys {
    saved: Termios,
    _at_end: Registered,
}

impl Keys {
    /// Calls `press` with each key, in lower case, until it returns false; `None` where standard input is no
    /// terminal.
    pub fn start(mut press: impl FnMut(u8) -> bool + Send + 'static) -> Option<Self> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        let saved = tcgetattr(&stdin).ok()?;
        let mut single = saved.clone();
        single.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        let at_end = saved.clone();
        let keys = Self { saved, _at_end: signals::before_end(move || restore(&at_end)) };
        tcsetattr(&stdin, OptionalActions::Now, &single).ok()?;
        std::thread::spawn(move || {
            let mut byte = [0];
            while std::io::stdin().read(&mut byte).is_ok_and(|read| read == 1) {
                if byte[0] == CTRL_C {
                    signals::end(INTERRUPTED);
                }
                if !press(byte[0].to_ascii_lowercase()) {
                    break;
                }
            }
        });
        Some(keys)
    }
}

fn restore(saved: &Termios) {
    let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, saved);
}

impl Drop for Keys {
    fn drop(&mut self) {
        restore(&self.saved);
    }
}
