//! The attribute `#[testkit::test]`, which enters a function in the list of hidden tests.
//!
//! Called by the compiler for every hidden test; what it writes is read by `testkit::main`. The function
//! stays as it is. This is added beside it:
//!
//! ```text
//!   inventory::submit!(testkit::Test {
//!       name: "...", module: module_path!(), line: line!(), doc: "...", run: the_function
//!   })
//! ```
//!
//! The doc comment is included because the learner sees it when the test fails.

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// Enters a function without arguments and without a result in the list of hidden tests. Its doc comment
/// is what the learner reads when it fails: first what must hold, then why it could break.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let registration = if arguments.is_empty() {
        register(item.clone())
    } else {
        Err("#[testkit::test] takes no arguments".to_string())
    };
    let added = registration.unwrap_or_else(|message| format!("::core::compile_error!({message:?});"));
    let mut out = item;
    out.extend(added.parse::<TokenStream>().expect("the text above is Rust"));
    out
}

/// The text of the registration, or what is wrong with the function.
fn register(item: TokenStream) -> Result<String, String> {
    let tokens: Vec<TokenTree> = item.into_iter().collect();
    let docs = doc_literals(&tokens);
    let at = tokens.iter().position(|token| is_ident(token, "fn"));
    let at = at.ok_or("#[testkit::test] belongs on a function")?;
    if tokens[..at].iter().any(|token| is_ident(token, "async")) {
        return Err("a hidden test cannot be async: nothing would poll it".to_string());
    }
    let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else {
        return Err("#[testkit::test] belongs on a function with a name".to_string());
    };
    match tokens.get(at + 2) {
        Some(TokenTree::Group(group)) if is_empty_parentheses(group) => {}
        Some(TokenTree::Group(_)) => return Err(format!("the hidden test `{name}` must take no arguments")),
        _ => return Err(format!("the hidden test `{name}` must not be generic")),
    }
    if !matches!(tokens.get(at + 3), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace) {
        return Err(format!("the hidden test `{name}` must not return anything: use the check macros"));
    }
    if docs.is_empty() {
        return Err(format!(
            "the hidden test `{name}` needs a doc comment: what must hold, and why it could break"
        ));
    }
    let text = name.to_string();
    let shown = text.strip_prefix("r#").unwrap_or(&text);
    let lines = docs.iter().map(|literal| format!("{literal}, \"\\n\"")).collect::<Vec<_>>().join(", ");
    Ok(format!(
        "::testkit::inventory::submit!(::testkit::Test {{ name: {shown:?}, module: ::core::module_path!(), \
         line: ::core::line!(), doc: ::core::concat!({lines}), run: {text} }});"
    ))
}

/// The string literals of the doc comments before the function, as they stand in the source.
fn doc_literals(tokens: &[TokenTree]) -> Vec<String> {
    let mut out = Vec::new();
    for pair in tokens.windows(2) {
        let [TokenTree::Punct(mark), TokenTree::Group(group)] = pair else { continue };
        if mark.as_char() != '#' || group.delimiter() != Delimiter::Bracket {
            continue;
        }
        let inner: Vec<TokenTree> = group.stream().into_iter().collect();
        if let [first, _, TokenTree::Literal(literal)] = inner.as_slice()
            && is_ident(first, "doc")
        {
            out.push(literal.to_string());
        }
    }
    out
}

fn is_ident(token: &TokenTree, text: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.to_string() == text)
}

fn is_empty_parentheses(group: &Group) -> bool {
    group.delimiter() == Delimiter::Parenthesis && group.stream().is_empty()
}
