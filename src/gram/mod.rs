//! Gram matrices, blocks between two sets of rows, and the pull-back of adjoints, in tiles.

mod cpu;

pub use cpu::{cross, diagonal, gram, gram_vjp};
