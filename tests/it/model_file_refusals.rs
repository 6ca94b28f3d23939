//! Model files that are refused, each with a message that says what is wrong and what to do.

use coregion::Error;
use coregion::io::LoadOptions;
use coregion::prelude::*;
use coregion::spec::Spec;
use ndarray::Array2;
use serde_json::{Value as Json, json};
use std::fs;

use crate::common::sealed::{DIGEST, Parts, reseal, seal, with_document, with_header};
use crate::common::{normal, smooth_outputs};

fn model() -> FittedMultiTaskGp {
    let x = normal(12, 2, 1);
    let data = Dataset::new(x.view(), smooth_outputs(x.view(), 2, 0.3, 2).view()).unwrap();
    let kernel = Rbf::ard() + 0.5 * Linear::new(1.0);
    MultiTaskGp::new(kernel).max_iterations(3).fit(&data).unwrap()
}

#[track_caller]
pub(crate) fn assert_refused(bytes: &[u8], problem: &str, advice: &str) {
    match FittedMultiTaskGp::from_bytes(bytes) {
        Err(error @ Error::ModelFile { .. }) => {
            let text = error.to_string();
            let start = format!("model file (bytes): {problem}");
            assert!(text.starts_with(&start) && text.contains(advice), "{text}");
        }
        Err(other) => panic!("{problem}: {other:?}"),
        Ok(_) => panic!("{problem}: accepted"),
    }
}

#[test]
fn files_that_are_no_model_or_damaged() {
    let bytes = model().to_bytes().unwrap();
    let again = "copy it again";
    assert_refused(&[], "it is empty", "save the model again");
    assert_refused(b"short", "it is no model file", "`save`");
    assert_refused(&vec![b'x'; 5000], "it is no model file", "`save`");
    assert_refused(&[0; 100], "it is no model file", "`save`");
    assert_refused(&[0xff; 100], "it is no model file", "`save`");
    let other = [(
        "w",
        safetensors::tensor::TensorView::new(safetensors::Dtype::U8, vec![64], &[7; 64]).unwrap(),
    )];
    let other = safetensors::serialize(other, None).unwrap();
    assert_refused(&other, "it is no model file", "`save`");
    let sealed = seal(b"{\"__metadata__\":{\"format\":\"pt\"}}", &[]);
    assert_refused(&sealed, "it is no model file", "`save`");
    for length in [60, 100, 900, bytes.len() - 1] {
        assert_refused(&bytes[..length], "it ", again);
    }
    assert_refused(&bytes[..bytes.len() - 5], "it is damaged: its checksum", again);
    assert_refused(&bytes[..500], "it ends before its header and checksum do", again);
    for place in [0, 9, 300, bytes.len() / 2, bytes.len() - 40, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[place] ^= 4;
        assert_refused(&changed, "it ", again);
    }
    let longer = [&bytes[..], b"\n"].concat();
    assert_refused(&longer, "it is damaged: its checksum", again);
}

#[test]
fn files_of_another_version_or_kind() {
    let bytes = model().to_bytes().unwrap();
    let metadata =
        |key: &str, value: &str| with_header(&bytes, |h| h["__metadata__"][key] = json!(value));
    let later = with_header(&bytes, |h| {
        h["__metadata__"]["version"] = json!("2");
        h["__metadata__"]["writer"] = json!("coregion 3.1.4");
        h["__metadata__"]["kind"] = json!("a later kind");
        h["__metadata__"]["requires"] = json!("[\"kernel/Later\"]");
        h["later"] = json!({"dtype": "BF16", "shape": [0], "data_offsets": [0, 0]});
    });
    let expected = "its format has version '2', this reads version '1'";
    assert_refused(&later, &expected.replace("'1'", "1"), "read it with 'coregion 3.1.4'");
    assert_refused(&metadata("version", "\n"), "its format has version '\\n'", "read it with");
    let kind = "it holds a model of the kind 'kernel-ridge', not multi-task-gp";
    assert_refused(&metadata("kind", "kernel-ridge"), kind, "load it as");
    assert_eq!(coregion::io::kind(&metadata("kind", "kernel-ridge")).unwrap(), "kernel-ridge");
    assert!(coregion::io::kind(&later).unwrap_err().to_string().contains("version '2'"));
    // What it requires is looked at before the document, whatever that is.
    for feature in ["kernel/Later", "task/Later", "noise/later", "mean/later", "layout/later", "x"]
    {
        let mut parts = Parts::of(&bytes);
        parts.metadata().insert("requires".into(), json!(format!("[\"{feature}\"]")));
        parts.metadata().insert("model".into(), json!("not read"));
        let problem = format!("it requires '{feature}', which this version does not have");
        assert_refused(&parts.sealed(), &problem, "read it with 'coregion 0.1.0'");
    }
    assert_refused(&metadata("requires", "{}"), "the list of what it requires is broken", "");
    let long = metadata("requires", &format!("[{}\"\"]", "\"\",".repeat(9000)));
    assert_refused(&long, "the list of what it requires is too long", "");
    let fewer = metadata("requires", "[\"kernel/RBF\"]");
    assert_refused(&fewer, "what it requires is not what its document needs", "");
    assert_refused(&metadata("else", ""), "its metadata has an unknown 'else'", "");
    for key in ["kind", "writer", "requires", "model"] {
        let less = with_header(&bytes, |h| {
            h["__metadata__"].as_object_mut().unwrap().remove(key);
        });
        assert_refused(&less, &format!("its metadata has no '{key}'"), "save the model again");
    }
}

#[test]
fn headers_that_do_not_fit() {
    let bytes = model().to_bytes().unwrap();
    let parts = Parts::of(&bytes);
    let text = parts.header.to_string();
    let broken = |text: &str| seal(text.as_bytes(), &parts.data);
    let header = "its header is broken: ";
    assert_refused(&broken(&text[1..]), header, "");
    assert_refused(&broken("[]"), header, "");
    assert_refused(&broken(&text.replacen("\"__metadata__\"", "\"\"", 1)), header, "");
    let twice = text.replacen("\"checksum\"", "\"x\"", 1);
    assert_refused(&broken(&twice), &format!("{header}a tensor twice"), "");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_refused(
        &broken(&text.replacen("\"shape\":", &format!("\"shape\":{deep}"), 1)),
        header,
        "",
    );
    let many: String = (0..300)
        .map(|i| format!(",\"t{i}\":{{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[0,0]}}"))
        .collect();
    let many = format!("{}{many}}}", &text[..text.len() - 1]);
    assert_refused(&broken(&many), &format!("{header}more than 256 tensors"), "");
    let changed =
        |name: &str, key: &str, value: Json| with_header(&bytes, |h| h[name][key] = value.clone());
    assert_refused(&changed("x", "shape", json!(vec![2; 9])), header, "");
    assert_refused(&changed("x", "shape", json!([-2])), header, "");
    assert_refused(&changed("x", "else", json!(0)), header, "");
    let lies = "its array 'x' does not lie where it should";
    assert_refused(&changed("x", "shape", json!([13, 2])), lies, "");
    assert_refused(&changed("x", "shape", json!([u64::MAX, u64::MAX])), lies, "");
    assert_refused(&changed("x", "data_offsets", json!([0, u64::MAX])), "its array", "");
    assert_refused(&changed("x", "shape", json!([24])), "its array 'x' has shape [24]", "");
    assert_refused(&changed("x", "shape", json!([2, 12])), "its array 'y' has shape [12, 2]", "");
    assert_refused(&changed("x", "dtype", json!("I64")), "its array", "");
    assert_refused(&changed("checksum", "dtype", json!("F64")), "its array 'checksum'", "");
    let gone = |name: &str| {
        let mut parts = parts.clone();
        let place = parts.place(name);
        let size = place.len();
        parts.header.as_object_mut().unwrap().remove(name);
        parts.data.drain(place.clone());
        for (_, t) in parts.header.as_object_mut().unwrap().iter_mut() {
            if t.get("dtype").is_some()
                && t["data_offsets"][0].as_u64().unwrap() >= place.end as u64
            {
                for i in 0..2 {
                    t["data_offsets"][i] =
                        json!(t["data_offsets"][i].as_u64().unwrap() - size as u64);
                }
            }
        }
        parts.sealed()
    };
    for name in ["x", "y", "parameters"] {
        assert_refused(&gone(name), &format!("its array '{name}' is missing"), "");
    }
    FittedMultiTaskGp::from_bytes(&gone("standard_errors")).unwrap();
    let mut renamed = parts.clone();
    let tensor = renamed.header.as_object_mut().unwrap().remove("standard_errors").unwrap();
    renamed.header["errors"] = tensor;
    assert_refused(&renamed.sealed(), "it has an array 'errors' that no such model has", "");
    let mut more = parts.data.clone();
    more.extend([0; 8]);
    let unread = seal(text.as_bytes(), &more);
    assert_refused(&unread, "its last array is not its checksum", "");
    let mut all = parts.clone();
    all.header.as_object_mut().unwrap().remove("checksum");
    assert_refused(&all.sealed(), "its last array is not its checksum", "");
    let mut zero = bytes[..bytes.len() - DIGEST].to_vec();
    zero[..8].copy_from_slice(&0u64.to_le_bytes());
    reseal(&mut zero);
    assert_refused(&zero, "it ends before its header", "");
}

#[test]
fn numbers_that_do_not_fit() {
    let gp = model();
    let bytes = gp.to_bytes().unwrap();
    let with = |name: &str, place: usize, value: f64| {
        let mut parts = Parts::of(&bytes);
        let start = parts.place(name).start + 8 * place;
        parts.data[start..start + 8].copy_from_slice(&value.to_le_bytes());
        parts.sealed()
    };
    for name in ["x", "y", "parameters", "standard_errors"] {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_refused(&with(name, 1, value), &format!("its array '{name}' holds"), "");
        }
    }
    assert_refused(
        &with("parameters", 0, -1.0),
        "it holds no usable model",
        "lengthscale: found -1",
    );
    assert_refused(&with("x", 3, 1e200), "it holds no usable model", "x, column 1");
    let likelihood = "its log marginal likelihood is stored as";
    assert_refused(&with("x", 3, 0.123), likelihood, "");
    assert_refused(&with("y", 3, 0.123), likelihood, "");
    assert_refused(&with("parameters", 0, 0.9), likelihood, "");
    let stored =
        |value: f64| with_document(&bytes, |d| d["log_marginal_likelihood"] = json!(value));
    let value = gp.log_marginal_likelihood();
    FittedMultiTaskGp::from_bytes(&stored(value * (1.0 + 1e-9))).unwrap();
    assert_refused(&stored(value * (1.0 + 1e-7)), likelihood, "");
}

#[test]
fn documents_that_do_not_fit() {
    let bytes = model().to_bytes().unwrap();
    let with = |path: &[&str], value: Json| {
        with_document(&bytes, |d| {
            let last = path.iter().fold(d, |d, key| match key.parse::<usize>() {
                Ok(i) => &mut d[i],
                Err(_) => &mut d[*key],
            });
            *last = value.clone();
        })
    };
    let broken = "its document is not one of version 1: ";
    for key in ["kernel", "noise", "ties", "task_names", "log_marginal_likelihood", "report"] {
        let less = with_document(&bytes, |d| {
            d.as_object_mut().unwrap().remove(key);
        });
        assert_refused(&less, &format!("{broken}missing field `{key}`"), "");
    }
    let less = with_document(&bytes, |d| {
        d["report"].as_object_mut().unwrap().remove("identifiability");
    });
    assert_refused(&less, &format!("{broken}missing field `identifiability`"), "");
    assert_refused(&with(&["else"], json!(1)), &format!("{broken}unknown field `else`"), "");
    assert_refused(&with(&["scale_x"], json!(1)), broken, "");
    assert_refused(&with(&["log_marginal_likelihood"], json!(null)), broken, "");
    assert_refused(
        &with(&["report", "wall_time"], json!({"secs": u64::MAX, "nanos": u32::MAX})),
        broken,
        "",
    );
    assert_refused(&with(&["report", "stop"], json!("later")), broken, "");
    assert_refused(
        &with(&["report", "optimizer"], json!("x")),
        "its report has an optimizer 'x'",
        "",
    );
    assert_refused(&with(&["report", "trace"], json!([1])), "its trace is broken", "");
    let warnings = vec![json!("one-row"); 100];
    assert_refused(
        &with(&["report", "warnings"], json!(warnings)),
        "its list of warnings has 100",
        "",
    );
    assert_refused(&with(&["task_names"], json!(["a"])), "it holds no usable model", "1 names");
    assert_refused(&with(&["task_names"], json!(["a", "a"])), "it holds no usable model", "twice");
    assert_refused(
        &with(&["task_names"], json!(vec![""; 3])),
        "its list of tasks has 3 elements",
        "",
    );
    assert_refused(&with(&["feature_names"], json!([1, 2])), "its list of columns is broken", "");
    assert_refused(&with(&["noise"], json!("shared")), "what it requires is not", "");
    assert_refused(&with(&["kernel", "name"], json!("RBF")), "what it requires is not", "");
    assert_refused(&with(&["kernel", "else"], json!(1)), "its kernel is broken: unknown field", "");
    let rank = ["task", "values", "rank"];
    let count = "'LowRank'.rank is 1000000, but it has only";
    assert_refused(&with(&rank, json!(1_000_000)), count, "");
    assert_refused(&with(&rank, json!(1)), "it has 14 parameters, but its model has 12", "");
    assert_refused(&with(&rank, json!(1e300)), "it holds no usable model", "LowRank.rank");
    assert_refused(&with(&["fixed"], json!(["x"])), "it holds no usable model", "parameter path");
    assert_refused(
        &with(&["ties"], json!([["noise.variance", "noise.variance"]])),
        "it holds",
        "tie",
    );
    assert_refused(&with(&["ties"], json!([["a"]])), "its list of ties is broken", "");
    let tied = json!([["terms[0].kernel.parts[0].lengthscale", "noise.variance"]]);
    assert_refused(&with(&["ties"], tied), "it holds no usable model", "equal shape and range");
    let variances = with_document(&bytes, |d| d["noise"] = json!("variances"));
    let variances = with_header(&variances, |h| {
        let r = h["__metadata__"]["requires"].as_str().unwrap().replace("per-task", "variances");
        h["__metadata__"]["requires"] = json!(r);
    });
    assert_refused(&variances, "its array 'noise' is missing", "");
}

/// A kernel of so many parts next to each other or above each other.
fn tree(parts: usize, levels: usize) -> Spec {
    let leaves = vec![Spec::new("RBF"); parts];
    (0..levels).fold(Spec::new("Sum").with_children(leaves), |inner, _| {
        Spec::new("Sum").with_children(vec![inner])
    })
}

#[test]
fn kernels_beyond_all_measure() {
    let gp = model();
    let bytes = gp.to_bytes().unwrap();
    let with =
        |tree: &Spec| with_document(&bytes, |d| d["kernel"] = serde_json::to_value(tree).unwrap());
    let large = "its kernel has more than 1000 parts or 32 above each other";
    assert_refused(&with(&tree(2000, 0)), large, "");
    assert_refused(&with(&tree(1001, 0)), large, "");
    assert_refused(&with(&tree(1, 35)), large, "");
    let deep = |open: &str, close: &str, levels: usize| {
        let mut parts = Parts::of(&bytes);
        let mut document = parts.document();
        document["kernel"] = json!("here");
        let nested = format!("{}{}", open.repeat(levels), close.repeat(levels));
        let text = document.to_string().replacen("\"here\"", &nested, 1);
        parts.metadata().insert("model".into(), json!(text));
        parts.sealed()
    };
    assert_refused(&deep("{\"children\":[", "]}", 5000), large, "");
    assert_refused(
        &deep("{\"children\":[", "]}", 900),
        "its kernel is broken: recursion limit",
        "",
    );
    assert_refused(&deep("[", "]", 100_000), "its kernel is broken: invalid type", "");
    // What could not be loaded is not saved.
    let x = normal(5, 1, 1);
    let data = Dataset::new(x.view(), normal(5, 1, 2).view()).unwrap();
    let kernel = Kernel::from_spec(tree(1, 35)).unwrap();
    let gp = MultiTaskGp::new(kernel).max_iterations(1).fit(&data).unwrap();
    let error = gp.to_bytes().unwrap_err().to_string();
    assert!(error.contains("1000 parts or 32 above each other"), "{error}");
    let kernel = Categorical::levels([0.0, f64::INFINITY]).on([0]);
    let zeros = Dataset::new(Array2::zeros((3, 1)).view(), normal(3, 1, 2).view()).unwrap();
    let gp = MultiTaskGp::new(kernel).max_iterations(1).fit(&zeros).unwrap();
    let error = gp.to_bytes().unwrap_err().to_string();
    assert!(error.contains("the kernel holds a number that is not finite"), "{error}");
}

#[test]
fn memory_is_asked_for_before_it_is_taken() {
    let gp = model();
    let bytes = gp.to_bytes().unwrap();
    let load = |bytes: &[u8], budget| {
        FittedMultiTaskGp::from_bytes_with(bytes, &LoadOptions::new().memory_budget(budget))
    };
    assert!(load(&bytes, 100_000).is_ok());
    let what = |result: Result<FittedMultiTaskGp>| match result {
        Err(Error::Memory { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(what(load(&bytes, 1000)), "the Gram matrix of its rows");
    // A million rows of one number each: 16 MB, whose Gram matrix would have 8 TB.
    let n = 1_000_000;
    let mut parts = Parts::of(&bytes);
    let old = parts.place("parameters");
    let rest: Vec<u8> = parts.data[old.clone()].to_vec();
    parts.data = rest;
    parts.data.resize(old.len() + 16 * n, 0);
    let tensor = |shape: Json, from: usize, to: usize, dtype: &str| json!({"dtype": dtype, "shape": shape, "data_offsets": [from, to]});
    let end = old.len() + 8 * n;
    parts.header["parameters"] = tensor(json!([old.len() / 8]), 0, old.len(), "F64");
    parts.header["x"] = tensor(json!([n, 1]), old.len(), end, "F64");
    parts.header["y"] = tensor(json!([n, 1]), end, end + 8 * n, "F64");
    parts.header["checksum"] = tensor(json!([32]), end + 8 * n, end + 8 * n + 32, "U8");
    parts.header.as_object_mut().unwrap().remove("standard_errors");
    let result = FittedMultiTaskGp::from_bytes(&parts.sealed());
    assert_eq!(what(result), "the Gram matrix of its rows");
    // One row of a hundred thousand tasks: 800 kB, whose dense B would have 80 GB.
    let data = Dataset::new(normal(1, 1, 1).view(), normal(1, 3, 2).view()).unwrap();
    let small = MultiTaskGp::new(Rbf::isotropic(1.0)).task(Diagonal::new()).fit(&data).unwrap();
    let mut parts = Parts::of(&small.to_bytes().unwrap());
    let t = 100_000;
    let (p, y) = (2 * t + 1 + t, t);
    parts.data = vec![1.0f64; p + 1 + y].iter().flat_map(|v| v.to_le_bytes()).collect();
    parts.header["parameters"] = tensor(json!([p]), 0, 8 * p, "F64");
    parts.header["x"] = tensor(json!([1, 1]), 8 * p, 8 * (p + 1), "F64");
    parts.header["y"] = tensor(json!([1, t]), 8 * (p + 1), 8 * (p + 1 + y), "F64");
    let end = 8 * (p + 1 + y);
    parts.header["checksum"] = tensor(json!([32]), end, end + 32, "U8");
    let mut document = parts.document();
    document["task_names"] = (0..t).map(|i| json!(i.to_string())).collect();
    parts.set_document(&document);
    let result = FittedMultiTaskGp::from_bytes(&parts.sealed());
    let text = result.unwrap_err().to_string();
    assert!(text.contains("solver_memory is too little for the solver kronecker"), "{text}");
    assert_eq!(what(load(&parts.sealed(), 1 << 26)), "the covariances between its tasks");
}

#[test]
fn files_are_replaced_whole_or_not_at_all() {
    let folder = std::env::temp_dir().join(format!("coregion-files-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("model.safetensors");
    let gp = model();
    let names = || -> Vec<String> {
        let entries = fs::read_dir(&folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    fs::write(&path, "something else").unwrap();
    gp.save(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), gp.to_bytes().unwrap());
    assert_eq!(names(), ["model.safetensors"]);
    let again = FittedMultiTaskGp::load(&path).unwrap();
    assert_eq!(again.to_bytes().unwrap(), gp.to_bytes().unwrap());
    let address = |result: Result<()>| match result {
        Err(Error::ModelFile { file, problem, .. }) => (file, problem),
        other => panic!("{other:?}"),
    };
    let (file, problem) = address(gp.save(folder.join("none").join("a")));
    assert!(
        file.ends_with("none/a'") && problem.starts_with("it cannot be written: "),
        "{problem}"
    );
    let (_, problem) = address(gp.save(&folder));
    assert!(problem.starts_with("it cannot be written: "), "{problem}");
    assert_eq!(names(), ["model.safetensors"]);
    assert!(fs::read_dir(folder.parent().unwrap()).unwrap().all(|e| {
        let name = e.unwrap().file_name().to_string_lossy().into_owned();
        !name.contains(&format!("{}-", std::process::id())) || !name.ends_with(".tmp")
    }));
    address(gp.save(""));
    let (_, problem) = address(FittedMultiTaskGp::load(folder.join("none")).map(drop));
    assert!(problem.starts_with("it cannot be read: No such file"), "{problem}");
    let (_, problem) = address(FittedMultiTaskGp::load(&folder).map(drop));
    assert_eq!(problem, "it is a folder or a device");
    let few = LoadOptions::new().memory_budget(100);
    let result = FittedMultiTaskGp::load_with(&path, &few);
    assert!(matches!(result, Err(Error::Memory { what, .. }) if what == "the model file"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        gp.save(&link).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
    fs::remove_dir_all(&folder).unwrap();
}
