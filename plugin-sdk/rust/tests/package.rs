//! What is published: the crate has to build from its own files alone.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_contract_is_packed_with_the_crate() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["package", "--list", "--allow-dirty", "--no-verify", "--offline"]).current_dir(CRATE);
    let listed = cargo.output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let packed: BTreeSet<String> = String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect();

    for file in contract("") {
        assert!(packed.contains(&format!("wit/{file}")), "{file} is not packed");
    }
}

#[test]
fn no_file_of_the_crate_reads_one_outside_of_it() {
    for file in ["src/bindings.rs", "src/lib.rs"] {
        let text = fs::read_to_string(Path::new(CRATE).join(file)).unwrap();
        assert!(!text.contains("../.."), "{file}");
    }
}

/// The files of the contract, relative to its folder.
fn contract(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(Path::new(CRATE).join("../../wit/v0.1").join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() { files.extend(contract(&format!("{name}/"))) } else { files.push(name) }
    }
    files
}
