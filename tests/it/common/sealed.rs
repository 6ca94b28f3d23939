//! Model files taken apart and sealed again with a right checksum.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

/// The bytes of a checksum.
pub const DIGEST: usize = 32;

/// A model file: its header as JSON, and the bytes after it without the checksum.
#[derive(Clone)]
pub struct Parts {
    pub header: Json,
    pub data: Vec<u8>,
}

impl Parts {
    pub fn of(bytes: &[u8]) -> Self {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        Parts { header, data: bytes[8 + length..bytes.len() - DIGEST].to_vec() }
    }

    pub fn metadata(&mut self) -> &mut Map<String, Json> {
        self.header["__metadata__"].as_object_mut().unwrap()
    }

    pub fn document(&self) -> Json {
        serde_json::from_str(self.header["__metadata__"]["model"].as_str().unwrap()).unwrap()
    }

    pub fn set_document(&mut self, document: &Json) {
        self.metadata().insert("model".to_string(), json!(document.to_string()));
    }

    /// The place of an array among the data.
    pub fn place(&self, name: &str) -> std::ops::Range<usize> {
        let offset = |i: usize| self.header[name]["data_offsets"][i].as_u64().unwrap() as usize;
        offset(0)..offset(1)
    }

    pub fn sealed(&self) -> Vec<u8> {
        seal(self.header.to_string().as_bytes(), &self.data)
    }
}

/// A file of a header and data with a right checksum.
pub fn seal(header: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(data);
    reseal(&mut bytes);
    bytes
}

/// Adds the checksum of all bytes.
pub fn reseal(bytes: &mut Vec<u8>) {
    let digest = Sha256::digest(&*bytes);
    bytes.extend(digest);
}

/// The file with its document changed, sealed.
pub fn with_document(bytes: &[u8], change: impl FnOnce(&mut Json)) -> Vec<u8> {
    let mut parts = Parts::of(bytes);
    let mut document = parts.document();
    change(&mut document);
    parts.set_document(&document);
    parts.sealed()
}

/// The file with its header changed, sealed.
pub fn with_header(bytes: &[u8], change: impl FnOnce(&mut Json)) -> Vec<u8> {
    let mut parts = Parts::of(bytes);
    change(&mut parts.header);
    parts.sealed()
}
