//! Descriptions in documents: trees of nodes and lists, counted before they are built.

use serde::de::{Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::refusal::{NOT_OURS, refuse};
use crate::error::{Error, Result};
use crate::spec::{Spec, Value};

/// Most nodes of a description, and most nodes above each other.
const MAX_NODES: usize = 1000;
const MAX_DEPTH: usize = 32;
/// Counts up to this are plausible whatever the arrays say: degrees of polynomials and the like.
const SMALL_COUNT: usize = 64;

/// A part of a document as JSON.
///
/// # Errors
/// A refusal where it holds a number that JSON has no form for.
pub(super) fn to_raw<T>(what: &str, value: &T) -> Result<Box<RawValue>>
where
    T: serde::Serialize + DeserializeOwned + PartialEq,
{
    let broken = |e: serde_json::Error| refuse(format!("{what} cannot be written: {e}"), KEEP);
    let raw = serde_json::value::to_raw_value(value).map_err(broken)?;
    // JSON has no NaN and no infinity: what does not come back as it was is not kept.
    match serde_json::from_str::<T>(raw.get()) {
        Ok(back) if back == *value => Ok(raw),
        _ => Err(refuse(format!("{what} holds a number that is not finite"), KEEP)),
    }
}

const KEEP: &str = "a model with such values cannot be kept in a file";

/// A tree of nodes, whose size is bounded before it is built.
///
/// # Errors
/// A refusal where it is too large, too deep or no tree of nodes.
pub(super) fn read_tree(what: &str, raw: &RawValue) -> Result<Spec> {
    // A node is an object, and so are its values.
    if tally(raw.get()).objects > 2 * MAX_NODES {
        return Err(too_large(what));
    }
    let tree = serde_json::from_str(raw.get())
        .map_err(|e| refuse(format!("its {what} is broken: {e}"), NOT_OURS))?;
    check_size(what, &tree)?;
    Ok(tree)
}

/// Refuses trees that a reader would refuse.
///
/// # Errors
/// A refusal where it is too large or too deep.
pub(super) fn check_size(what: &str, tree: &Spec) -> Result<()> {
    match nodes(tree) {
        (count, depth) if count > MAX_NODES || depth > MAX_DEPTH => Err(too_large(what)),
        _ => Ok(()),
    }
}

fn too_large(what: &str) -> Error {
    refuse(
        format!("its {what} has more than {MAX_NODES} parts or {MAX_DEPTH} above each other"),
        "a model file keeps smaller ones only",
    )
}

/// Number of nodes and the longest way down.
pub(super) fn nodes(tree: &Spec) -> (usize, usize) {
    let below = tree.children.iter().map(nodes);
    let (count, depth) = below.fold((0, 0), |(c, d), (n, m)| (c + n, d.max(m)));
    (count + 1, depth + 1)
}

/// Refuses counts in a tree that no model with so many parameters has: components, ranks.
///
/// # Errors
/// A refusal that names the value.
pub(super) fn check_counts(tree: &Spec, n_parameters: usize) -> Result<()> {
    for (name, value) in tree.values.iter() {
        if matches!(value, Value::Count(c) if *c > n_parameters.max(SMALL_COUNT)) {
            let problem = format!(
                "{}.{name} is {value}, but it has only {n_parameters} parameters",
                super::refusal::shown(&tree.name)
            );
            return Err(refuse(problem, NOT_OURS));
        }
    }
    tree.children.iter().try_for_each(|child| check_counts(child, n_parameters))
}

/// A list of at most so many elements, with memory for just as many as there are.
///
/// # Errors
/// A refusal where it is longer, or no such list.
pub(super) fn read_list<T: DeserializeOwned>(
    what: &str,
    raw: &RawValue,
    most: usize,
) -> Result<Vec<T>> {
    let elements = tally(raw.get()).elements;
    if elements > most {
        let problem = format!("its {what} has {elements} elements, at most {most} are expected");
        return Err(refuse(problem, NOT_OURS));
    }
    let mut json = serde_json::Deserializer::from_str(raw.get());
    let list = List { elements, of: std::marker::PhantomData };
    list.deserialize(&mut json).map_err(|e| refuse(format!("its {what} is broken: {e}"), NOT_OURS))
}

struct List<T> {
    elements: usize,
    of: std::marker::PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for List<T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut out = Vec::with_capacity(self.elements);
        while let Some(element) = seq.next_element()? {
            out.push(element);
        }
        Ok(out)
    }
}

/// What is counted in JSON text without building anything.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    /// Objects, at any depth.
    objects: usize,
    /// Elements of the outermost list.
    elements: usize,
}

fn tally(text: &str) -> Tally {
    let mut out = Tally::default();
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        if in_string {
            (in_string, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            continue;
        }
        if depth == 1 && out.elements == 0 && !byte.is_ascii_whitespace() && byte != b']' {
            out.elements = 1;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                out.objects += usize::from(byte == b'{');
                depth += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 1 => out.elements += 1,
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_objects_are_counted() {
        for (text, objects, elements) in [
            ("[]", 0, 0),
            ("[ ]", 0, 0),
            ("[1]", 0, 1),
            ("[[], []]", 0, 2),
            ("[\"a,b\", \"\\\",{\", \"\\\\\"]", 0, 3),
            ("[{\"a\": [1, 2]}, {}]", 2, 2),
        ] {
            assert_eq!(tally(text), Tally { objects, elements }, "{text}");
        }
    }
}
