//! The figure: cadmium predicted with and without other metals, and the correlations learned.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::heatmap::{Correlations, draw_correlations};
use crate::scatter::{Scatter, draw_scatter};

const SIZE: (u32, u32) = (1160, 560);

/// Writes the figure as an SVG file.
pub(crate) fn draw(
    path: &Path,
    scatter: &Scatter,
    correlations: &Correlations,
) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(SIZE.0 / 2);
    draw_scatter(&left, scatter)?;
    draw_correlations(&right, correlations)?;
    root.present()?;
    Ok(())
}
