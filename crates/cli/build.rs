//! Links the program to a fixed address where that is known to work.
//!
//! A position-independent program of this size begins with 37,000 relocations in the tables of the native modules: pages
//! that would be shared become private, and the start takes longer. CPython's own builds are linked the same way.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    if of("CARGO_CFG_TARGET_OS") == "linux" && of("CARGO_CFG_TARGET_ENV") == "gnu" {
        println!("cargo:rustc-link-arg-bins=-no-pie");
        unwind_statically();
        // Code that the profile calls hot, started once or never run stays apart: fewer pages are touched.
        println!("cargo:rustc-link-arg-bins=-Wl,-z,keep-text-section-prefix");
        // There rustc links with its own lld, which can lay out by name what every start runs.
        if of("CARGO_CFG_TARGET_ARCH") == "x86_64" && of("PROFILE") == "release" {
            // Written at once, the file lies in large pieces of the system's cache, as a copy of it would: fewer page faults.
            println!("cargo:rustc-link-arg-bins=-Wl,--no-mmap-output-file");
            let order = format!("{}/start.order", of("CARGO_MANIFEST_DIR"));
            println!("cargo:rerun-if-changed={order}");
            println!("cargo:rustc-link-arg-bins=-Wl,--symbol-ordering-file={order}");
            println!("cargo:rustc-link-arg-bins=-Wl,--no-warn-symbol-ordering");
        }
    }
}

/// Takes the unwinder from GCC's archive where there is one: one shared library less to be found and bound at each start.
fn unwind_statically() {
    let asked = std::process::Command::new("cc")
        .arg("-print-file-name=libgcc_eh.a")
        .output();
    let Ok(said) = asked else { return };
    let said = String::from_utf8_lossy(&said.stdout);
    // Where there is none, the bare name comes back.
    if let Some((folder, _)) = said.trim().rsplit_once('/') {
        println!("cargo:rustc-link-search=native={folder}");
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    }
}
