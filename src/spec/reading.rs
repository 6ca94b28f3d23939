//! Values read from a stream in one pass, without a copy in between: what serde does for untagged
//! enums keeps 32 bytes for each number that is two bytes long in a file.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use super::Value;

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfValue)
    }
}

/// What may stand in a list.
enum Element {
    Count(usize),
    Number(f64),
    Row(Vec<f64>),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfElement)
    }
}

/// Adds an element; lists grow by quarters, so that at most 2.25 times their size is in use.
fn push<T>(list: &mut Vec<T>, element: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 4).max(1));
    }
    list.push(element);
}

/// A list that grows as [`push`] says.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(OfList(PhantomData))
}

struct OfList<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfList<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            push(&mut list, element);
        }
        Ok(list)
    }
}

fn whole(v: u64) -> Option<usize> {
    usize::try_from(v).ok()
}

fn numbers<'de, A: SeqAccess<'de>>(mut seq: A, mut list: Vec<f64>) -> Result<Vec<f64>, A::Error> {
    while let Some(v) = seq.next_element()? {
        push(&mut list, v);
    }
    Ok(list)
}

struct OfValue;

impl<'de> Visitor<'de> for OfValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a switch, a number, a word, a list of numbers or a list of rows")
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Value, E> {
        Ok(whole(v).map_or(Value::Number(v as f64), Value::Count))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Value, E> {
        Ok(usize::try_from(v).map_or(Value::Number(v as f64), Value::Count))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Value, E> {
        Ok(Value::Number(v))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut counts = Vec::new();
        while let Some(element) = seq.next_element()? {
            match element {
                Element::Count(c) => push(&mut counts, c),
                Element::Number(v) => {
                    let mut list: Vec<f64> = counts.into_iter().map(|c| c as f64).collect();
                    push(&mut list, v);
                    return numbers(seq, list).map(Value::Vector);
                }
                Element::Row(row) if counts.is_empty() => {
                    let mut rows = vec![row];
                    while let Some(element) = seq.next_element()? {
                        let Element::Row(row) = element else {
                            return Err(A::Error::custom("a list of rows holds a number"));
                        };
                        push(&mut rows, row);
                    }
                    return Ok(Value::Matrix(rows));
                }
                Element::Row(_) => return Err(A::Error::custom("a list of numbers holds a list")),
            }
        }
        Ok(Value::Counts(counts))
    }
}

struct OfElement;

impl<'de> Visitor<'de> for OfElement {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a list of numbers")
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Element, E> {
        Ok(whole(v).map_or(Element::Number(v as f64), Element::Count))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Element, E> {
        Ok(usize::try_from(v).map_or(Element::Number(v as f64), Element::Count))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Element, E> {
        Ok(Element::Number(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Element, A::Error> {
        numbers(seq, Vec::new()).map(Element::Row)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde::de::value::{Error as Plain, F64Deserializer};

    #[test]
    fn lists_are_what_their_elements_are() {
        let read = |list: Vec<f64>| {
            let seq = serde::de::value::SeqDeserializer::<_, Plain>::new(list.into_iter());
            Value::deserialize(seq).unwrap()
        };
        assert_eq!(read(vec![]), Value::Counts(vec![]));
        assert_eq!(read(vec![1.0; 9]), Value::Vector(vec![1.0; 9]));
        let one = F64Deserializer::<Plain>::new(2.0);
        assert_eq!(Value::deserialize(one).unwrap(), Value::Number(2.0));
        for (text, value) in [
            ("[1, 2]", Value::Counts(vec![1, 2])),
            ("[1, -2]", Value::Vector(vec![1.0, -2.0])),
            ("[[1, 2.5], [3, 4]]", Value::Matrix(vec![vec![1.0, 2.5], vec![3.0, 4.0]])),
            ("-3", Value::Number(-3.0)),
            ("3", Value::Count(3)),
            ("3.0", Value::Number(3.0)),
            ("18446744073709551616", Value::Number(18446744073709551616.0)),
            ("true", Value::Bool(true)),
            ("\"a\"", Value::Text("a".to_string())),
        ] {
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), value, "{text}");
        }
        for text in ["[1, [2]]", "[[1], 2]", "[[[1]]]", "[\"a\"]", "null", "{}"] {
            assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
        }
    }
}
