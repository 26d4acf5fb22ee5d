//! Builds the component for wasm and hands its path to `sandbox/mod.rs`, which embeds it.
//!
//! `POPCELL_COMPONENT_FILE` names a prebuilt component instead; then nothing is compiled here.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "component";
const PREBUILT: &str = "POPCELL_COMPONENT_FILE";

fn main() {
    println!("cargo::rerun-if-env-changed={PREBUILT}");
    let component = match env::var_os(PREBUILT) {
        Some(file) => prebuilt(Path::new(&file)),
        None => build(),
    };
    println!("cargo::rustc-env=POPCELL_COMPONENT={}", component.display());
}

fn prebuilt(file: &Path) -> PathBuf {
    println!("cargo::rerun-if-changed={}", file.display());
    match fs::canonicalize(file) {
        Ok(file) => file,
        Err(error) => fail(&format!("{PREBUILT}={}: {error}", file.display())),
    }
}

fn build() -> PathBuf {
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
    out.join(TARGET)
        .join(PROFILE)
        .join("popcell_component.wasm")
}

fn fail(why: &str) -> ! {
    for line in why.lines() {
        println!("cargo::error={line}");
    }
    process::exit(1);
}
