//! Words that were replaced because newcomers had to learn them, and the map of questions to files in CONTRIBUTING.md.

use std::fs;
use std::path::PathBuf;

use crate::sources::{files_of, has_extension, root};

/// Names of types, functions and modules that have a plainer name now. None may come back as a whole word in code.
const GONE: [&str; 39] = [
    "Alarm", "Alarms", "Beat", "ByHand", "Door", "Ending", "Errand", "Errands", "Facts", "Front", "Given", "Hall", "House",
    "Kind", "Life", "Mail", "Manner", "Mistake", "Opening", "Place", "Ration", "Seats", "Services", "Share", "Sid", "Slot",
    "Stage", "State", "Taken", "Turn", "Upper", "Wish", "Wrong", "alarms", "errand", "errands", "nudge", "seats", "upper",
];

/// Turns of phrase that hide what happens. None may come back in comments, documentation, the contract or a text for operators.
const GONE_PHRASES: [&str; 14] = [
    "is told",
    "are told",
    "was told",
    "be told",
    "the hall",
    "front door",
    "back door",
    "the house",
    "engine room",
    "who is on the line",
    "passed the gate",
    "through the gate",
    "Come in",
    "come in again",
];

#[test]
fn the_words_that_are_gone_stay_gone() {
    let mut found = Vec::new();
    for file in texts() {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            let code = if has_extension(&file, &["rs"]) { line.split("//").next().unwrap_or_default() } else { "" };
            let outside_strings = code.split('"').step_by(2);
            let words = outside_strings.flat_map(|code| code.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')));
            let gone =
                words.filter(|word| GONE.contains(word)).chain(GONE_PHRASES.into_iter().filter(|phrase| line.contains(phrase)));
            found.extend(gone.map(|word| format!("{}:{}: {word:?} in {:?}", file.display(), number + 1, line.trim())));
        }
    }
    assert!(found.is_empty(), "a plainer word is in use for these, see CONTRIBUTING.md:\n{}", found.join("\n"));
}

/// A newcomer's questions, each with the file that answers it: what the table promises is there.
#[test]
fn the_map_leads_to_the_files() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let rows: Vec<Vec<&str>> =
        text.lines().filter(|line| line.starts_with("| Where ")).map(|line| line.split('|').collect()).collect();
    assert!(rows.len() > 15, "the table was not found");
    for row in rows {
        let [_, question, files, looks_for, _] = row[..] else { panic!("a row has three cells: {row:?}") };
        let paths: Vec<&str> = quoted(files).collect();
        let wanted: Vec<&str> = quoted(looks_for).collect();
        assert!(!paths.is_empty() && !wanted.is_empty(), "{question}: a row names a file and what to look for in it");
        let missing: Vec<_> = paths.iter().filter(|path| !root().join(path).exists()).collect();
        assert!(missing.is_empty(), "{question}: {missing:?} is not there");
        let files: Vec<PathBuf> = paths.iter().flat_map(|path| files_of(&root().join(path))).collect();
        for wanted in wanted {
            let holds = |file: &PathBuf| fs::read_to_string(file).is_ok_and(|text| text.contains(wanted));
            assert!(files.iter().any(holds), "{question}: {wanted:?} stands in none of {paths:?}");
        }
    }
}

/// What stands between backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The sources, the demo's page, the documentation and the contract.
fn texts() -> Vec<PathBuf> {
    let folders = ["host", "plugin-sdk", "plugins", "wit", "docs", "tests/scenarios", "tests/guests"];
    let pages = ["README.md", "CONTRIBUTING.md"].map(|page| root().join(page));
    let inside = folders.iter().flat_map(|folder| files_of(&root().join(folder)));
    let texts: Vec<PathBuf> =
        inside.chain(pages).filter(|file| has_extension(file, &["rs", "md", "wit", "html", "mjs"])).collect();
    assert!(texts.len() > 200, "the sources were not found");
    texts
}
