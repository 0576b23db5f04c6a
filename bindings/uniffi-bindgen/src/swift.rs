//! Generates the Swift bindings from a built library.
fn main() {
    uniffi::uniffi_bindgen_swift();
}
