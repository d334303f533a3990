//! What the pages promise is there: files that they link to, keys of their configurations, commands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::sources::{files_of, has_extension, root};

#[test]
fn links_lead_to_files_and_headings() {
    let mut dead = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            if target.contains("://") {
                continue;
            }
            let leads_to = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let has_heading = || heading.is_empty() || headings(&fs::read_to_string(&leads_to).unwrap()).contains(heading);
            if !leads_to.exists() || !has_heading() {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "these links lead nowhere:\n{}", dead.join("\n"));
}

/// `docs/configuration.md` is made of the host's own list of keys.
#[test]
fn the_keys_of_example_configurations_exist() {
    let known = known_keys();
    assert!(known.len() > 5 && known.values().all(|keys| !keys.is_empty()), "the sections were not found: {known:?}");
    let (mut unknown, mut seen) = (Vec::new(), 0);
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for block in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            for (section, key) in keys(block) {
                // Other files than the host's: `Cargo.toml`.
                let Some(keys) = known.get(&section) else { continue };
                seen += 1;
                if !keys.contains(&key) {
                    unknown.push(format!("{}: {section} {key}", page.display()));
                }
            }
        }
    }
    assert!(seen > 20, "the examples were not found");
    assert!(unknown.is_empty(), "these keys are not in docs/configuration.md:\n{}", unknown.join("\n"));
}

/// Commands are named as `innkeeper config check` in text, and in examples of a shell.
#[test]
fn the_commands_of_pages_exist() {
    let own = subcommands("host/src/cli.rs");
    let nested = [("config", "configuration"), ("plugin", "plugin"), ("store", "store"), ("token", "token")];
    let nested: BTreeMap<_, _> =
        nested.into_iter().map(|(command, file)| (command, subcommands(&format!("host/src/cli/{file}.rs")))).collect();
    let (mut unknown, mut seen) = (Vec::new(), 0);
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for line in text.split(['`', '\n']).filter_map(|line| line.strip_prefix("innkeeper ")) {
            let mut words = line.split(' ');
            let (command, sub) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            seen += 1;
            let has_sub = nested.get(command).is_none_or(|subs| sub.is_empty() || subs.contains(sub));
            if !own.contains(command) || !has_sub {
                unknown.push(format!("{}: innkeeper {line}", page.display()));
            }
        }
    }
    assert!(seen > 10, "the commands were not found");
    assert!(unknown.is_empty(), "these commands do not exist:\n{}", unknown.join("\n"));
}

/// The right side of the tables from Socket.IO to here, and of the table of the host of unit tests.
#[test]
fn the_functions_in_tables_exist() {
    let sources: String =
        files_of(&root().join("plugin-sdk/rust/src")).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let (mut unknown, mut seen) = (Vec::new(), 0);
    for page in ["plugin-sdk/rust/README.md", "docs/guide.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        for cell in text.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit(" | ").next()) {
            for code in cell.split('`').skip(1).step_by(2) {
                // A list that a function of the SDK returns has its length from the standard library.
                for name in called(code).into_iter().filter(|name| *name != "len") {
                    seen += 1;
                    if !sources.contains(&format!("fn {name}(")) && !sources.contains(&format!("fn {name}<")) {
                        unknown.push(format!("{page}: {name} in {code}"));
                    }
                }
            }
        }
    }
    assert!(seen > 60, "the tables were not found");
    assert!(unknown.is_empty(), "these functions are not in the SDK:\n{}", unknown.join("\n"));
}

/// The names in front of `(` and `::<`, in lower case: those of functions.
fn called(code: &str) -> BTreeSet<&str> {
    let ends = code.match_indices('(').chain(code.match_indices("::<")).map(|(at, _)| at);
    let name = |end: usize| {
        let before = &code[..end];
        let begin = before.rfind(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).map_or(0, |at| at + 1);
        &before[begin..]
    };
    // Of the standard library, or no function.
    let functions = ends.map(name).filter(|name| !["", "fn", "from_secs", "unwrap_err"].contains(name));
    functions.filter(|name| name.chars().all(|letter| !letter.is_ascii_uppercase())).collect()
}

/// The commands that an enum of clap's has in this file.
fn subcommands(file: &str) -> BTreeSet<String> {
    let parsed = syn::parse_file(&fs::read_to_string(root().join(file)).unwrap()).unwrap();
    let enums = parsed.items.into_iter().filter_map(|item| match item {
        syn::Item::Enum(found) if found.ident.to_string().ends_with("Command") => Some(found),
        _ => None,
    });
    let names: BTreeSet<String> =
        enums.flat_map(|found| found.variants).map(|one| one.ident.to_string().to_lowercase()).collect();
    assert!(!names.is_empty(), "{file} has no commands");
    names
}

/// The keys of each section of `docs/configuration.md`, under `plugins.<name>` and the like.
fn known_keys() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let sections = text.split("\n## `[").skip(1);
    let rows = |section: &str| {
        section.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned())).collect()
    };
    sections.filter_map(|section| Some((section.split(']').next()?.to_owned(), rows(section)))).collect()
}

/// The keys of a TOML text, each with its section: `[plugins.chat]` is `plugins.<name>`.
fn keys(toml: &str) -> Vec<(String, String)> {
    let (mut section, mut keys) = (String::new(), Vec::new());
    for line in toml.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = match name.split_once('.') {
                Some((group @ ("plugins" | "keys"), _)) => format!("{group}.<name>"),
                _ => name.to_owned(),
            };
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with(['#', ' '])) {
            keys.push((section.clone(), key.trim().to_owned()));
        }
    }
    keys
}

/// The headings of a page, as links name them.
fn headings(text: &str) -> BTreeSet<String> {
    let titles = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let kept =
        |title: String| title.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter)).collect::<String>();
    titles.map(|title| kept(title).replace(' ', "-")).collect()
}

/// The pages of the project.
fn pages() -> Vec<PathBuf> {
    let folders = ["docs", "plugin-sdk", "wit", "tests/bench"];
    let inside = folders.iter().flat_map(|folder| files_of(&root().join(folder)));
    let alone = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|page| root().join(page));
    let pages: Vec<PathBuf> = inside.chain(alone).filter(|file| has_extension(file, &["md"])).collect();
    assert!(pages.len() > 7, "the pages were not found");
    pages
}
