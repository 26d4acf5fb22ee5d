//! Builds the component for wasm and hands its paths to `sandbox/mod.rs`, which embeds it: once with all
//! that this host offers, and once for every host of the contract.
//!
//! `POPCELL_COMPONENT_FILE` names a prebuilt component instead, for both; then nothing is compiled here.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "component";
/// What this host offers beside what every host has.
const OFFERED: &[&str] = &["--features", "forward"];
const PREBUILT: &str = "POPCELL_COMPONENT_FILE";

fn main() {
    println!("cargo::rerun-if-env-changed={PREBUILT}");
    let [embedded, portable] = match env::var_os(PREBUILT) {
        Some(file) => {
            let file = prebuilt(Path::new(&file));
            [file.clone(), file]
        }
        None => [build("embedded", OFFERED), build("portable", &[])],
    };
    println!("cargo::rustc-env=POPCELL_COMPONENT={}", embedded.display());
    println!(
        "cargo::rustc-env=POPCELL_PORTABLE_COMPONENT={}",
        portable.display()
    );
}

fn prebuilt(file: &Path) -> PathBuf {
    println!("cargo::rerun-if-changed={}", file.display());
    match fs::canonicalize(file) {
        Ok(file) => file,
        Err(error) => fail(&format!("{PREBUILT}={}: {error}", file.display())),
    }
}

/// Builds it with these features into a file of this name.
fn build(name: &str, features: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for input in [
        "component",
        "wit",
        "Cargo.lock",
        "Cargo.toml",
        ".cargo/config.toml",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    // A target directory of its own: the one that runs this is locked.
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("component");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(&root)
        .args([
            "build",
            "--package",
            "popcell-component",
            "--lib",
            "--profile",
            PROFILE,
        ])
        .args(features)
        .args(["--target", TARGET, "--target-dir"])
        .arg(&out);
    // What is meant for the host's own compilation must not reach the component's.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.contains("RUSTFLAGS")
            || name.starts_with("RUSTC")
            || name.starts_with("CARGO_PROFILE")
        {
            cargo.env_remove(&*name);
        }
    }
    let output = match cargo.output() {
        Ok(output) => output,
        Err(error) => fail(&format!("cargo could not be started: {error}")),
    };
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        if log.contains("target may not be installed") {
            fail(&format!(
                "the target {TARGET} is missing; add it with: rustup target add {TARGET}"
            ));
        }
        fail(&format!("the component did not build:\n{log}"));
    }
    let built = out.join(TARGET).join(PROFILE);
    let built = built.join("popcell_component.wasm");
    let kept = out.join(name).with_extension("wasm");
    if let Err(error) = fs::copy(&built, &kept) {
        fail(&format!("{}: {error}", built.display()));
    }
    kept
}

fn fail(why: &str) -> ! {
    for line in why.lines() {
        println!("cargo::error={line}");
    }
    process::exit(1);
}
