//! Rust source as tokens, as far as the checks need it.

/// A word, `::`, or a single sign, with the line it is on.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

/// Splits Rust source into tokens. Comments and literals of strings and characters are left out.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let (mut i, mut line) = (0, 1);
    while i < chars.len() {
        let start = i;
        let mut token = None;
        if at(i) == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if at(i) == '/' && at(i + 1) == '*' {
            let mut open = 0_usize;
            while i < chars.len() {
                let step = match (at(i), at(i + 1)) {
                    ('/', '*') => {
                        open += 1;
                        2
                    }
                    ('*', '/') => {
                        open -= 1;
                        2
                    }
                    _ => 1,
                };
                i += step;
                if open == 0 {
                    break;
                }
            }
        } else if at(i) == '"' {
            i = string_end(&chars, i);
        } else if at(i) == '\'' {
            i = quote_end(&chars, i);
        } else if is_word(at(i)) {
            while is_word(at(i)) {
                i += 1;
            }
            let word: String = chars[start..i].iter().collect();
            let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
            if matches!(word.as_str(), "r" | "br" | "cr") && at(i + hashes) == '"' {
                i = raw_string_end(&chars, i + hashes + 1, hashes);
            } else if word == "r" && hashes == 1 {
                i += 1; // raw identifier: the name follows as a token of its own
            } else if !(matches!(word.as_str(), "b" | "c") && matches!(at(i), '"' | '\'')) {
                token = Some(word);
            }
        } else if at(i) == ':' && at(i + 1) == ':' {
            i += 2;
            token = Some("::".to_owned());
        } else {
            if !at(i).is_whitespace() {
                token = Some(at(i).to_string());
            }
            i += 1;
        }
        found.extend(token.map(|text| Token { text, line }));
        line += chars[start..i.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    found
}

/// The index after a string literal that opens at `open`.
fn string_end(chars: &[char], open: usize) -> usize {
    let mut i = open + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// The index after a raw string literal whose text begins at `start`.
fn raw_string_end(chars: &[char], start: usize, hashes: usize) -> usize {
    let closes = |i: &usize| {
        chars[*i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes
    };
    (start..chars.len()).find(closes).map_or(chars.len(), |i| i + 1 + hashes)
}

/// The index after a character literal, or after the sign of a lifetime.
fn quote_end(chars: &[char], open: usize) -> usize {
    match (chars.get(open + 1), chars.get(open + 2)) {
        (Some('\\'), _) => {
            let rest = chars.iter().skip(open + 3).position(|c| *c == '\'');
            rest.map_or(chars.len(), |length| open + 3 + length + 1)
        }
        (_, Some('\'')) => open + 3,
        _ => open + 1,
    }
}
