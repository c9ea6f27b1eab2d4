//! Idioms that a reader whose second language is English has to guess, and where to look for them.

/// Phrases that are images or old-fashioned, with the plain way to say it.
const IMAGES: [(&[&str], &str); 17] = [
    (&["on", "its", "way"], "say what has not happened yet"),
    (&["on", "their", "way"], "say what has not happened yet"),
    (&["leads", "nowhere"], "say what is missing"),
    (&["lead", "nowhere"], "say what is missing"),
    (&["leads", "somewhere"], "say what exists"),
    (&["comes", "to", "be"], "say what makes it"),
    (&["came", "to", "be"], "say what made it"),
    (&["mend"], "repair or correct"),
    (&["mends"], "repairs or corrects"),
    (&["mended"], "repaired or corrected"),
    (&["mending"], "repairing or correcting"),
    (&["told"], "reported, or name the one that says it"),
    (&["goes", "past"], "say the limit that is exceeded"),
    (&["go", "past"], "say the limit that is exceeded"),
    (&["went", "past"], "say the limit that was exceeded"),
    (&["passes", "by"], "name the actor and the action"),
    (&["pass", "by"], "name the actor and the action"),
];

/// Words before "who" that name a person. Anything else that acts is a thread, a caller or a test: "that".
const PERSONS: [&str; 25] = [
    "anybody",
    "anyone",
    "attacker",
    "author",
    "authors",
    "everybody",
    "everyone",
    "instructor",
    "instructors",
    "learner",
    "learners",
    "nobody",
    "one",
    "people",
    "person",
    "reader",
    "readers",
    "somebody",
    "someone",
    "student",
    "students",
    "those",
    "user",
    "users",
    "you",
];

/// Text that reads as one piece: a comment, a string, a paragraph. Each line with its number.
pub(super) type Paragraph = Vec<(usize, String)>;

/// The paragraphs of plain text: lines up to an empty one.
pub(super) fn plain_paragraphs(text: &str) -> Vec<Paragraph> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.to_string()));
    split(lines.map(|(number, line)| (number, line.trim_start_matches(['#', ' ']).to_string())))
}

/// The paragraphs of Markdown without blocks of code.
pub(super) fn markdown_paragraphs(text: &str) -> Vec<Paragraph> {
    let mut is_code = false;
    let lines = text.lines().enumerate().map(|(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        let is_prose = !is_fence && !is_code;
        (index + 1, if is_prose { line.to_string() } else { String::new() })
    });
    split(lines)
}

fn split(lines: impl Iterator<Item = (usize, String)>) -> Vec<Paragraph> {
    let mut all = vec![Paragraph::new()];
    for (number, line) in lines {
        if line.trim().is_empty() {
            all.push(Paragraph::new());
        } else if let Some(last) = all.last_mut() {
            last.push((number, line));
        }
    }
    all
}

/// Line and description of each idiom in the paragraphs.
pub(super) fn found(paragraphs: &[Paragraph]) -> Vec<(usize, String)> {
    let mut places = Vec::new();
    for paragraph in paragraphs {
        let words = words(paragraph);
        for (index, word) in words.iter().enumerate() {
            if word.text == "who" && !has_person(&words, index) {
                places
                    .push((word.line, "a bare \"who\": name the actor, as in \"a thread that\"".to_string()));
            }
            for (phrase, plain) in IMAGES {
                if starts_with(&words[index..], phrase) {
                    places.push((word.line, format!("\"{}\": {plain}", phrase.join(" "))));
                }
            }
        }
    }
    places
}

/// A word in lower case.
#[derive(Debug)]
struct Word {
    line: usize,
    text: String,
    /// A sign between the word before and this one, other than space and comma: another clause.
    is_apart: bool,
}

/// The words of a paragraph; code in backticks is one word that no phrase has.
fn words(paragraph: &Paragraph) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut is_apart = true;
    for (line, text) in paragraph {
        for (index, part) in text.split('`').enumerate() {
            if index % 2 == 1 {
                words.push(Word { line: *line, text: "`".to_string(), is_apart });
                is_apart = false;
                continue;
            }
            let mut word = String::new();
            for c in part.chars().chain([' ']) {
                if c.is_alphanumeric() {
                    word.extend(c.to_lowercase());
                    continue;
                }
                if !word.is_empty() {
                    words.push(Word { line: *line, text: std::mem::take(&mut word), is_apart });
                    is_apart = false;
                }
                is_apart |= !matches!(c, ' ' | ',' | '*' | '_');
            }
        }
    }
    words
}

/// True if the word before "who" is a person: "a learner who", "those, who".
fn has_person(words: &[Word], who: usize) -> bool {
    let before = who.checked_sub(1).map(|index| words[index].text.as_str());
    !words[who].is_apart && before.is_some_and(|word| PERSONS.contains(&word))
}

fn starts_with(words: &[Word], phrase: &[&str]) -> bool {
    let is_same = |(index, (word, wanted)): (usize, (&Word, &&str))| {
        word.text == **wanted && (index == 0 || !word.is_apart)
    };
    words.len() >= phrase.len() && words.iter().zip(phrase).enumerate().all(is_same)
}
