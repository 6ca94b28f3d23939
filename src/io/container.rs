//! The sealed container: a safetensors file with a kind, what reading it requires, a document and
//! named arrays of numbers. It knows no model.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::header::{self, Header, Tensor};
use super::refusal::{NOT_OURS, refuse, shown};
use crate::error::Result;

/// The version of the container and of the documents in it.
pub(super) const VERSION: &str = "1";

const FORMAT: &str = "coregion";
const CHECKSUM: &str = "checksum";
const DIGEST: usize = 32;
/// Bytes before the header: its length.
const PREFIX: usize = 8;
/// Most bytes of the list of requirements.
const LONGEST_REQUIRES: usize = 16_384;
/// Where in a file that is damaged its format is looked for.
const LOOKED_AT: usize = 4096;

/// An array of numbers, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
}

/// What a model file holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Container {
    /// Kind of the model, such as `multi-task-gp`.
    pub(super) kind: String,
    /// Names of all that a reader must know to read it, sorted.
    pub(super) requires: Vec<String>,
    /// A JSON document.
    pub(super) document: String,
    /// Arrays by name.
    pub(super) arrays: BTreeMap<String, Array>,
}

impl Container {
    /// Adds an array.
    ///
    /// # Errors
    /// A refusal where it holds a number that is not finite.
    pub(super) fn insert(&mut self, name: &str, shape: &[usize], values: Vec<f64>) -> Result<()> {
        finite(name, &values)?;
        self.arrays.insert(name.to_string(), Array { shape: shape.to_vec(), values });
        Ok(())
    }

    /// Adds an array that may hold NaN, all of which are written alike.
    ///
    /// # Errors
    /// A refusal where it holds an infinite number.
    pub(super) fn insert_with_gaps(
        &mut self,
        name: &str,
        shape: &[usize],
        mut values: Vec<f64>,
    ) -> Result<()> {
        values.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = f64::NAN);
        finite_or_gap(name, &values)?;
        self.arrays.insert(name.to_string(), Array { shape: shape.to_vec(), values });
        Ok(())
    }

    /// The shape (rows, columns) of an array, which must be there.
    ///
    /// # Errors
    /// A refusal where it is absent or no table.
    pub(super) fn table(&self, name: &str) -> Result<[usize; 2]> {
        match self.arrays.get(name).map(|a| a.shape.as_slice()) {
            Some(&[rows, columns]) => Ok([rows, columns]),
            Some(other) => Err(misshaped(name, other, "two dimensions")),
            None => Err(missing(name)),
        }
    }

    /// Takes the values of an array of that shape out.
    ///
    /// # Errors
    /// A refusal where it is absent, has another shape, or holds NaN.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f64>> {
        let values = self.take_with_gaps(name, shape)?;
        finite(name, &values)?;
        Ok(values)
    }

    /// Takes the values of an array of that shape out, which may hold NaN.
    ///
    /// # Errors
    /// A refusal where it is absent or has another shape.
    pub(super) fn take_with_gaps(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f64>> {
        match self.arrays.remove(name) {
            Some(array) if array.shape == shape => Ok(array.values),
            Some(array) => Err(misshaped(name, &array.shape, &format!("shape {shape:?}"))),
            None => Err(missing(name)),
        }
    }

    /// Refuses arrays that nothing has taken.
    ///
    /// # Errors
    /// A refusal that names one of them.
    pub(super) fn finish(&self) -> Result<()> {
        match self.arrays.keys().next() {
            None => Ok(()),
            Some(name) => {
                let problem = format!("it has an array {} that no such model has", shown(name));
                Err(refuse(problem, NOT_OURS))
            }
        }
    }

    /// The bytes of the file: the same container gives the same bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut tensors = Vec::new();
        let mut end = 0;
        for (name, array) in &self.arrays {
            let begin = end;
            end += 8 * array.values.len();
            let (dtype, shape) = ("F64".to_string(), array.shape.clone());
            tensors.push(Tensor { name: name.clone(), dtype, shape, begin, end });
        }
        tensors.push(Tensor {
            name: CHECKSUM.to_string(),
            dtype: "U8".to_string(),
            shape: vec![DIGEST],
            begin: end,
            end: end + DIGEST,
        });
        let requires = serde_json::Value::from(self.requires.clone()).to_string();
        let metadata = [
            ("format", FORMAT),
            ("version", VERSION),
            ("kind", &self.kind),
            ("writer", concat!("coregion ", env!("CARGO_PKG_VERSION"))),
            ("requires", &requires),
            ("model", &self.document),
        ];
        let mut text = header::write(&metadata, &tensors);
        // Numbers start at a multiple of their size.
        text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(8) - text.len()));
        let mut bytes = Vec::with_capacity(PREFIX + text.len() + end + DIGEST);
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
        for array in self.arrays.values() {
            array.values.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
        }
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        bytes
    }

    /// Reads a file of one of some kinds: the checksum first, then version, kind and requirements,
    /// then the arrays.
    ///
    /// # Errors
    /// A refusal that says what is wrong.
    pub(super) fn from_bytes(
        bytes: &[u8],
        kinds: &[&str],
        knows: impl Fn(&str) -> bool,
    ) -> Result<Self> {
        let (Header { mut metadata, tensors }, data) = unseal(bytes)?;
        check_version(&metadata)?;
        let mut entry = |key: &str| {
            let missing = || refuse(format!("its metadata has no '{key}'"), NOT_OURS);
            metadata.remove(key).ok_or_else(missing)
        };
        entry("format")?;
        entry("version")?;
        let writer = entry("writer")?;
        let found = entry("kind")?;
        if !kinds.contains(&found.as_str()) {
            let read = format!("read it with {}, which wrote it, or later", shown(&writer));
            return Err(refuse(
                format!(
                    "it holds a model of the kind {}, not {}",
                    shown(&found),
                    kinds.join(" or ")
                ),
                match kinds {
                    [_] => "load it as the kind of model it is: `coregion::load` finds out which",
                    _ => &read,
                },
            ));
        }
        let text = entry("requires")?;
        if text.len() > LONGEST_REQUIRES {
            return Err(refuse("the list of what it requires is too long", NOT_OURS));
        }
        let requires: Vec<String> = serde_json::from_str(&text).map_err(|e| {
            refuse(format!("the list of what it requires is broken: {e}"), NOT_OURS)
        })?;
        if let Some(unknown) = requires.iter().find(|name| !knows(name)) {
            return Err(refuse(
                format!("it requires {}, which this version does not have", shown(unknown)),
                format!("read it with {}, which wrote it, or later", shown(&writer)),
            ));
        }
        let document = entry("model")?;
        if let Some(key) = metadata.keys().next() {
            return Err(refuse(format!("its metadata has an unknown {}", shown(key)), NOT_OURS));
        }
        Ok(Container { kind: found, requires, document, arrays: arrays(&tensors, data)? })
    }
}

/// The kind of model in a file whose checksum and version are right.
///
/// # Errors
/// A refusal that says what is wrong.
pub(super) fn kind(bytes: &[u8]) -> Result<String> {
    let (Header { mut metadata, .. }, _) = unseal(bytes)?;
    check_version(&metadata)?;
    metadata.remove("kind").ok_or_else(|| refuse("its metadata has no 'kind'", NOT_OURS))
}

/// The header and the data of a file whose checksum is right.
fn unseal(bytes: &[u8]) -> Result<(Header, &[u8])> {
    if bytes.is_empty() {
        return Err(refuse("it is empty", "save the model again"));
    }
    let ours = bytes[..bytes.len().min(LOOKED_AT)]
        .windows(FORMAT.len() + 2)
        .any(|w| &w[1..=FORMAT.len()] == FORMAT.as_bytes() && w[0] == b'"');
    let damaged = |problem: &str| match ours {
        true => {
            refuse(problem, "it was cut short or changed: copy it again, or save the model again")
        }
        false => refuse("it is no model file", "give a file that `save` has written"),
    };
    let Some((length, rest)) = bytes.split_first_chunk::<PREFIX>() else {
        return Err(damaged("it is too short"));
    };
    let room = rest.len().saturating_sub(DIGEST);
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > room || length < 2 {
        return Err(damaged("it ends before its header and checksum do"));
    }
    let (sealed, checksum) = bytes.split_at(bytes.len() - DIGEST);
    if Sha256::digest(sealed).as_slice() != checksum {
        return Err(damaged("it is damaged: its checksum does not fit its content"));
    }
    let (text, data) = rest.split_at(length);
    let header =
        header::parse(text).map_err(|e| refuse(format!("its header is broken: {e}"), NOT_OURS))?;
    Ok((header, data))
}

/// Checks format and version, which come before everything else.
fn check_version(metadata: &BTreeMap<String, String>) -> Result<()> {
    if metadata.get("format").map(String::as_str) != Some(FORMAT) {
        return Err(refuse("it is no model file", "give a file that `save` has written"));
    }
    match metadata.get("version") {
        Some(version) if version == VERSION => Ok(()),
        Some(version) => {
            let writer = metadata.get("writer").map_or("a newer coregion", String::as_str);
            Err(refuse(
                format!("its format has version {}, this reads version {VERSION}", shown(version)),
                format!("read it with {}, which wrote it, or later", shown(writer)),
            ))
        }
        None => Err(refuse("it does not say its version", NOT_OURS)),
    }
}

/// The arrays of numbers; the checksum must be the last tensor, and no byte may be left over.
fn arrays(tensors: &[Tensor], data: &[u8]) -> Result<BTreeMap<String, Array>> {
    let mut order: Vec<&Tensor> = tensors.iter().collect();
    order.sort_by_key(|t| (t.begin, t.end));
    let broken = |t: &Tensor, what: &str| {
        Err(refuse(format!("its array {} {what}", shown(&t.name)), NOT_OURS))
    };
    let mut out = BTreeMap::new();
    let mut end = 0;
    for (place, t) in order.iter().enumerate() {
        let size = if t.dtype == "F64" { 8 } else { 1 };
        let bytes = t.shape.iter().try_fold(size, |product: usize, &s| product.checked_mul(s));
        if t.begin != end || t.end < t.begin || bytes != Some(t.end - t.begin) {
            return broken(t, "does not lie where it should");
        }
        end = t.end;
        let Some(content) = data.get(t.begin..t.end) else {
            return broken(t, "reaches beyond the end of the file");
        };
        let last = place + 1 == order.len();
        match t.dtype.as_str() {
            "F64" => {
                let values: Vec<f64> = content
                    .chunks_exact(8)
                    .map(|c| c.try_into().map_or(f64::NAN, f64::from_le_bytes))
                    .collect();
                finite_or_gap(&t.name, &values)?;
                out.insert(t.name.clone(), Array { shape: t.shape.clone(), values });
            }
            "U8" if last && t.name == CHECKSUM && t.shape == [DIGEST] => {}
            _ => return broken(t, "has a type that is not read, or stands out of order"),
        }
    }
    let sealed = order.last().is_some_and(|t| t.name == CHECKSUM && t.dtype == "U8");
    if !sealed || end != data.len() {
        return Err(refuse("its last array is not its checksum", NOT_OURS));
    }
    Ok(out)
}

fn finite(name: &str, values: &[f64]) -> Result<()> {
    without(name, values, |v| !v.is_finite())
}

/// NaN may stand in some arrays: who takes them says in which.
fn finite_or_gap(name: &str, values: &[f64]) -> Result<()> {
    without(name, values, f64::is_infinite)
}

fn without(name: &str, values: &[f64], bad: impl Fn(f64) -> bool) -> Result<()> {
    match values.iter().position(|v| bad(*v)) {
        None => Ok(()),
        Some(i) => {
            let problem = format!("its array {} holds {} at place {i}", shown(name), values[i]);
            Err(refuse(problem, "only finite numbers can be kept"))
        }
    }
}

fn missing(name: &str) -> crate::error::Error {
    refuse(format!("its array '{name}' is missing"), NOT_OURS)
}

fn misshaped(name: &str, found: &[usize], expected: &str) -> crate::error::Error {
    refuse(format!("its array '{name}' has shape {found:?} where {expected} is expected"), NOT_OURS)
}
