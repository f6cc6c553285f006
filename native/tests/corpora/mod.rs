//! The shared corpora of bad inputs, for every test that reads them as datagrams.

use std::fs;
use std::path::{Path, PathBuf};

const DATAGRAM: usize = 1500;

/// Give `read` pieces of every file: at most `count` of each, `step` octets apart.
///
/// Without `MESHNODE_SHARED` there are none, and nothing is read.
pub fn each(step: usize, count: usize, read: fn(&[u8])) {
    let Some(shared) = std::env::var_os("MESHNODE_SHARED") else {
        return;
    };
    let mut files = Vec::new();
    walk(&Path::new(&shared).join("corpora"), &mut files);
    assert!(!files.is_empty(), "no corpora below {shared:?}");
    for file in files {
        let bytes = fs::read(&file).unwrap();
        for start in (0..bytes.len()).step_by(step).take(count) {
            read(&bytes[start..bytes.len().min(start + DATAGRAM)]);
        }
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
