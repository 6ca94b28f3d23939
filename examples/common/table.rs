//! A CSV file with a header, read whole.

use std::error::Error;
use std::fmt::Display;
use std::path::Path;

use csv::StringRecord;
use ndarray::Array2;

/// The cells of a file.
pub(crate) struct Table {
    /// Name of the file, for messages.
    name: String,
    header: StringRecord,
    records: Vec<StringRecord>,
}

impl Table {
    /// Reads the file at that path.
    pub(crate) fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let name = path.display().to_string();
        let failed = |e: csv::Error| format!("{name}: {e}");
        let mut reader = csv::Reader::from_path(path).map_err(failed)?;
        let header = reader.headers().map_err(failed)?.clone();
        let records = reader.records().collect::<Result<Vec<_>, _>>().map_err(failed)?;
        Ok(Table { name, header, records })
    }

    /// The cells of a column.
    pub(crate) fn texts(&self, column: &str) -> Result<Vec<&str>, Box<dyn Error>> {
        let place = self.place(column)?;
        Ok(self.records.iter().map(|record| &record[place]).collect())
    }

    /// The numbers in some columns (n, columns).
    pub(crate) fn numbers<S: AsRef<str>>(
        &self,
        columns: &[S],
    ) -> Result<Array2<f64>, Box<dyn Error>> {
        let places =
            columns.iter().map(|c| self.place(c.as_ref())).collect::<Result<Vec<_>, _>>()?;
        let mut numbers = Vec::with_capacity(self.records.len() * places.len());
        for record in &self.records {
            for &place in &places {
                let cell = &record[place];
                numbers
                    .push(cell.parse::<f64>().map_err(|e| self.error(&format!("'{cell}': {e}")))?);
            }
        }
        Ok(Array2::from_shape_vec((self.records.len(), places.len()), numbers)?)
    }

    fn place(&self, column: &str) -> Result<usize, String> {
        let found = self.header.iter().position(|h| h == column);
        found.ok_or_else(|| self.error(&format!("no column '{column}'")))
    }

    fn error(&self, problem: &dyn Display) -> String {
        format!("{}: {problem}", self.name)
    }
}
