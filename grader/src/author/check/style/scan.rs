//! Rust as far as the style rules need it: comments, strings, functions and error texts.
//!
//! A scan cuts a file into code, comments and literals. In `code` comments and literals are spaces, so that a
//! brace in a string is not a brace, and offsets and line numbers are those of the file.

use super::idioms::Paragraph;

/// A file after the cut.
#[derive(Debug)]
pub(super) struct Scan {
    code: Vec<u8>,
    comments: Vec<Piece>,
    strings: Vec<Piece>,
    /// Offsets of line ends.
    ends: Vec<usize>,
}

/// A comment without its marks, or a string without its quotes.
#[derive(Debug)]
struct Piece {
    /// Offset of its first byte, marks and quotes included.
    at: usize,
    text: String,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// The line of its `fn`.
    pub(super) line: usize,
    /// Lines from its `fn` to its last brace.
    pub(super) lines: usize,
}

/// The text of an `#[error("...")]`.
#[derive(Debug)]
pub(super) struct ErrorText {
    pub(super) line: usize,
    pub(super) text: String,
    /// Offset of the enum that has the variant.
    pub(super) enum_at: usize,
}

impl Scan {
    pub(super) fn new(text: &str) -> Scan {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        let mut scan =
            Scan { code: text.as_bytes().to_vec(), comments: Vec::new(), strings: Vec::new(), ends };
        let mut at = 0;
        while at < text.len() {
            let rest = &text.as_bytes()[at..];
            let end = match literal(rest) {
                Some(Literal::Comment(len)) => {
                    let words = text[at..at + len].trim_start_matches(['/', '!', '*', '#', '+']);
                    scan.comments.push(Piece { at, text: words.to_string() });
                    at + len
                }
                Some(Literal::String { open, len }) => {
                    let inner = text[at + open..at + len].trim_end_matches(['#', '"']);
                    scan.strings.push(Piece { at, text: inner.to_string() });
                    at + len
                }
                Some(Literal::Char(len)) => at + len,
                None => {
                    // An identifier is taken whole: its last `r` does not start a raw string.
                    let word = rest.iter().take_while(|byte| is_word(**byte)).count();
                    at += word.max(1);
                    continue;
                }
            };
            scan.blank(at, end);
            at = end;
        }
        scan
    }

    fn blank(&mut self, from: usize, to: usize) {
        for byte in &mut self.code[from..to] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }

    /// The number of the line that byte `at` is in.
    fn line(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at) + 1
    }

    /// Lines with a comment.
    pub(super) fn comment_lines(&self) -> Vec<usize> {
        let lines = |piece: &Piece| {
            let first = self.line(piece.at);
            first..first + piece.text.lines().count().max(1)
        };
        self.comments.iter().flat_map(lines).collect()
    }

    /// What people read: comments (lines that follow each other are one), strings, and names of functions.
    pub(super) fn paragraphs(&self) -> Vec<Paragraph> {
        let lines_of = |piece: &Piece| -> Paragraph {
            let first = self.line(piece.at);
            piece.text.lines().enumerate().map(|(index, text)| (first + index, text.to_string())).collect()
        };
        let mut all: Vec<Paragraph> = Vec::new();
        for lines in self.comments.iter().map(lines_of) {
            let is_next = |(line, text): &(usize, String)| {
                let last = all.last().and_then(|paragraph| paragraph.last());
                last.is_some_and(|(before, _)| before + 1 == *line) && !text.trim().is_empty()
            };
            if lines.first().is_some_and(is_next) {
                all.last_mut().expect("there is one before").extend(lines);
            } else {
                all.push(lines);
            }
        }
        all.extend(self.strings.iter().map(lines_of));
        let names = self.functions().into_iter();
        all.extend(names.map(|function| vec![(function.line, function.name.replace('_', " "))]));
        all
    }

    /// All functions that have a body.
    pub(super) fn functions(&self) -> Vec<Function> {
        let mut all = Vec::new();
        for at in self.words("fn") {
            let Some((name, name_end)) = self.name_after(at + 2) else { continue };
            let Some(open) = self.body(name_end) else { continue };
            let line = self.line(at);
            all.push(Function { name, line, lines: self.line(self.close(open)) - line + 1 });
        }
        all
    }

    /// The texts of all error variants.
    pub(super) fn error_texts(&self) -> Vec<ErrorText> {
        let enums: Vec<(usize, usize, usize)> = self
            .words("enum")
            .into_iter()
            .filter_map(|at| {
                let open = self.body(at)?;
                Some((at, open, self.close(open)))
            })
            .collect();
        let mut all = Vec::new();
        for string in &self.strings {
            let is_error = self.code[..string.at].trim_ascii_end().ends_with(b"#[error(");
            let inside = enums.iter().find(|(_, open, close)| (*open..*close).contains(&string.at));
            if let (true, Some((enum_at, ..))) = (is_error, inside) {
                let line = self.line(string.at);
                all.push(ErrorText { line, text: string.text.clone(), enum_at: *enum_at });
            }
        }
        all
    }

    /// Offsets of `word` in the code.
    fn words(&self, word: &str) -> Vec<usize> {
        let is_start = |at: usize| {
            self.code[at..].starts_with(word.as_bytes())
                && (at == 0 || !is_word(self.code[at - 1]))
                && self.code.get(at + word.len()).is_some_and(|byte| !is_word(*byte))
        };
        (0..self.code.len()).filter(|at| is_start(*at)).collect()
    }

    /// The identifier that comes after white space at `at`, and the offset of its end.
    fn name_after(&self, at: usize) -> Option<(String, usize)> {
        let start = at + self.code[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let len = self.code[start..].iter().take_while(|byte| is_word(**byte)).count();
        let name = String::from_utf8_lossy(&self.code[start..start + len]).into_owned();
        (len > 0).then_some((name, start + len))
    }

    /// The offset of the brace that opens the body, if a `;` does not come first.
    fn body(&self, from: usize) -> Option<usize> {
        let mut depth = 0;
        for (at, byte) in self.code.iter().enumerate().skip(from) {
            match byte {
                b'(' | b'[' => depth += 1,
                b')' | b']' => depth -= 1,
                b'{' if depth == 0 => return Some(at),
                b';' if depth == 0 => return None,
                _ => {}
            }
        }
        None
    }

    /// The offset of the brace that closes the one at `open`; the end of the file if there is none.
    fn close(&self, open: usize) -> usize {
        let mut depth = 0;
        for (at, byte) in self.code.iter().enumerate().skip(open) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at;
            }
        }
        self.code.len()
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// A comment or literal with its length in bytes.
#[derive(Debug, PartialEq, Eq)]
enum Literal {
    Comment(usize),
    /// `open`: the length up to the first byte of the text.
    String {
        open: usize,
        len: usize,
    },
    Char(usize),
}

/// The comment or literal that `rest` starts with, if any. An identifier must not end just before `rest`.
fn literal(rest: &[u8]) -> Option<Literal> {
    if rest.starts_with(b"//") {
        return Some(Literal::Comment(position(rest, b"\n").unwrap_or(rest.len())));
    }
    if rest.starts_with(b"/*") {
        return Some(Literal::Comment(position(rest, b"*/").map_or(rest.len(), |at| at + 2)));
    }
    let prefix = rest.iter().take(2).take_while(|byte| matches!(byte, b'b' | b'c' | b'r')).count();
    let after = &rest[prefix..];
    if prefix > 0 && rest[prefix - 1] == b'r' {
        let hashes = after.iter().take_while(|byte| **byte == b'#').count();
        if after.get(hashes) == Some(&b'"') {
            let open = prefix + hashes + 1;
            let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
            let len = position(&rest[open..], &end).map_or(rest.len(), |at| open + at + end.len());
            return Some(Literal::String { open, len });
        }
    }
    match after.first() {
        Some(b'"') => Some(Literal::String { open: prefix + 1, len: prefix + 1 + quoted(&after[1..], b'"') }),
        Some(b'\'') if prefix <= 1 => char_literal(after).map(|len| Literal::Char(prefix + len)),
        _ => None,
    }
}

/// The length of a character literal; `None` for a lifetime.
fn char_literal(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        return Some(1 + quoted(&rest[1..], b'\''));
    }
    let text = std::str::from_utf8(&rest[1..rest.len().min(6)]);
    let valid = text.map_or_else(|error| error.valid_up_to(), str::len);
    let first = std::str::from_utf8(&rest[1..1 + valid]).ok()?.chars().next()?.len_utf8();
    (rest.get(1 + first) == Some(&b'\'')).then_some(first + 2)
}

/// The length of what lies before the closing quote, and the quote.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn position(rest: &[u8], wanted: &[u8]) -> Option<usize> {
    rest.windows(wanted.len()).position(|window| window == wanted)
}
