//! Two long lists, shown where they differ.
//!
//! A learner does not find one wrong pair among fifty on a line. Lists are recognised in the text that
//! `Debug` writes, so no test has to do anything for it.

/// Shorter texts are shown whole, in characters.
const SHORT: usize = 100;

/// Elements shown before the first that differs, and from it on.
const BEFORE: usize = 1;
const AFTER: usize = 3;

/// Both texts cut to the elements around the first that differs, with the index of the first one shown;
/// `None` unless both are lists, one of them is long, and they differ in an element.
pub fn around_the_difference(left: &str, right: &str) -> Option<(String, String)> {
    if left.chars().count().max(right.chars().count()) <= SHORT {
        return None;
    }
    let (ours, theirs) = (elements(left)?, elements(right)?);
    if ours.len().max(theirs.len()) < 2 * (BEFORE + AFTER) {
        return None;
    }
    let at = ours.iter().zip(&theirs).take_while(|(one, other)| one == other).count();
    if at == ours.len() && at == theirs.len() {
        return None;
    }
    Some((window(&ours, at), window(&theirs, at)))
}

/// `50 elements, from index 16: (1, 2), (3, 4), ...`.
fn window(elements: &[&str], at: usize) -> String {
    let start = at.saturating_sub(BEFORE).min(elements.len());
    let end = (at + AFTER).min(elements.len());
    let more = if end < elements.len() { ", ..." } else { "" };
    let count = elements.len();
    let word = if count == 1 { "element" } else { "elements" };
    if at >= elements.len() {
        return match elements.last() {
            None => "an empty list".to_string(),
            Some(last) => format!("{count} {word}, the last is: {last}"),
        };
    }
    format!("{count} {word}, from index {start}: {}{more}", elements[start..end].join(", "))
}

/// The elements of a list as `Debug` writes it, on one line or several; `None` if it is none.
fn elements(text: &str) -> Option<Vec<&str>> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let mut found = Vec::new();
    let (mut depth, mut start, mut quote, mut is_escaped) = (0_usize, 0, None, false);
    for (at, c) in inner.char_indices() {
        if let Some(open) = quote {
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                c if c == open => quote = None,
                _ => {}
            }
            continue;
        }
        match c {
            '"' | '\'' => quote = Some(c),
            '(' | '[' | '{' => depth += 1,
            // One too many: this was no list.
            ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                found.push(inner[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = inner[start..].trim();
    if !last.is_empty() {
        found.push(last);
    }
    (depth == 0 && quote.is_none()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(change: impl Fn(u32) -> u32) -> String {
        format!("{:?}", (0..50).map(|n| (n, format!("v, {}", change(n)))).collect::<Vec<_>>())
    }

    /// Fifty tuples on a line hide the one that is wrong.
    #[test]
    fn long_lists_are_shown_around_the_first_difference() {
        let (found, expected) = (pairs(|n| if n == 17 { 0 } else { n }), pairs(|n| n));
        let (found, expected) = around_the_difference(&found, &expected).expect("two long lists");
        let text = "50 elements, from index 16: (16, \"v, 16\"), (17, \"v, 0\"), (18, \"v, 18\"), (19, \"v, 19\"), ...";
        assert_eq!(found, text);
        assert!(expected.contains("(17, \"v, 17\")"), "{expected}");
    }

    #[test]
    fn a_list_that_ends_early_shows_its_end() {
        let long = format!("{:?}", (100..150).collect::<Vec<_>>());
        let short = format!("{:?}", (100..140).collect::<Vec<_>>());
        let (found, expected) = around_the_difference(&short, &long).expect("two lists");
        assert_eq!(found, "40 elements, the last is: 139");
        assert_eq!(expected, "50 elements, from index 39: 139, 140, 141, 142, ...");
        assert_eq!(around_the_difference("[]", &long).expect("two lists").0, "an empty list");
    }

    #[test]
    fn what_is_no_long_list_stays() {
        assert_eq!(around_the_difference("[1, 2]", "[1, 3]"), None);
        let text = "x".repeat(200);
        assert_eq!(around_the_difference(&text, &text), None);
        assert_eq!(elements("[(1, [2, 3]), S { a: 1, b: \"]\\\"\" }]").map(|list| list.len()), Some(2));
        assert_eq!(elements("[1, 2), (3]"), None);
        assert_eq!(elements("[',', '\"', '\\'']").map(|list| list.len()), Some(3));
    }
}
