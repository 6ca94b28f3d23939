//! The checks see what they should: each finds the violations planted in a text.

use super::tokens::tokens;
use super::*;

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

fn words(text: &str) -> Vec<String> {
    tokens(text).into_iter().map(|token| token.text).collect()
}

#[test]
fn comments_and_literals_are_no_tokens() {
    let text = r####"
        //! faer
        /// crate::gp
        a /* faer /* nested */ faer */ b // faer
        "faer \" faer" c r#"faer " faer"# d b"faer" '"' e '\'' f '\u{66}' <'faer> r#type
    "####;
    // A lifetime keeps its name, which is no path.
    let expected = ["a", "b", "c", "d", "e", "f", "<", "faer", ">", "type"];
    assert_eq!(words(text), expected);
}

#[test]
fn forbidden_rooms_are_seen() {
    let text = "use crate::error::Result;\n\
                use crate::{spec, gp::{exact, estimator}, Error, Dataset};\n\
                // use crate::solve;\n\
                pub(crate) fn f() -> crate::kernel::Kernel { super::super::learn::g() }\n\
                mod tests { use super::*; use super::super::x; use super::super::super::io; }\n\
                use super::super::{op, self};\n\
                use super::{super::io as disk, sibling::gp}; use self::super::super::gram::X;";
    let found = room_violations(&source("src/kernel/rbf.rs", text));
    let expected = [
        "src/kernel/rbf.rs:2: `gp` may not be used by `kernel`",
        "src/kernel/rbf.rs:2: `Dataset` is no room, used by `kernel`",
        "src/kernel/rbf.rs:4: `learn` may not be used by `kernel`",
        "src/kernel/rbf.rs:5: `io` may not be used by `kernel`",
        "src/kernel/rbf.rs:6: `op` may not be used by `kernel`",
        "src/kernel/rbf.rs:6: `self` is no room, used by `kernel`",
        "src/kernel/rbf.rs:7: `io` may not be used by `kernel`",
        "src/kernel/rbf.rs:7: `gram` may not be used by `kernel`",
    ];
    assert_eq!(found, expected);
    assert!(!room_violations(&source("src/attic/mod.rs", "")).is_empty());
    assert!(!room_violations(&source("src/op.rs", "use crate::*;")).is_empty());
    assert!(!room_violations(&source("src/op/mod.rs", "use super::gp;")).is_empty());
    assert!(room_violations(&source("src/lib.rs", "pub use crate::gp::X;")).is_empty());
}

#[test]
fn escaped_dependencies_are_seen() {
    let text = "use faer::Mat;\nuse ::faer::Mat;\nfn f() -> wgpu::Device {}\n// argmin";
    let found = confinement_violations(&source("src/solve/mod.rs", text));
    assert_eq!(found.len(), 3, "{found:?}");
    let text = "use crate::linalg::faer::f; const A: &str = \"pyo3\";";
    assert!(confinement_violations(&source("src/solve/mod.rs", text)).is_empty());
    assert!(confinement_violations(&source("src/linalg/faer.rs", "use faer::Mat;")).is_empty());
    assert!(!confinement_violations(&source("src/linalg2/a.rs", "use faer::Mat;")).is_empty());
}

#[test]
fn long_files_are_seen() {
    assert!(length_violation(&source("src/a.rs", &"\n".repeat(500))).is_none());
    assert!(length_violation(&source("src/a.rs", &"\n".repeat(501))).is_some());
}

#[test]
fn missing_registrations_are_seen() {
    let entry = "pub(super) const ENTRY: Entry = Entry {};";
    let mut sources = vec![
        source("src/kernel/mod.rs", ""),
        source("src/kernel/registry.rs", "&[&rbf::ENTRY, super::linear::ENTRY]"),
        source("src/kernel/rbf.rs", entry),
        source("src/kernel/linear.rs", "pub(crate) const ENTRY: Entry = Entry {};"),
        source("src/kernel/deep/part.rs", entry),
    ];
    let check = |sources: &[Source]| registry_violations("kernel", &["mod", "registry"], sources);
    assert!(check(&sources).is_empty(), "{:?}", check(&sources));
    sources.push(source("src/kernel/forgotten.rs", entry));
    sources.push(source("src/kernel/helper.rs", "// rbf::ENTRY"));
    assert_eq!(check(&sources).len(), 2);
    assert_eq!(check(&[]).len(), 1);
}
