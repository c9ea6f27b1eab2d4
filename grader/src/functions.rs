//! Finds function bodies in Rust text, also in text that does not compile.
//!
//! Called by `reset`, which exchanges the body of one function and leaves the rest of a learner's file
//! alone. Calls nothing.
//!
//! ```text
//!   impl<T> RingQueue<T> {
//!       pub fn len(&self) -> usize { self.count }
//!   }                             ^           ^
//!                                 body of  impl<T>RingQueue<T> / fn len
//! ```
//!
//! It knows comments, strings, character literals and brackets, and nothing else of the language: a
//! parser would refuse the half-written file that a learner wants to reset. Left out: functions made
//! by macros, and braces in the types of a signature.

use std::ops::Range;

/// A function with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Headers of the enclosing blocks without white space, then `fn name`.
    pub path: Vec<String>,
    /// Bytes between the braces.
    pub body: Range<usize>,
}

/// The functions in `text` that are not inside another function, in file order. Ends at the first
/// closing brace too many; a body that is never closed is left out.
pub fn functions(text: &str) -> Vec<Function> {
    let mut scan = Scan { text, found: Vec::new(), open: Vec::new(), header: String::new(), nested: 0 };
    scan.run();
    scan.found
}

struct Block {
    /// What stands before the brace; the function's name for a function.
    name: String,
    is_function: bool,
    start: usize,
}

struct Scan<'a> {
    text: &'a str,
    found: Vec<Function>,
    open: Vec<Block>,
    /// Code since the last brace or semicolon, tokens apart by one space.
    header: String,
    /// Open round and square brackets in the header.
    nested: usize,
}

impl Scan<'_> {
    fn run(&mut self) {
        let mut at = 0;
        while at < self.text.len() {
            let rest = &self.text[at..];
            if let Some(length) = quiet(rest, self.text[..at].chars().next_back()) {
                self.header.push(' ');
                at += length;
                continue;
            }
            let c = rest.chars().next().unwrap_or(' ');
            match c {
                '{' => self.open_block(at + 1),
                '}' => {
                    if !self.close_block(at) {
                        return;
                    }
                }
                ';' if self.nested == 0 => self.header.clear(),
                _ => {
                    match c {
                        '(' | '[' => self.nested += 1,
                        ')' | ']' => self.nested = self.nested.saturating_sub(1),
                        _ => {}
                    }
                    self.header.push(c);
                }
            }
            at += c.len_utf8();
        }
    }

    fn open_block(&mut self, start: usize) {
        let header = std::mem::take(&mut self.header);
        self.nested = 0;
        let name = function_name(&header);
        let is_function = name.is_some();
        let name = name.unwrap_or_else(|| without_attributes(&header));
        self.open.push(Block { name, is_function, start });
    }

    fn close_block(&mut self, end: usize) -> bool {
        self.header.clear();
        self.nested = 0;
        let Some(block) = self.open.pop() else { return false };
        if block.is_function && !self.open.iter().any(|outer| outer.is_function) {
            let mut path: Vec<String> = self.open.iter().map(|outer| outer.name.clone()).collect();
            path.push(block.name);
            self.found.push(Function { path, body: block.start..end });
        }
        true
    }
}

/// The name in a function's header: the word after the word `fn`.
fn function_name(header: &str) -> Option<String> {
    let words: Vec<&str> = header.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let at = words.iter().position(|word| *word == "fn")?;
    let name = words[at + 1..].iter().find(|word| !word.is_empty())?;
    let is_item = !header.trim_start().starts_with("impl") && !header.trim_start().starts_with("let ");
    is_item.then(|| format!("fn {name}"))
}

/// A header without attributes and white space.
fn without_attributes(header: &str) -> String {
    let mut text = header.trim();
    while let Some(rest) = text.strip_prefix('#') {
        let mut depth = 0;
        let end = rest.char_indices().find(|(_, c)| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            *c == ']' && depth == 0
        });
        let Some((end, _)) = end else { break };
        text = rest[end + 1..].trim_start();
    }
    text.split_whitespace().collect()
}

/// Length of the comment, string or character literal that `rest` starts with.
fn quiet(rest: &str, before: Option<char>) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if rest.starts_with('"') {
        return Some(quoted(rest, '"'));
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !in_word && let Some(length) = raw_string(rest) {
        return Some(length);
    }
    let inner = rest.strip_prefix('\'')?;
    let mut chars = inner.chars();
    let first = chars.next()?;
    (first == '\\' || chars.next() == Some('\'')).then(|| quoted(rest, '\''))
}

fn block_comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of a literal from its opening to its closing quote.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + c.len_utf8();
        }
    }
    rest.len()
}

/// Length of a raw string such as `r#"..."#`, with or without `b` or `c` before it.
fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inner = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - inner.len();
    Some(inner.find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"//! Doc with { brace.
#[derive(Debug)]
struct A { x: [u8; 4] }

fn free<T>(x: [u8; 2]) -> char where T: Fn() { '}' }

#[cfg(any(unix, windows))]
impl<'a, T: Clone> Queue<'a, T>
where
    T: Debug,
{
    // fn comment() { }
    pub fn len(&self) -> usize {
        let text = "} \" }";
        let raw = r#"} " }"#;
        fn inner() { loop {} }
        if text.is_empty() { 1 } else { '\'' as usize }
    }
    /* fn gone() { /* } */ } */
}

mod m { trait T { fn declared(); fn given() {} } }
"##;

    /// Braces in text and comments, nested functions and signatures with semicolons do not confuse it.
    #[test]
    fn finds_bodies_by_path() {
        let found = functions(TEXT);
        let paths: Vec<String> = found.iter().map(|function| function.path.join("/")).collect();
        assert_eq!(
            paths,
            ["fn free", "impl<'a,T:Clone>Queue<'a,T>whereT:Debug,/fn len", "modm/traitT/fn given"]
        );
        assert_eq!(&TEXT[found[0].body.clone()], " '}' ");
        assert!(TEXT[found[1].body.clone()].trim_end().ends_with("as usize }"));
    }

    /// The file somebody wants to reset is often the one that does not compile.
    #[test]
    fn a_missing_brace_hides_only_what_follows() {
        let found = functions("fn a() { 1 }\nfn b() { if x { }\nfn c() { 2 }\n");
        assert_eq!(found.iter().map(|f| f.path[0].as_str()).collect::<Vec<_>>(), ["fn a"]);
        assert_eq!(functions("}\nfn a() {}\n"), []);
        assert_eq!(functions("fn a() { \"never closed"), []);
    }
}
