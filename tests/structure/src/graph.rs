//! The graph of a crate's files: which file names items that another file defines.
//!
//! Parsed with `syn`, so that a path in a string or a comment is no edge. An edge goes to the file that *defines* an item, however many
//! re-exports lie between. Code under `#[cfg(test)]` does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A module, as the names from the crate's root to it.
type ModulePath = Vec<String>;

/// What one module of the crate says.
struct Module {
    /// The file that the module stands in, relative to the source folder.
    file: String,
    /// Names of items that the module defines itself.
    defines: BTreeSet<String>,
    /// Names of the modules declared in it.
    children: BTreeSet<String>,
    /// Names that `use` brings into it, with the path that each stands for.
    imports: BTreeMap<String, Vec<String>>,
    /// Modules of which everything is imported.
    globs: Vec<Vec<String>>,
    /// Every path of the module that may lead to another one.
    paths: Vec<Vec<String>>,
}

/// The files of one crate, and which of them names items of which.
pub(crate) struct FileGraph {
    modules: BTreeMap<ModulePath, Module>,
}

impl FileGraph {
    /// Reads the crate whose root is `lib.rs` in `source`.
    pub(crate) fn read(source: &Path) -> Self {
        let mut graph = Self { modules: BTreeMap::new() };
        graph.read_file(source, &source.join("lib.rs"), Vec::new());
        graph
    }

    /// Number of files that were read.
    pub(crate) fn files(&self) -> usize {
        self.modules.values().map(|module| &module.file).collect::<BTreeSet<_>>().len()
    }

    /// Every edge between two files, with the names that make it.
    pub(crate) fn edges(&self) -> BTreeMap<(String, String), BTreeSet<String>> {
        let mut edges: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for (at, module) in &self.modules {
            let imported = module.imports.values().chain(&module.globs);
            for path in imported.chain(&module.paths) {
                let Some((file, name)) = self.resolve(at, path, 0) else { continue };
                if file != module.file {
                    edges.entry((module.file.clone(), file)).or_default().insert(name);
                }
            }
        }
        edges
    }

    /// Groups of files of which each can be reached from each, as a text that says how.
    pub(crate) fn circles(&self) -> Vec<String> {
        let edges = self.edges();
        let mut reaches: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (from, to) in edges.keys() {
            reaches.entry(from).or_default().insert(to);
        }
        let reachable = |from: &str| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(file) = open.pop() {
                for next in reaches.get(file).into_iter().flatten() {
                    if seen.insert(*next) {
                        open.push(next);
                    }
                }
            }
            seen
        };
        let all: BTreeMap<&str, BTreeSet<&str>> = reaches.keys().map(|file| (*file, reachable(file))).collect();
        let mut groups = BTreeSet::new();
        for (file, reached) in all.iter().filter(|(file, reached)| reached.contains(*file)) {
            let back = |other: &&&str| all.get(**other).is_some_and(|reached| reached.contains(file));
            groups.insert(reached.iter().filter(back).copied().collect::<BTreeSet<_>>());
        }
        let describe = |group: BTreeSet<&str>| {
            let inside = edges.iter().filter(|((from, to), _)| group.contains(&**from) && group.contains(&**to));
            let lines = inside.map(|((from, to), names)| {
                format!("  {from} -> {to} ({})", names.iter().cloned().collect::<Vec<_>>().join(", "))
            });
            format!("{} files:\n{}", group.len(), lines.collect::<Vec<_>>().join("\n"))
        };
        groups.into_iter().map(describe).collect()
    }

    /// Files with a path that goes up two modules.
    pub(crate) fn grandparents(&self) -> BTreeSet<&str> {
        let goes_up_twice = |module: &&Module| {
            let mut paths = module.imports.values().chain(&module.globs).chain(&module.paths);
            paths.any(|path| path.iter().take(2).all(|segment| segment == "super") && path.len() > 1)
        };
        self.modules.values().filter(goes_up_twice).map(|module| &*module.file).collect()
    }

    fn read_file(&mut self, source: &Path, path: &Path, at: ModulePath) {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = path.strip_prefix(source).unwrap().display().to_string();
        let folder = match path.file_name().and_then(|name| name.to_str()) {
            Some("lib.rs" | "mod.rs") => path.parent().unwrap().to_owned(),
            _ => path.with_extension(""),
        };
        self.read_items(source, &folder, &file, at, &parsed.items);
    }

    fn read_items(&mut self, source: &Path, folder: &Path, file: &str, at: ModulePath, items: &[Item]) {
        let mut module = Module {
            file: file.to_owned(),
            defines: BTreeSet::new(),
            children: BTreeSet::new(),
            imports: BTreeMap::new(),
            globs: Vec::new(),
            paths: Vec::new(),
        };
        let mut below = Vec::new();
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            match item {
                Item::Mod(child) => {
                    module.children.insert(child.ident.to_string());
                    below.push(child);
                }
                Item::Use(used) => import(&used.tree, &mut Vec::new(), &mut module),
                other => {
                    module.defines.extend(name_of(other));
                    Paths(&mut module.paths).visit_item(other);
                }
            }
        }
        self.modules.insert(at.clone(), module);
        for child in below {
            let name = child.ident.to_string();
            let at: ModulePath = at.iter().cloned().chain([name.clone()]).collect();
            match &child.content {
                Some((_, items)) => self.read_items(source, &folder.join(&name), file, at, items),
                None => self.read_file(source, &file_of(folder, &name), at),
            }
        }
    }

    /// The file that defines what `path` names when it stands in the module `at`, and the name.
    fn resolve(&self, at: &[String], path: &[String], depth: usize) -> Option<(String, String)> {
        // Only imports that import each other could go deeper.
        if depth > 16 {
            return None;
        }
        let mut place = at.to_vec();
        let mut rest = path;
        let mut is_first = true;
        loop {
            let (segment, after) = rest.split_first()?;
            match segment.as_str() {
                "crate" => place.clear(),
                "self" => {}
                "super" => drop(place.pop()?),
                name => {
                    let module = self.modules.get(&place)?;
                    let child: ModulePath = place.iter().cloned().chain([name.to_owned()]).collect();
                    if module.children.contains(name) && self.modules.contains_key(&child) {
                        if after.is_empty() {
                            return Some((self.modules.get(&child)?.file.clone(), name.to_owned()));
                        }
                        place = child;
                    } else if module.defines.contains(name) {
                        return Some((module.file.clone(), name.to_owned()));
                    } else if let Some(imported) = module.imports.get(name) {
                        // The import itself, seen from its own module, must not look itself up.
                        if is_first && imported == path {
                            return None;
                        }
                        let through: Vec<String> = imported.iter().chain(after).cloned().collect();
                        return self.resolve(&place, &through, depth + 1);
                    } else {
                        let mut through = module.globs.iter().map(|glob| glob.iter().chain(rest).cloned().collect::<Vec<_>>());
                        return through.find_map(|path| self.resolve(&place, &path, depth + 1));
                    }
                }
            }
            is_first = false;
            rest = after;
            if rest.is_empty() {
                return self.modules.get(&place).map(|module| (module.file.clone(), segment.clone()));
            }
        }
    }
}

/// Collects the paths of an item that have more than one part. Bodies count, code of tests does not.
struct Paths<'a>(&'a mut Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 && path.leading_colon.is_none() {
            self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    /// `pub(in crate::module)` names who may use an item, and uses nothing.
    fn visit_vis_restricted(&mut self, _visibility: &'ast syn::VisRestricted) {}

    fn visit_item_use(&mut self, used: &'ast syn::ItemUse) {
        let mut inside = Vec::new();
        flatten(&used.tree, &mut Vec::new(), &mut |path, _| inside.push(path.to_vec()));
        self.0.append(&mut inside);
    }

    fn visit_macro(&mut self, made: &'ast syn::Macro) {
        // What a macro is given is only tokens. Paths in it are found by their shape.
        let text = made.tokens.to_string().replace(" :: ", "::");
        for word in text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':')) {
            let parts: Vec<String> = word.split("::").map(str::to_owned).collect();
            if parts.len() > 1 && parts.iter().all(|part| !part.is_empty() && !part.contains(':')) {
                self.0.push(parts);
            }
        }
        visit::visit_macro(self, made);
    }
}

fn import(tree: &UseTree, before: &mut Vec<String>, module: &mut Module) {
    flatten(tree, before, &mut |path, name| match name {
        Some(name) => drop(module.imports.insert(name.to_owned(), path.to_vec())),
        None => module.globs.push(path.to_vec()),
    });
}

/// Calls `found` with each path of a `use` and the name that it gets; without a name for `*`.
fn flatten(tree: &UseTree, before: &mut Vec<String>, found: &mut impl FnMut(&[String], Option<&str>)) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
            before.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, found)),
        UseTree::Glob(_) => found(before, None),
        UseTree::Name(name) if name.ident == "self" => {
            let last = before.last().cloned();
            found(before, last.as_deref());
        }
        UseTree::Name(name) => named(before, &name.ident.to_string(), &name.ident.to_string(), found),
        UseTree::Rename(name) if name.ident == "self" => found(before, Some(&name.rename.to_string())),
        UseTree::Rename(name) => named(before, &name.ident.to_string(), &name.rename.to_string(), found),
    }
}

fn named(before: &mut Vec<String>, own: &str, name: &str, found: &mut impl FnMut(&[String], Option<&str>)) {
    before.push(own.to_owned());
    found(before, Some(name));
    before.pop();
}

fn name_of(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        Item::Union(item) => item.ident.to_string(),
        Item::Macro(item) => item.ident.as_ref()?.to_string(),
        _ => return None,
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    let text = |attribute: &Attribute| match &attribute.meta {
        syn::Meta::List(list) => list.tokens.to_string(),
        _ => String::new(),
    };
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg") && text(attribute) == "test")
}

fn file_of(folder: &Path, module: &str) -> PathBuf {
    let plain = folder.join(module).with_extension("rs");
    if plain.is_file() { plain } else { folder.join(module).join("mod.rs") }
}
