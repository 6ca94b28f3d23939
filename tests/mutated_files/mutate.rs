//! Changes of model files: of their bytes, and of what the bytes mean.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus as Random;
use serde_json::{Map, Value as Json, json};

use crate::sealed::{DIGEST, Parts, reseal, seal};

const WORDS: [&str; 15] = [
    "",
    "RBF",
    "Sum",
    "LowRank",
    "SpectralMixture",
    "components",
    "rank",
    "noise.variance",
    "full",
    "\u{0}",
    "ard",
    "terms[0].task.W",
    "auto",
    "schur",
    "cg",
];

/// A change of the bytes, wherever they are.
pub fn bytes(file: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..random.random_range(1..=3) {
        let n = file.len();
        if n < 16 {
            return;
        }
        let at = random.random_range(0..n);
        let longest = 1 << random.random_range(0..10);
        let length = random.random_range(1..=(n - at).min(longest));
        match random.random_range(0..8) {
            0 | 1 => file[at] ^= 1 << random.random_range(0..8),
            2 => file[at] = random.random(),
            3 => file.truncate(at),
            4 => {
                drop(file.splice(at..at, (0..length).map(|_| random.random()).collect::<Vec<u8>>()))
            }
            5 => drop(file.drain(at..at + length)),
            6 => {
                let other = random.random_range(0..n);
                file.swap(at, other);
            }
            _ => {
                let stretch = file[at..at + length].to_vec();
                file.splice(at..at, stretch);
            }
        }
    }
}

/// A change after which the checksum is right again.
pub fn sealed(file: &[u8], random: &mut Random) -> Vec<u8> {
    let mut parts = Parts::of(file);
    match random.random_range(0..10) {
        0 => {
            let mut inner = file[..file.len() - DIGEST].to_vec();
            bytes(&mut inner, random);
            reseal(&mut inner);
            inner
        }
        1 => {
            // Within the header, the length of which may be changed too.
            let mut header = parts.header.to_string().into_bytes();
            bytes(&mut header, random);
            let mut out = seal(&header, &parts.data);
            if random.random_bool(0.3) {
                out.truncate(out.len() - DIGEST);
                let length = header.len() as u64;
                let lies = [0, 1, 2, length - 1, length + 1, length * 2, u64::MAX, 1 << 40];
                out[..8].copy_from_slice(&lies[random.random_range(0..8)].to_le_bytes());
                reseal(&mut out);
            }
            out
        }
        2 => {
            change(&mut parts.header, random);
            parts.sealed()
        }
        3 | 4 => {
            for _ in 0..random.random_range(1..=3) {
                number(&mut parts.data, random);
            }
            parts.sealed()
        }
        5 => {
            reorder(&mut parts, random);
            parts.sealed()
        }
        6 => {
            // The text of the document: keys twice, numbers no number can be.
            let mut text = parts.document().to_string();
            edit_text(&mut text, random);
            parts.metadata().insert("model".to_string(), json!(text));
            parts.sealed()
        }
        _ => {
            let mut document = parts.document();
            for _ in 0..random.random_range(1..=2) {
                change(&mut document, random);
            }
            parts.set_document(&document);
            parts.sealed()
        }
    }
}

fn edit_text(text: &mut String, random: &mut Random) {
    let colons: Vec<usize> = text.match_indices(':').map(|(i, _)| i + 1).collect();
    let at = colons[random.random_range(0..colons.len())];
    let insert = match random.random_range(0..7) {
        0 => "1e999,\"a\":".to_string(),
        1 => format!("{}{}", "[".repeat(500), "]".repeat(500)),
        2 => "[1,1,1,1],\"name\":".to_string(),
        3 => format!("[{}1],\"values\":", "1,".repeat(3000)),
        4 => format!("[{}{{}}],\"children\":", "{},".repeat(3000)),
        5 => "-".to_string(),
        _ => {
            let start = random.random_range(0..text.len());
            let end = (start + random.random_range(1..40)).min(text.len());
            text.get(start..end).unwrap_or("").to_string()
        }
    };
    text.insert_str(at, &insert);
}

fn number(data: &mut [u8], random: &mut Random) {
    let at = 8 * random.random_range(0..data.len() / 8);
    let Some(place) = data.get_mut(at..at + 8) else { return };
    let old = f64::from_le_bytes(place.try_into().unwrap());
    let new = match random.random_range(0..14) {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => f64::NEG_INFINITY,
        3 => 1e308,
        4 => -old,
        5 => 0.0,
        6 => 5e-324,
        7 => old * 1e100,
        8 => old * 1e-100,
        9 => old * (1.0 + 1e-6),
        10 => old * (1.0 + 1e-9),
        _ => f64::from_bits(old.to_bits() ^ (1 << random.random_range(0..12))),
    };
    place.copy_from_slice(&new.to_le_bytes());
}

/// The arrays under each other's names, without one, or with one more.
fn reorder(parts: &mut Parts, random: &mut Random) {
    let header = parts.header.as_object_mut().unwrap();
    let names: Vec<String> = header.keys().filter(|k| *k != "__metadata__").cloned().collect();
    let mut pick = || names[random.random_range(0..names.len())].clone();
    let (a, b) = (pick(), pick());
    match random.random_range(0..5) {
        0 => {
            let (x, y) = (header[&a].clone(), header[&b].clone());
            header.insert(a, y);
            header.insert(b, x);
        }
        1 => drop(header.remove(&a)),
        2 => drop(header.insert("more".to_string(), header[&a].clone())),
        3 => header[&a]["shape"].as_array_mut().unwrap().reverse(),
        _ => {
            let size = random.random_range(0..5u64) * random.random_range(0..9u64);
            header[&a]["shape"][0] = json!(size);
        }
    }
}

fn count(node: &Json) -> usize {
    1 + match node {
        Json::Array(list) => list.iter().map(count).sum(),
        Json::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// The node of that number in the order of the text.
fn at<'a>(node: &'a mut Json, number: &mut usize) -> Option<&'a mut Json> {
    if *number == 0 {
        return Some(node);
    }
    *number -= 1;
    match node {
        Json::Array(list) => list.iter_mut().find_map(|child| at(child, number)),
        Json::Object(map) => map.values_mut().find_map(|child| at(child, number)),
        _ => None,
    }
}

/// Changes one node of a tree.
pub fn change(tree: &mut Json, random: &mut Random) {
    let n = count(tree);
    let other = at(tree, &mut random.random_range(0..n)).cloned().unwrap_or(Json::Null);
    let Some(node) = at(tree, &mut random.random_range(0..n)) else { return };
    if random.random_bool(0.1) {
        *node = other;
        return;
    }
    match node {
        Json::Null => *node = json!(1.5),
        Json::Bool(b) => *b = !*b,
        Json::Number(v) => *node = changed_number(v.as_f64().unwrap(), random),
        Json::String(s) => {
            *s = match random.random_range(0..4) {
                0 => "a".repeat(1000),
                1 => format!("{s}{s}"),
                _ => WORDS[random.random_range(0..WORDS.len())].to_string(),
            }
        }
        Json::Array(list) => match random.random_range(0..6) {
            0 => list.clear(),
            1 => drop(list.pop()),
            2 => list.push(other),
            3 => list.reverse(),
            4 => {
                let element = list.first().cloned().unwrap_or(json!(1));
                *list = vec![element; random.random_range(1..500)];
            }
            _ => *node = (0..random.random_range(1..100)).fold(node.take(), |n, _| json!([n])),
        },
        Json::Object(map) => change_object(map, other, random),
    }
}

fn change_object(map: &mut Map<String, Json>, other: Json, random: &mut Random) {
    let Some(key) = map.keys().nth(random.random_range(0..map.len().max(1))).cloned() else {
        return;
    };
    let word = WORDS[random.random_range(0..WORDS.len())].to_string();
    match random.random_range(0..4) {
        0 => drop(map.remove(&key)),
        1 => drop(map.insert(word, other)),
        2 => drop(map.insert(key, other)),
        _ => {
            let value = map.remove(&key).unwrap();
            map.insert(word, value);
        }
    }
}

fn changed_number(old: f64, random: &mut Random) -> Json {
    match random.random_range(0..14) {
        0 => json!(0),
        1 => json!(1),
        2 => json!(-1),
        3 => json!(old + 1.0),
        4 => json!(1e308),
        5 => json!(u64::MAX),
        6 => json!(1_000_000),
        7 => json!(1e6),
        8 => json!(1e-320),
        9 => json!(65),
        10 => json!(old as i64),
        11 => json!(-old),
        12 => json!(old * (1.0 + 1e-12)),
        _ => json!(old * 2.0),
    }
}
