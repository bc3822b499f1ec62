//! `trimtab-bindgen PROGRAM.wasm FOLDER` writes `trimtab.js` and `trimtab_bg.wasm`, which a browser loads, to the
//! folder.
//!
//! The command line tool of wasm-bindgen does the same, but takes minutes to compile.

use std::{env, process::ExitCode};

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [program, folder] = &*arguments else {
        eprintln!("usage: trimtab-bindgen PROGRAM.wasm FOLDER");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    // The pages contain the address of the WASM.
    bindgen.input_path(program).out_name("trimtab").typescript(false).omit_default_module_path(true);
    match bindgen.web(true).and_then(|bindgen| bindgen.generate(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trimtab-bindgen: {error:?}");
            ExitCode::FAILURE
        }
    }
}
