//! The header of a safetensors file: a JSON object of strings and of tensors, read with bounds.
//!
//! Written here rather than by the safetensors crate for two reasons: that crate buffers the header
//! before it looks at it, which takes many times its size, and it writes metadata in an order that
//! changes from run to run. Tests read what is written here with that crate.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Most tensors of a file.
const MAX_TENSORS: usize = 256;
/// Most dimensions of a tensor.
const MAX_RANK: usize = 8;
/// Most entries of `__metadata__`.
const MAX_METADATA: usize = 64;

const METADATA: &str = "__metadata__";

/// One tensor: type, shape and place in the bytes that follow the header.
#[derive(Debug, PartialEq)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) dtype: String,
    pub(super) shape: Vec<usize>,
    pub(super) begin: usize,
    pub(super) end: usize,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Header {
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) tensors: Vec<Tensor>,
}

/// Reads a header.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(text: &[u8]) -> Result<Header, String> {
    serde_json::from_slice(text).map_err(|e| e.to_string())
}

/// The text of a header, metadata first, each in the order given.
pub(super) fn write(metadata: &[(&str, &str)], tensors: &[Tensor]) -> String {
    let quoted = |s: &str| serde_json::Value::from(s).to_string();
    let entries: Vec<String> =
        metadata.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
    let mut out = format!("{{\"{METADATA}\":{{{}}}", entries.join(","));
    for t in tensors {
        let place = format!("[{},{}]", t.begin, t.end);
        out += &format!(
            ",{}:{{\"dtype\":{},\"shape\":{:?},\"data_offsets\":{place}}}",
            quoted(&t.name),
            quoted(&t.dtype),
            t.shape
        );
    }
    out + "}"
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfHeader)
    }
}

struct OfHeader;

impl<'de> Visitor<'de> for OfHeader {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of metadata and tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut header = Header::default();
        let mut seen = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == METADATA {
                if std::mem::replace(&mut seen, true) {
                    return Err(A::Error::custom("metadata twice"));
                }
                header.metadata = map.next_value::<Metadata>()?.0;
                continue;
            }
            let Info { dtype, shape: Shape(shape), data_offsets: [begin, end] } =
                map.next_value()?;
            if header.tensors.len() == MAX_TENSORS {
                return Err(A::Error::custom(format!("more than {MAX_TENSORS} tensors")));
            }
            if header.tensors.iter().any(|t| t.name == name) {
                return Err(A::Error::custom("a tensor twice"));
            }
            header.tensors.push(Tensor { name, dtype, shape, begin, end });
        }
        Ok(header)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Info {
    dtype: String,
    shape: Shape,
    data_offsets: [usize; 2],
}

struct Shape(Vec<usize>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(OfShape)
    }
}

struct OfShape;

impl<'de> Visitor<'de> for OfShape {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {MAX_RANK} whole numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut shape = Vec::new();
        while let Some(size) = seq.next_element()? {
            if shape.len() == MAX_RANK {
                return Err(A::Error::invalid_length(MAX_RANK + 1, &self));
            }
            shape.push(size);
        }
        Ok(Shape(shape))
    }
}

struct Metadata(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfMetadata)
    }
}

struct OfMetadata;

impl<'de> Visitor<'de> for OfMetadata {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of at most {MAX_METADATA} strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
        let mut out = BTreeMap::new();
        while let Some((key, value)) = map.next_entry()? {
            if out.len() == MAX_METADATA {
                return Err(A::Error::invalid_length(MAX_METADATA + 1, &self));
            }
            if out.insert(key, value).is_some() {
                return Err(A::Error::custom("an entry of the metadata twice"));
            }
        }
        Ok(Metadata(out))
    }
}
