//! The layering of the source: which room may use which, where the large dependencies may appear,
//! how long a file may be, and that every kernel and task covariance is registered.
//!
//! A room is the first segment of a path under `src`. The checks read the source as tokens:
//! comments, documentation and string literals do not count.

mod planted;
mod tokens;

use std::fs;
use std::io;
use std::path::Path;
use tokens::{Token, tokens};

/// Each room, and what it may use besides itself, separated by spaces. A room may only name rooms
/// that stand above it, so the table has no cycles.
const ROOMS: &[(&str, &str)] = &[
    ("error", ""),
    ("spec", "error"),
    ("param", "error spec"),
    ("data", "error"),
    ("linalg", "error"),
    ("op", "error linalg"),
    ("kernel", "error spec param data"),
    ("task", "error spec data param kernel op linalg"),
    ("warp", "error spec param"),
    ("matrix_kernel", "error spec param data kernel task op linalg"),
    ("gram", "error kernel linalg op"),
    ("solve", "error linalg op"),
    ("learn", "error linalg param"),
    ("gp", "error spec data param linalg op kernel task warp matrix_kernel gram solve learn"),
    ("ridge", "error spec data param linalg op kernel task matrix_kernel gram solve learn"),
    ("analysis", "error data linalg"),
    (
        "estimator",
        "error spec param data linalg op kernel task warp matrix_kernel gram solve learn gp ridge \
         analysis",
    ),
    (
        "io",
        "error spec param data linalg op kernel task warp matrix_kernel gram solve learn gp ridge \
         analysis estimator",
    ),
];

/// Names at the root of the crate that every room may use: aliases of what is in `crate::error`.
const ROOT_NAMES: &[&str] = &["Error", "Result"];

/// Files at the root of `src`, which belong to no room and may use all of them.
const ROOT_FILES: &[&str] = &["lib.rs"];

/// Crates that may be named under one folder only.
const CONFINED: &[(&str, &str)] = &[
    ("faer", "src/linalg"),
    ("ndarray_linalg", "src/linalg"),
    ("lapack_sys", "src/linalg"),
    ("cblas_sys", "src/linalg"),
    ("argmin", "src/learn"),
    ("wgpu", "src/gram"),
    ("pyo3", "python"),
];

/// Rooms with a `registry.rs`, and their modules that are not entries of it.
const REGISTRIES: &[(&str, &[&str])] = &[
    ("kernel", &["mod", "registry", "stationary", "pairwise", "inputs"]),
    ("task", &["mod", "registry", "noise", "scales"]),
    ("warp", &["mod", "registry", "column", "fitted", "moments", "power", "tasks"]),
];

const LONGEST_FILE: usize = 500;
const FOLDERS: &[&str] = &["src", "tests", "examples", "xtask", "python", "shaders"];
const EXTENSIONS: &[&str] = &["rs", "py", "wgsl"];

/// A file: its path from the root of the crate, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

#[test]
fn rooms_use_only_what_is_below_them() -> io::Result<()> {
    let sources = sources(&["src"], &["rs"])?;
    assert!(!sources.is_empty(), "no source found");
    report("layering", sources.iter().flat_map(room_violations).collect());
    Ok(())
}

#[test]
fn files_are_short() -> io::Result<()> {
    report("length", sources(FOLDERS, EXTENSIONS)?.iter().filter_map(length_violation).collect());
    Ok(())
}

#[test]
fn large_dependencies_stay_in_their_rooms() -> io::Result<()> {
    let sources = sources(FOLDERS, &["rs"])?;
    report("confinement", sources.iter().flat_map(confinement_violations).collect());
    Ok(())
}

#[test]
fn every_entry_is_registered() -> io::Result<()> {
    let sources = sources(&["src"], &["rs"])?;
    let violations = REGISTRIES
        .iter()
        .flat_map(|(room, infrastructure)| registry_violations(room, infrastructure, &sources));
    report("registry", violations.collect());
    Ok(())
}

#[test]
fn the_table_has_no_cycles() {
    for (index, (room, allowed)) in ROOMS.iter().enumerate() {
        for name in allowed.split_whitespace() {
            let above = ROOMS[..index].iter().any(|(other, _)| *other == name);
            assert!(above, "{room} may use {name}, which does not stand above it");
        }
    }
}

fn report(check: &str, violations: Vec<String>) {
    assert!(
        violations.is_empty(),
        "{check}: {} violations\n  {}",
        violations.len(),
        violations.join("\n  ")
    );
}

/// All files under the folders (those that exist) with one of the extensions, sorted by path.
fn sources(folders: &[&str], extensions: &[&str]) -> io::Result<Vec<Source>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut pending: Vec<String> = folders.iter().map(|folder| (*folder).to_owned()).collect();
    while let Some(folder) = pending.pop() {
        if !root.join(&folder).is_dir() {
            continue;
        }
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{folder}/{name}");
            let kind = entry.file_type()?;
            let generated = name.starts_with('.') || name == "target" || name == "__pycache__";
            if kind.is_dir() && !generated {
                pending.push(path);
            } else if kind.is_file() && extensions.iter().any(|e| name.ends_with(&format!(".{e}")))
            {
                found.push(Source { text: fs::read_to_string(entry.path())?, path });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn length_violation(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    let long = lines > LONGEST_FILE;
    long.then(|| format!("{}: {lines} lines, at most {LONGEST_FILE}", source.path))
}

/// The modules of a file from the root of the crate: `src/gp/exact.rs` is `gp`, `exact`.
fn modules(path: &str) -> Vec<&str> {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let mut modules: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
    if modules.last() == Some(&"mod") {
        modules.pop();
    }
    modules
}

fn room_violations(source: &Source) -> Vec<String> {
    let modules = modules(&source.path);
    if ROOT_FILES.iter().any(|file| source.path == format!("src/{file}")) {
        return Vec::new();
    }
    let Some((room, allowed)) = ROOMS.iter().find(|(room, _)| modules.first() == Some(room)) else {
        return vec![format!("{}: this room is not in the table", source.path)];
    };
    let mut violations = Vec::new();
    for (line, name) in root_references(&source.text, modules.len()) {
        let accepted = name == *room
            || allowed.split_whitespace().any(|other| other == name)
            || ROOT_NAMES.contains(&name.as_str());
        if !accepted {
            let known = ROOMS.iter().any(|(other, _)| *other == name);
            let why = if known { "may not be used by" } else { "is no room, used by" };
            violations.push(format!("{}:{line}: `{name}` {why} `{room}`", source.path));
        }
    }
    violations
}

/// What is named directly below the root of the crate in a module at `depth`, by `crate::name`, by
/// `crate::{name, ..}`, or by as many `super` as lead up to the root.
fn root_references(text: &str, depth: usize) -> Vec<(usize, String)> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut braces = 0_usize;
    // How many braces are open around each inline module that is open.
    let mut inline: Vec<usize> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let starts_path = at == 0 || tokens[at - 1].text != "::";
        match token.text.as_str() {
            "{" => {
                if at >= 2 && tokens[at - 2].text == "mod" {
                    inline.push(braces);
                }
                braces += 1;
            }
            "}" => {
                braces = braces.saturating_sub(1);
                if inline.last() == Some(&braces) {
                    inline.pop();
                }
            }
            "crate" if is(&tokens, at + 1, "::") => follow(&tokens, at + 2, 0, &mut found),
            "super" | "self" if starts_path => {
                follow(&tokens, at, depth + inline.len(), &mut found);
            }
            _ => {}
        }
    }
    found
}

/// Follows the path at `at`, seen from a module `above` levels below the root, and adds what it
/// names directly below the root.
fn follow(tokens: &[Token], at: usize, above: usize, found: &mut Vec<(usize, String)>) {
    let Some(token) = tokens.get(at) else { return };
    let goes_on = is(tokens, at + 1, "::");
    match token.text.as_str() {
        "super" if goes_on => follow(tokens, at + 2, above.saturating_sub(1), found),
        "self" if goes_on => follow(tokens, at + 2, above, found),
        "{" => {
            let mut open = 0_usize;
            for (index, token) in tokens.iter().enumerate().skip(at) {
                match token.text.as_str() {
                    "{" => open += 1,
                    "}" => open -= 1,
                    _ => {}
                }
                if open == 0 {
                    break;
                }
                let starts_element = open == 1 && matches!(token.text.as_str(), "{" | ",");
                if starts_element && !is(tokens, index + 1, "}") {
                    follow(tokens, index + 1, above, found);
                }
            }
        }
        name if above == 0 => found.push((token.line, name.to_owned())),
        _ => {}
    }
}

fn is(tokens: &[Token], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| token.text == text)
}

fn confinement_violations(source: &Source) -> Vec<String> {
    let tokens = tokens(&source.text);
    let mut violations = Vec::new();
    for (name, folder) in CONFINED {
        let file = format!("{folder}.rs");
        if source.path.starts_with(&format!("{folder}/")) || source.path == file {
            continue;
        }
        for (at, token) in tokens.iter().enumerate() {
            // `linalg::faer` is a module of ours, `::faer` the crate.
            let inside = at >= 2
                && tokens[at - 1].text == "::"
                && tokens[at - 2].text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
                && tokens[at - 2].text != "use";
            if token.text == *name && !inside {
                let place = format!("{}:{}", source.path, token.line);
                violations.push(format!("{place}: `{name}` may be used under {folder} only"));
            }
        }
    }
    violations
}

fn registry_violations(room: &str, infrastructure: &[&str], sources: &[Source]) -> Vec<String> {
    let registry = format!("src/{room}/registry.rs");
    let Some(registered) = sources.iter().find(|source| source.path == registry) else {
        return vec![format!("{registry} does not exist")];
    };
    let registered = tokens(&registered.text);
    let is_registered = |module: &str| {
        let mut triples = registered.windows(3);
        triples.any(|t| t[0].text == module && t[1].text == "::" && t[2].text == "ENTRY")
    };
    let mut violations = Vec::new();
    let mut entries = 0;
    for source in sources {
        // Files in deeper folders are parts of a module, not modules of the room.
        let modules = modules(&source.path);
        let [first, module] = modules[..] else {
            continue;
        };
        if first != room {
            continue;
        }
        let defines = defines_entry(&source.text);
        let path = &source.path;
        match (defines, is_registered(module)) {
            _ if infrastructure.contains(&module) => {}
            (true, true) => entries += 1,
            (true, false) => violations.push(format!("{path}: ENTRY is not in {registry}")),
            (false, true) => {
                violations.push(format!("{path}: registered, but without `pub(..) const ENTRY`"));
            }
            (false, false) => {
                violations
                    .push(format!("{path}: neither registered nor in the list of exceptions"));
            }
        }
    }
    if entries == 0 {
        violations.push(format!("{registry}: no entry found"));
    }
    violations
}

/// Whether the text has `pub(crate) const ENTRY` or `pub(super) const ENTRY`, or calls the macro that
/// makes it.
fn defines_entry(text: &str) -> bool {
    let tokens = tokens(text);
    let called = |pair: &[Token]| pair[0].text == "stationary_kernel" && pair[1].text == "!";
    if tokens.windows(2).any(called) {
        return true;
    }
    tokens.windows(6).any(|window| {
        let words: Vec<&str> = window.iter().map(|token| token.text.as_str()).collect();
        matches!(words[..], ["pub", "(", "crate" | "super", ")", "const", "ENTRY"])
    })
}
