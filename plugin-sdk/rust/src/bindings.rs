//! What wit-bindgen makes of the contract. Everything else in this crate is written on top of it; authors never see it.

#![allow(missing_docs, unsafe_code, unreachable_pub, clippy::all, reason = "generated code")]

wit_bindgen::generate!({
    path: "wit",
    world: "plugin",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "innkeeper_plugin::bindings",
});
