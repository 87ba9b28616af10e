//! Tells the compiler where the toolbox program is, if it is to be built into this one.
//!
//! `PADDOCK_TOOLBOX` names it (the Makefile builds it first). Without, the program looks for it beside itself.

fn main() {
    println!("cargo:rerun-if-env-changed=PADDOCK_TOOLBOX");
    println!("cargo:rustc-check-cfg=cfg(embedded_toolbox)");
    if let Ok(path) = std::env::var("PADDOCK_TOOLBOX") {
        println!("cargo:rerun-if-changed={path}");
        println!("cargo:rustc-cfg=embedded_toolbox");
        println!("cargo:rustc-env=PADDOCK_TOOLBOX={path}");
    }
}
