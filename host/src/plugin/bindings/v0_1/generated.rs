//! What `bindgen!` makes of `wit/v0.1`.

wasmtime::component::bindgen!({
    path: "../wit/v0.1",
    world: "plugin",
    imports: { "innkeeper:plugin/calls.wait": async | trappable },
    exports: { default: async },
    with: { "wasi": wasmtime_wasi::p2::bindings },
    ownership: Borrowing { duplicate_if_necessary: true },
    require_store_data_send: true,
});
