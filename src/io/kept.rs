//! Saving and loading of fitted models.

use std::path::Path;

use super::container::{self, Container};
use super::refusal::named;
use super::{LoadOptions, features, files, kernel_ridge, multi_task_gp};
use crate::error::Result;
use crate::estimator::{Fitted, FittedMultiTaskGp, FittedMultiTaskKernelRidge};

/// What stands for the path where there is none.
const NO_PATH: &str = "(bytes)";

fn shown(path: &Path) -> String {
    format!("'{}'", path.display())
}

/// A model of some kinds, out of a container.
type Unpack<T> = fn(Container, &LoadOptions) -> Result<T>;

fn write(path: &Path, file: Result<Container>) -> Result<()> {
    named(&shown(path), file.and_then(|file| files::write(path, &file.to_bytes())))
}

fn to_bytes(file: Result<Container>) -> Result<Vec<u8>> {
    named(NO_PATH, file.map(|file| file.to_bytes()))
}

fn read<T>(path: &Path, options: &LoadOptions, kinds: &[&str], unpack: Unpack<T>) -> Result<T> {
    let read = || {
        let bytes = files::read(path, options.budget())?;
        let file = Container::from_bytes(&bytes, kinds, features::known)?;
        drop(bytes);
        unpack(file, options)
    };
    named(&shown(path), read())
}

fn from_bytes<T>(
    bytes: &[u8],
    options: &LoadOptions,
    kinds: &[&str],
    unpack: Unpack<T>,
) -> Result<T> {
    let file = Container::from_bytes(bytes, kinds, features::known);
    named(NO_PATH, file.and_then(|file| unpack(file, options)))
}

/// Loads the model in a file, of whatever kind it is.
///
/// ```
/// use coregion::{estimator::Fitted, prelude::*};
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let data = Dataset::new(x.view(), y.view())?;
/// # let path = std::env::temp_dir().join(format!("coregion-any-{}.safetensors", std::process::id()));
/// let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).fit(&data)?;
/// ridge.save(&path)?;
/// let Fitted::Ridge(again) = coregion::load(&path)? else { unreachable!() };
/// assert_eq!(again.to_string(), ridge.to_string());
/// # std::fs::remove_file(&path).ok();
/// # Ok::<(), coregion::Error>(())
/// ```
///
/// # Errors
/// As [`FittedMultiTaskGp::load`].
pub fn load(path: impl AsRef<Path>) -> Result<Fitted> {
    load_with(path, &LoadOptions::default())
}

/// As [`load`], with options.
///
/// # Errors
/// As [`FittedMultiTaskGp::load`].
pub fn load_with(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Fitted> {
    let kinds = [multi_task_gp::KIND, kernel_ridge::KIND];
    read(path.as_ref(), options, &kinds, |file, options| {
        Ok(match file.kind.as_str() {
            kernel_ridge::KIND => Fitted::Ridge(Box::new(kernel_ridge::unpack(file, options)?)),
            _ => Fitted::Gp(Box::new(multi_task_gp::unpack(file, options)?)),
        })
    })
}

/// The kind of model that the bytes of a model file hold, to choose the type to load it as. Its
/// checksum and version are checked, its content is not.
///
/// ```
/// use coregion::{io, prelude::*};
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// assert_eq!(io::kind(&gp.to_bytes()?)?, "multi-task-gp");
/// assert!(matches!(io::kind(b"something else"), Err(Error::ModelFile { .. })));
/// # Ok::<(), coregion::Error>(())
/// ```
///
/// # Errors
/// [`crate::Error::ModelFile`] for bytes that are no model file, damaged, or of a later version.
pub fn kind(bytes: &[u8]) -> Result<String> {
    named(NO_PATH, container::kind(bytes))
}

impl FittedMultiTaskGp {
    /// Saves the model as a file in the format of [`crate::io`]. The file is complete under its name
    /// or not there: it is written beside it and renamed. A file of that name is replaced.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// # let path = std::env::temp_dir().join(format!("coregion-{}.safetensors", std::process::id()));
    /// gp.save(&path)?;
    /// let again = FittedMultiTaskGp::load(&path)?;
    /// assert_eq!(again.to_string(), gp.to_string());
    /// let xs = array![[2.5]];
    /// let mean = |gp: &FittedMultiTaskGp| Ok::<_, Error>(gp.predict(xs.view(), Uncertainty::None)?.mean);
    /// assert_eq!(mean(&again)?, mean(&gp)?);
    /// # std::fs::remove_file(&path).ok();
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::ModelFile`] with the message of the system where it cannot be written, and
    /// where the model has values that a file cannot keep.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write(path.as_ref(), multi_task_gp::pack(self))
    }

    /// Loads a model that [`FittedMultiTaskGp::save`] has written. The kernel is evaluated and the
    /// covariance factored again by the same solver: for a complete table n^3 operations and about 5 n^2
    /// doubles. The data set and predictions are those of the model saved.
    ///
    /// ```
    /// use coregion::prelude::*;
    /// let error = FittedMultiTaskGp::load("no/such/file").unwrap_err();
    /// assert!(matches!(error, Error::ModelFile { .. }));
    /// assert!(error.to_string().starts_with("model file 'no/such/file': it cannot be read"));
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::ModelFile`] for a file that cannot be read, is damaged, belongs to a later
    /// version, or holds no usable model; [`crate::Error::Memory`] for one that asks for more than
    /// the 8 GiB of [`LoadOptions::default`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(path, &LoadOptions::default())
    }

    /// As [`FittedMultiTaskGp::load`], with options.
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::load`].
    pub fn load_with(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self> {
        read(path.as_ref(), options, &[multi_task_gp::KIND], multi_task_gp::unpack)
    }

    /// The bytes of the file that [`FittedMultiTaskGp::save`] writes. The same model gives the same
    /// bytes.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let bytes = gp.to_bytes()?;
    /// assert_eq!(FittedMultiTaskGp::from_bytes(&bytes)?.to_bytes()?, bytes);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::ModelFile`] where the model has values that a file cannot keep.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        to_bytes(multi_task_gp::pack(self))
    }

    /// A model from the bytes of its file.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let mut bytes = gp.to_bytes()?;
    /// bytes[900] ^= 1;
    /// let error = FittedMultiTaskGp::from_bytes(&bytes).unwrap_err();
    /// assert!(error.to_string().contains("its checksum does not fit its content"));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_bytes_with(bytes, &LoadOptions::default())
    }

    /// As [`FittedMultiTaskGp::from_bytes`], with options.
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::load`].
    pub fn from_bytes_with(bytes: &[u8], options: &LoadOptions) -> Result<Self> {
        from_bytes(bytes, options, &[multi_task_gp::KIND], multi_task_gp::unpack)
    }
}

impl FittedMultiTaskKernelRidge {
    /// Saves the model as a file in the format of [`crate::io`], as [`FittedMultiTaskGp::save`]. Long
    /// data that fill their table are kept as that table, without the order of their observations.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// # let path = std::env::temp_dir().join(format!("coregion-krr-{}.safetensors", std::process::id()));
    /// let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).alphas(vec![0.01, 0.1, 1.0]);
    /// let ridge = settings.fit(&data)?;
    /// ridge.save(&path)?;
    /// let again = FittedMultiTaskKernelRidge::load(&path)?;
    /// assert_eq!(again.cv_errors(), ridge.cv_errors());
    /// assert_eq!(again.predict(array![[2.5]].view())?, ridge.predict(array![[2.5]].view())?);
    /// # std::fs::remove_file(&path).ok();
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write(path.as_ref(), kernel_ridge::pack(self))
    }

    /// Loads a model that [`FittedMultiTaskKernelRidge::save`] has written. The kernel is evaluated
    /// and decomposed again: n^3 operations, about 5 n^2 doubles. Whatever it is asked, it says what
    /// the model saved says.
    ///
    /// ```
    /// use coregion::prelude::*;
    /// let error = FittedMultiTaskKernelRidge::load("no/such/file").unwrap_err();
    /// assert!(matches!(error, Error::ModelFile { .. }));
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::load`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(path, &LoadOptions::default())
    }

    /// As [`FittedMultiTaskKernelRidge::load`], with options.
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::load`].
    pub fn load_with(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Self> {
        read(path.as_ref(), options, &[kernel_ridge::KIND], kernel_ridge::unpack)
    }

    /// The bytes of the file that [`FittedMultiTaskKernelRidge::save`] writes. The same model gives
    /// the same bytes.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let bytes = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).fit(&data)?.to_bytes()?;
    /// assert_eq!(FittedMultiTaskKernelRidge::from_bytes(&bytes)?.to_bytes()?, bytes);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::to_bytes`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        to_bytes(kernel_ridge::pack(self))
    }

    /// A model from the bytes of its file.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).fit(&data)?.to_bytes()?;
    /// let error = FittedMultiTaskKernelRidge::from_bytes(&gp).unwrap_err().to_string();
    /// assert!(error.contains("of the kind 'multi-task-gp', not multi-task-kernel-ridge"));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_bytes_with(bytes, &LoadOptions::default())
    }

    /// As [`FittedMultiTaskKernelRidge::from_bytes`], with options.
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::load`].
    pub fn from_bytes_with(bytes: &[u8], options: &LoadOptions) -> Result<Self> {
        from_bytes(bytes, options, &[kernel_ridge::KIND], kernel_ridge::unpack)
    }
}
