//! Colour, and how wide a line may be.
//!
//! Colour is only ever added to words that say the same without it.

use std::io::IsTerminal;

use colored::{ColoredString, Colorize};

/// Decides colour and width of one output stream.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    /// Whether escape codes are written.
    pub on: bool,
    /// Widest line of prose, in columns.
    pub width: usize,
}

/// Whether `stream` is a terminal that knows escape sequences: not one whose TERM is `dumb` or missing.
pub fn takes_escapes(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Widest prose on a wide terminal, and the width where there is no terminal.
const WIDTH: usize = 100;

impl Paint {
    /// No colour, standard width: for files and for tests.
    pub const fn plain() -> Self {
        Self { on: false, width: WIDTH }
    }

    /// What standard output can show. `NO_COLOR` and a stream that takes no escapes turn colour off,
    /// `CLICOLOR_FORCE` turns it on.
    pub fn stdout() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        let terminal = std::io::stdout().is_terminal();
        let on = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && (set("CLICOLOR_FORCE") || takes_escapes(&std::io::stdout()));
        let columns = if terminal {
            rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| usize::from(size.ws_col))
        } else {
            0
        };
        colored::control::set_override(on);
        Self { on, width: if columns == 0 { WIDTH } else { columns.clamp(60, WIDTH) } }
    }

    fn apply(self, text: &str, how: impl Fn(&str) -> ColoredString) -> String {
        if self.on { how(text).to_string() } else { text.to_string() }
    }

    /// All is well.
    pub fn good(self, text: &str) -> String {
        self.apply(text, |text| text.green())
    }

    /// Something failed.
    pub fn bad(self, text: &str) -> String {
        self.apply(text, |text| text.red().bold())
    }

    /// Not there yet, or undecided.
    pub fn open(self, text: &str) -> String {
        self.apply(text, |text| text.yellow())
    }

    /// A heading.
    pub fn strong(self, text: &str) -> String {
        self.apply(text, |text| text.bold())
    }

    /// What matters less.
    pub fn quiet(self, text: &str) -> String {
        self.apply(text, |text| text.dimmed())
    }

    /// A command to type.
    pub fn command(self, text: &str) -> String {
        self.apply(text, |text| text.cyan())
    }
}

/// Breaks prose into lines of at most `width` columns; a longer word stands alone. Line breaks of the
/// text stay.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split_whitespace() {
            let wide = word.chars().count();
            if used > 0 && used + 1 + wide > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += wide;
        }
        lines.push(line);
    }
    lines
}

/// Pads `text` to `width` columns.
pub fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}

/// "1 test", "2 tests".
pub fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("{count} {word}") } else { format!("{count} {word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_between_words() {
        assert_eq!(wrap("one two three\nfour", 8), ["one two", "three", "four"]);
        assert_eq!(wrap("unbreakable", 4), ["unbreakable"]);
        assert_eq!(wrap("", 4), Vec::<String>::new());
    }

    #[test]
    fn counts_agree_with_their_noun() {
        assert_eq!((plural(1, "test"), plural(0, "gate")), ("1 test".into(), "0 gates".into()));
    }
}
