//! When the hidden tests do not fit a lab: which public item differs from the one they were written for.
//!
//! The reference has every signature the tests use, so both sources are read, their public items put
//! side by side, and the differences that rustc's messages mention are put into words:
//!
//! ```text
//!   the tests call `pub fn push(&mut self, value: u64)` of `Bag`;
//!   labs/01-tiny/src/bag.rs:12 has `pub fn push(&mut self, value: &u64)`
//! ```
//!
//! Names of arguments and the text of bodies do not count. Left out: macros and items made by them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;

use super::cargo::Ran;
use super::depinfo;
use super::messages::Origin;
use crate::catalog::{Course, Lab};
use crate::stage::{Seat, Stage};

/// Most differences in a report.
const DIFFERENCES: usize = 8;

/// Some public item differs.
const CHANGED: &str =
    "your lab compiles, but the hidden tests do not fit it: a public item they use was changed or removed";

/// None does.
const UNCHANGED: &str = "your lab compiles, but the hidden tests do not compile against it. Every public item has the skeleton's \
     signature: look at what your types contain and implement (`Send`, `Sync`, `Clone`, bounds)";

/// One public item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// As the author wrote it, on one line.
    pub text: String,
    /// What has to be equal, argument names left out.
    shape: String,
    /// The type it belongs to.
    owner: Option<String>,
    /// `src/bag.rs`.
    file: String,
    first_line: usize,
    last_line: usize,
}

/// Public items by a name that is unique in a lab: `Bag::push`, `impl Drop for Bag`, `use Bag`.
pub type Items = BTreeMap<String, Item>;

/// Says which public items of the graded labs differ from the reference's, those the errors mention first.
/// Only files that rustc read count: an old copy beside a module has no effect.
pub fn explain(course: &Course, stage: &Stage, lab: &Lab, ran: &Ran) -> Vec<String> {
    let errors = || ran.found.iter().filter(|found| found.is_error() && found.origin == Origin::Tests);
    let said: String = errors().map(|found| found.message.rendered.as_str()).collect::<Vec<_>>().join("\n");
    let places: Vec<&(String, u32)> = errors().flat_map(|found| &found.places).collect();
    let mut mentioned = Vec::new();
    let mut others = Vec::new();
    let labs = course.earlier(lab).chain([lab]).filter(|lab| stage.seats.contains_key(&lab.number));
    for lab in labs.filter(|lab| stage.seat(lab) != Seat::Reference) {
        let folder = format!("{}/{}", stage.seat(lab).folder(), lab.id);
        let package = stage.seat(lab).package(&lab.package);
        let own = read(&stage.root, &folder, &depinfo::sources_of(stage, &package, &ran.artifacts));
        let reference = format!("solutions/{}", lab.id);
        let mut files = Vec::new();
        collect(&stage.root, &PathBuf::from(&reference).join("src"), &mut files);
        for (name, wanted) in read(&stage.root, &reference, &files) {
            let mine = own.get(&name);
            if mine.is_some_and(|mine| mine.shape == wanted.shape) {
                continue;
            }
            let is_pointed_at = mine.is_some_and(|mine| {
                places.iter().any(|(file, line)| {
                    let lines = mine.first_line..=mine.last_line;
                    *file == format!("{folder}/{}", mine.file) && lines.contains(&(*line as usize))
                })
            });
            let text = difference(&folder, &wanted, mine);
            if is_pointed_at || mentions(&said, &name) { &mut mentioned } else { &mut others }.push(text);
        }
    }
    let chosen = if mentioned.is_empty() { others } else { mentioned };
    let first = if chosen.is_empty() { UNCHANGED } else { CHANGED };
    let mut notes = vec![first.to_owned()];
    notes.extend(chosen.into_iter().take(DIFFERENCES));
    notes
}

fn difference(folder: &str, wanted: &Item, mine: Option<&Item>) -> String {
    let of = wanted.owner.as_ref().map(|owner| format!(" of `{owner}`")).unwrap_or_default();
    match mine {
        Some(mine) => format!(
            "the tests use `{}`{of}; {folder}/{}:{} has `{}`",
            wanted.text, mine.file, mine.first_line, mine.text
        ),
        None => format!(
            "the tests use `{}`{of}; {folder} has no such public item (the skeleton has it in {})",
            wanted.text, wanted.file
        ),
    }
}

/// Whether the last part of an item's name stands in the text as a word.
fn mentions(text: &str, name: &str) -> bool {
    let last = name.rsplit([':', ' ']).next().unwrap_or(name);
    let is_word = |ch: char| ch.is_alphanumeric() || ch == '_';
    text.split(|ch: char| !is_word(ch)).any(|word| word == last)
}

/// The public items in `files`, sources of the lab in `folder`; all paths are below `stage`.
fn read(stage: &Path, folder: &str, files: &[PathBuf]) -> Items {
    let mut items = Items::new();
    for file in files {
        let parsed = fs::read_to_string(stage.join(file)).ok().and_then(|text| syn::parse_file(&text).ok());
        let shown = file.strip_prefix(folder).unwrap_or(file).to_string_lossy().into_owned();
        if let Some(parsed) = parsed {
            Reader { items: &mut items, file: &shown }.items(&parsed.items);
        }
    }
    items
}

/// All sources below `stage/folder`, as paths below `stage`.
fn collect(stage: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(stage.join(folder)).into_iter().flatten().flatten() {
        let path = folder.join(entry.file_name());
        if entry.path().is_dir() {
            collect(stage, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

struct Reader<'a> {
    items: &'a mut Items,
    file: &'a str,
}

fn is_public(visibility: &syn::Visibility) -> bool {
    matches!(visibility, syn::Visibility::Public(_))
}

impl Reader<'_> {
    fn items(&mut self, items: &[syn::Item]) {
        for item in items {
            self.item(item);
        }
    }

    fn item(&mut self, item: &syn::Item) {
        match item {
            syn::Item::Fn(item) if is_public(&item.vis) => {
                self.function(None, &format!("fn {}", item.sig.ident), &item.sig, "pub ");
            }
            syn::Item::Struct(item) if is_public(&item.vis) => self.structure(item),
            syn::Item::Enum(item) if is_public(&item.vis) => self.enumeration(item),
            syn::Item::Trait(item) if is_public(&item.vis) => {
                let owner = item.ident.to_string();
                let head = format!("pub trait {owner}{}", plain(&item.generics));
                self.add(&owner, None, head.clone(), head, item.ident.span());
                for part in &item.items {
                    if let syn::TraitItem::Fn(part) = part {
                        self.function(Some(&owner), &format!("{owner}::{}", part.sig.ident), &part.sig, "");
                    }
                }
            }
            syn::Item::Impl(item) => self.implementation(item),
            syn::Item::Const(item) if is_public(&item.vis) => {
                let text = format!("pub const {}: {}", item.ident, plain(&item.ty));
                self.add(&format!("const {}", item.ident), None, text.clone(), text, item.span());
            }
            syn::Item::Type(item) if is_public(&item.vis) => {
                let text = format!("pub type {}", item.ident);
                self.add(&format!("type {}", item.ident), None, text.clone(), text, item.span());
            }
            syn::Item::Use(item) if is_public(&item.vis) => self.reexports(&item.tree, item.span()),
            syn::Item::Mod(item) => {
                if is_public(&item.vis) {
                    let text = format!("pub mod {}", item.ident);
                    self.add(&format!("mod {}", item.ident), None, text.clone(), text, item.ident.span());
                }
                let is_test = item.attrs.iter().any(|attribute| plain(&attribute.meta).contains("test"));
                if let (Some((_, items)), false) = (&item.content, is_test) {
                    self.items(items);
                }
            }
            _ => {}
        }
    }

    fn structure(&mut self, item: &syn::ItemStruct) {
        let owner = item.ident.to_string();
        let head = format!("pub struct {owner}{}", plain(&item.generics));
        self.add(&owner, None, head.clone(), head, item.ident.span());
        for (index, field) in item.fields.iter().enumerate().filter(|(_, field)| is_public(&field.vis)) {
            let name = field.ident.as_ref().map_or_else(|| index.to_string(), ToString::to_string);
            let text = format!("pub {name}: {}", plain(&field.ty));
            self.add(&format!("{owner}::{name}"), Some(&owner), text.clone(), text, field.span());
        }
    }

    fn enumeration(&mut self, item: &syn::ItemEnum) {
        let owner = item.ident.to_string();
        let head = format!("pub enum {owner}{}", plain(&item.generics));
        self.add(&owner, None, head.clone(), head, item.ident.span());
        for variant in &item.variants {
            let text = format!("{}{}", variant.ident, plain(&variant.fields));
            let name = format!("{owner}::{}", variant.ident);
            self.add(&name, Some(&owner), text.clone(), text, variant.span());
        }
    }

    fn implementation(&mut self, item: &syn::ItemImpl) {
        let syn::Type::Path(path) = &*item.self_ty else { return };
        let Some(owner) = path.path.segments.last().map(|segment| segment.ident.to_string()) else { return };
        if let Some((_, of, _)) = &item.trait_ {
            let text = format!("impl {} for {}", plain(of), plain(&item.self_ty));
            let name = of.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
            self.add(&format!("impl {name} for {owner}"), None, text.clone(), text, item.self_ty.span());
            return;
        }
        for part in &item.items {
            match part {
                syn::ImplItem::Fn(part) if is_public(&part.vis) => {
                    let name = format!("{owner}::{}", part.sig.ident);
                    self.function(Some(&owner), &name, &part.sig, "pub ");
                }
                syn::ImplItem::Const(part) if is_public(&part.vis) => {
                    let text = format!("pub const {}: {}", part.ident, plain(&part.ty));
                    let name = format!("{owner}::{}", part.ident);
                    self.add(&name, Some(&owner), text.clone(), text, part.span());
                }
                _ => {}
            }
        }
    }

    fn function(&mut self, owner: Option<&str>, name: &str, signature: &syn::Signature, before: &str) {
        let mut shape = signature.clone();
        for argument in &mut shape.inputs {
            if let syn::FnArg::Typed(argument) = argument {
                *argument.pat = syn::Pat::Wild(syn::PatWild {
                    attrs: Vec::new(),
                    underscore_token: syn::token::Underscore::default(),
                });
            }
        }
        let text = signature.span().source_text().unwrap_or_else(|| plain(signature));
        let text = format!("{before}{}", text.split_whitespace().collect::<Vec<_>>().join(" "));
        self.add(name, owner, text, plain(&shape), signature.span());
    }

    fn reexports(&mut self, tree: &syn::UseTree, span: Span) {
        match tree {
            syn::UseTree::Path(path) => self.reexports(&path.tree, span),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.reexports(tree, span)),
            syn::UseTree::Name(name) => self.reexport(&name.ident.to_string(), span),
            syn::UseTree::Rename(rename) => self.reexport(&rename.rename.to_string(), span),
            syn::UseTree::Glob(_) => {}
        }
    }

    fn reexport(&mut self, name: &str, span: Span) {
        let text = format!("pub use ..::{name}");
        self.add(&format!("use {name}"), None, text.clone(), text, span);
    }

    fn add(&mut self, name: &str, owner: Option<&str>, text: String, shape: String, span: Span) {
        let item = Item {
            text,
            shape,
            owner: owner.map(str::to_owned),
            file: self.file.to_owned(),
            first_line: span.start().line,
            last_line: span.end().line,
        };
        self.items.insert(name.to_owned(), item);
    }
}

/// Tokens as text, without the spaces that the printer puts around every one.
fn plain(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (from, to) in
        [(" < ", "<"), (" >", ">"), (" ,", ","), (" :: ", "::"), ("& ", "&"), (" (", "("), ("' ", "'")]
    {
        text = text.replace(from, to);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Items {
        let mut items = Items::new();
        let parsed = syn::parse_file(text).unwrap();
        Reader { items: &mut items, file: "src/lib.rs" }.items(&parsed.items);
        items
    }

    #[test]
    fn names_of_arguments_do_not_count() {
        let mine =
            items("pub struct Bag; impl Bag { pub fn push(&mut self, number: u64) {} fn own(&self) {} }");
        let wanted = items("pub struct Bag; impl Bag { pub fn push(&mut self, value: u64) { todo!() } }");
        assert_eq!(mine["Bag::push"].shape, wanted["Bag::push"].shape);
        assert_eq!(mine["Bag::push"].text, "pub fn push(&mut self, number: u64)");
        assert!(!mine.contains_key("Bag::own"));
    }

    #[test]
    fn types_receivers_and_visibility_count() {
        let wanted = items("impl Bag { pub fn push(&mut self, value: u64) -> bool { true } }");
        for text in [
            "impl Bag { pub fn push(&mut self, value: &u64) -> bool { true } }",
            "impl Bag { pub fn push(self, value: u64) -> bool { true } }",
            "impl Bag { pub fn push(&mut self, value: u64) {} }",
        ] {
            assert_ne!(items(text)["Bag::push"].shape, wanted["Bag::push"].shape, "{text}");
        }
        assert!(items("impl Bag { fn push(&mut self) {} }").is_empty());
    }

    #[test]
    fn reexports_and_trait_impls_are_items() {
        let found =
            items("pub use bag::{Bag, Counter as Tally}; impl<T> Drop for Pair<T> { fn drop(&mut self) {} }");
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["impl Drop for Pair", "use Bag", "use Tally"]);
    }
}
