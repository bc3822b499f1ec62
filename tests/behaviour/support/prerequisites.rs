//! Servers and programs that some tests need. `src/lib.rs` includes this file for unit tests.

use std::env;

/// Returns the address in an environment variable of `tools/with-servers.sh`. Without it the test is skipped.
pub fn server(variable: &str) -> Option<String> {
    let address = env::var(variable).ok();
    if address.is_none() {
        skip(&format!("{variable} is not set"), "tools/with-servers.sh cargo test --features ssr");
    }
    address
}

/// Prints why a test is skipped, and the command that runs it or installs the missing part.
///
/// # Panics
/// Panics while the environment variable `CI` is set, because a skipped test passes.
pub fn skip(missing: &str, remedy: &str) {
    assert!(
        env::var_os("CI").is_none_or(|ci| ci.is_empty()),
        "{missing}, and CI must not skip this test; run: {remedy}"
    );
    println!("skipped: {missing}; run: {remedy}");
}
