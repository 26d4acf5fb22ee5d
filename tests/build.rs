//! Builds the guests of the tests, which find them in `POPCELL_..._GUEST`: the one that breaks the
//! contract (`tests/hostile`), the one with a fault and the one of another version of the contract
//! (`tests/rollout`), the one with a standard library and the example (`tests/foreign`).
//!
//! The component proper is built by `host/build.rs`, in the same way.

use std::{
    env,
    path::{Path, PathBuf},
    process::{self, Command},
};

const TARGET: &str = "wasm32-wasip2";

fn main() {
    guest("guests/hostile", "hostile", "POPCELL_HOSTILE_GUEST");
    guest("guests/faulty", "faulty", "POPCELL_FAULTY_GUEST");
    guest("guests/next", "next", "POPCELL_NEXT_GUEST");
    guest("guests/std", "std", "POPCELL_STD_GUEST");
    guest("../examples/component", "example", "POPCELL_EXAMPLE_GUEST");
}

/// Builds one guest and says in a variable where it is.
fn guest(folder: &str, name: &str, variable: &str) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guest = here.join(folder);
    let shared = ["../wit", "wit-next", "../.cargo", "../component/src"];
    let shared = shared.map(|input| here.join(input));
    for input in shared.into_iter().chain([guest.clone()]) {
        println!("cargo::rerun-if-changed={}", input.display());
    }
    // A target directory of its own: the one that runs this is locked.
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join(name);
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(&guest)
        .args(["build", "--locked", "--release", "--target", TARGET])
        .arg("--target-dir")
        .arg(&out);
    clean(&mut cargo);
    match cargo.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => fail(name, &String::from_utf8_lossy(&output.stderr)),
        Err(error) => fail(name, &format!("cargo could not be started: {error}")),
    }
    let file = format!("{TARGET}/release/popcell_{name}_guest.wasm");
    println!("cargo::rustc-env={variable}={}", out.join(file).display());
}

/// What is meant for the tests' own compilation must not reach the guest's.
fn clean(cargo: &mut Command) {
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.contains("RUSTFLAGS")
            || name.starts_with("RUSTC")
            || name.starts_with("CARGO_PROFILE")
        {
            cargo.env_remove(&*name);
        }
    }
}

fn fail(name: &str, log: &str) -> ! {
    if log.contains("target may not be installed") {
        println!(
            "cargo::error=the target {TARGET} is missing; add it with: rustup target add {TARGET}"
        );
    } else {
        println!("cargo::error=the guest {name} did not build:");
        for line in log.lines() {
            println!("cargo::error={line}");
        }
    }
    process::exit(1);
}
