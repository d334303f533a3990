//! What a shipped plugin is compiled against must not change under it: the shapes of the exports, imports, records and variants of the
//! open version are compared with a list, and the folder of a released version with its digest. `wit/README.md` says what may grow.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: what cannot be read fails it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wit_parser::abi::AbiVariant;
use wit_parser::{Function, Resolve, Type, TypeDefKind, TypeOwner, WorldItem};

/// The version that is being made. Every other folder must be released.
const OPEN: &str = "v0.1";
/// The folders that were released, as `<sha256>  <folder>`.
const RELEASED: &str = "released.sha256";

#[test]
fn the_shapes_of_the_contract_are_those_of_the_list() {
    let list = wit().join(format!("{OPEN}.shapes"));
    let (resolve, world) = read(OPEN);
    let found = shapes(&resolve, world);
    if std::env::var_os("UPDATE_SHAPES").is_some() {
        fs::write(&list, &found).unwrap();
    }
    let listed = fs::read_to_string(&list).unwrap();
    let gone: Vec<_> = listed.lines().filter(|line| !found.lines().any(|other| other == *line)).collect();
    let new: Vec<_> = found.lines().filter(|line| !listed.lines().any(|other| other == *line)).collect();
    assert!(
        listed == found,
        "wit/{OPEN} and wit/{OPEN}.shapes differ.\ngone: {gone:#?}\nnew: {new:#?}\nA change of these shapes breaks every plugin that was \
         built before. If that is meant, write the list anew: UPDATE_SHAPES=1 cargo test -p innkeeper-contract --test shapes"
    );
}

#[test]
fn the_parameters_of_every_export_pass_flat() {
    let (resolve, world) = read(OPEN);
    for function in exports(&resolve, world) {
        let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
        assert!(
            !signature.indirect_params,
            "{}: more than 16 flat values pass through memory, which costs every call",
            function.name
        );
    }
}

#[test]
fn a_released_folder_never_changes() {
    let released = released();
    for (folder, digest) in &released {
        assert_eq!(&digest_of(&wit().join(folder)), digest, "wit/{folder} is released; put the change in wit/PENDING.md");
    }
    for entry in fs::read_dir(wit()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name.starts_with('v') && name != OPEN {
            assert!(released.contains_key(&name), "wit/{name} is neither the open version nor in wit/{RELEASED}");
        }
    }
}

#[test]
fn the_digest_of_a_folder_sees_every_change() {
    let folder = std::env::temp_dir().join(format!("innkeeper-contract-{}", std::process::id()));
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    fs::create_dir_all(folder.join("deps")).unwrap();
    let mut seen = vec![digest_of(&folder)];
    for (name, text) in [("a.wit", ""), ("a.wit", "x"), ("b.wit", "x"), ("deps/c.wit", "y"), ("deps/c.wit", "z")] {
        write(name, text);
        seen.push(digest_of(&folder));
    }
    fs::rename(folder.join("a.wit"), folder.join("d.wit")).unwrap();
    seen.push(digest_of(&folder));
    fs::remove_dir_all(&folder).unwrap();
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "two different folders have one digest");
}

fn wit() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(version: &str) -> (Resolve, wit_parser::WorldId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit().join(version)).unwrap_or_else(|error| panic!("wit/{version}: {error:?}"));
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    (resolve, world)
}

/// One line for each export, each import, and each record, variant, enum and flags type of the package.
fn shapes(resolve: &Resolve, world: wit_parser::WorldId) -> String {
    let mut lines: Vec<String> =
        exports(resolve, world).map(|function| format!("export {}", signature(resolve, function))).collect();
    let package = resolve.worlds[world].package;
    for (_, interface) in resolve.interfaces.iter().filter(|(_, interface)| interface.package == package) {
        let own = interface.name.as_deref().unwrap_or_default();
        lines.extend(interface.functions.values().map(|function| format!("import {own}.{}", signature(resolve, function))));
    }
    for (_, definition) in &resolve.types {
        let TypeOwner::Interface(interface) = definition.owner else { continue };
        let interface = &resolve.interfaces[interface];
        if interface.package != package {
            continue;
        }
        let members = match &definition.kind {
            TypeDefKind::Record(record) => {
                list(record.fields.iter().map(|field| format!("{}: {}", field.name, name(resolve, &field.ty))))
            }
            TypeDefKind::Variant(variant) => list(variant.cases.iter().map(|case| match &case.ty {
                Some(ty) => format!("{}({})", case.name, name(resolve, ty)),
                None => case.name.clone(),
            })),
            TypeDefKind::Enum(cases) => list(cases.cases.iter().map(|case| case.name.clone())),
            TypeDefKind::Flags(flags) => list(flags.flags.iter().map(|flag| flag.name.clone())),
            _ => continue,
        };
        let (kind, interface, own) = (definition.kind.as_str(), interface.name.as_deref(), definition.name.as_deref());
        lines.push(format!("{kind} {}.{} {{ {members} }}", interface.unwrap_or_default(), own.unwrap_or_default()));
    }
    lines.sort();
    lines.push(String::new());
    lines.join("\n")
}

fn exports(resolve: &Resolve, world: wit_parser::WorldId) -> impl Iterator<Item = &Function> {
    resolve.worlds[world].exports.values().filter_map(|item| match item {
        WorldItem::Function(function) => Some(function),
        _ => None,
    })
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let params = list(function.params.iter().map(|param| format!("{}: {}", param.name, name(resolve, &param.ty))));
    let result = function.result.as_ref().map(|result| format!(" -> {}", name(resolve, result)));
    format!("{}({params}){}", function.name, result.unwrap_or_default())
}

/// A type as WIT writes it, with the names of records and variants, and without the names of mere aliases.
fn name(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else { return format!("{ty:?}").to_lowercase() };
    let definition = &resolve.types[*id];
    let option = |ty: &Option<Type>| ty.as_ref().map_or("_".to_owned(), |ty| name(resolve, ty));
    match &definition.kind {
        TypeDefKind::Type(other) => name(resolve, other),
        TypeDefKind::List(item) => format!("list<{}>", name(resolve, item)),
        TypeDefKind::Option(item) => format!("option<{}>", name(resolve, item)),
        TypeDefKind::Tuple(tuple) => format!("tuple<{}>", list(tuple.types.iter().map(|ty| name(resolve, ty)))),
        TypeDefKind::Result(result) => format!("result<{}, {}>", option(&result.ok), option(&result.err)),
        _ => definition.name.clone().unwrap_or_default(),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn released() -> BTreeMap<String, String> {
    let text = fs::read_to_string(wit().join(RELEASED)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let entry = |line: &str| line.split_once("  ").map(|(digest, folder)| (folder.to_owned(), digest.to_owned()));
    lines.map(|line| entry(line).unwrap_or_else(|| panic!("{RELEASED}: {line:?} is not `<sha256>  <folder>`"))).collect()
}

/// Of all files of a folder, their names included.
fn digest_of(folder: &Path) -> String {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let (folders, plain): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
        open.extend(folders);
        files.extend(plain);
    }
    files.sort();
    let mut digest = Sha256::new();
    for file in files {
        let (name, bytes) = (file.strip_prefix(folder).unwrap().to_string_lossy().into_owned(), fs::read(&file).unwrap());
        digest.update(format!("{name}\0{}\0", bytes.len()));
        digest.update(bytes);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
