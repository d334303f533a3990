//! What is kept and read back, and what is wrong with a folder without anything being lost.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{COMPONENTS, LOCK, Shelf, ShelfError};
use crate::fixed_limits::{KEPT_COMPONENT_BYTES_MAX, KEPT_LIST_BYTES_MAX};
use crate::plugin::digest;

fn empty(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("innkeeper-shelf-{name}-{}", std::process::id()));
    let _absent = fs::remove_dir_all(&folder);
    folder
}

fn keep(shelf: &Shelf, plugin: &str, content: &str) -> Result<(), ShelfError> {
    shelf.keep(plugin, &digest(content.as_bytes()), content.as_bytes(), "rust 0.1", "file")
}

fn listed(shelf: &Shelf, plugin: &str) -> Vec<String> {
    let contents = shelf.list(plugin).into_iter().map(|kept| String::from_utf8(shelf.read(&kept.digest).unwrap()).unwrap());
    contents.collect()
}

fn file_of(shelf: &Shelf, content: &str) -> PathBuf {
    shelf.component(&digest(content.as_bytes())).unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn the_last_of_each_plugin_are_kept_once_and_the_rest_is_removed() {
    let folder = empty("kept");
    let shelf = Shelf::open(folder.join("a/b"), 3);
    assert!(shelf.list("chat").is_empty() && !folder.exists(), "nothing is made before something is kept");
    for content in ["one", "two", "three", "two", "four"] {
        keep(&shelf, "chat", content).unwrap();
    }
    keep(&shelf, "echo", "one").unwrap();
    keep(&shelf, "echo", "three").unwrap();
    assert_eq!(listed(&shelf, "chat"), ["four", "two", "three"]);
    assert_eq!(listed(&shelf, "echo"), ["three", "one"]);
    keep(&shelf, "chat", "five").unwrap();
    keep(&shelf, "chat", "six").unwrap();
    // The third of chat is gone, and echo has it still.
    assert_eq!(
        (listed(&shelf, "chat"), listed(&shelf, "echo")),
        (vec!["six".into(), "five".into(), "four".into()], vec!["three".into(), "one".into()])
    );
    assert_eq!(files(&folder.join("a/b").join(COMPONENTS)).len(), 5);
    assert_eq!(files(&folder.join("a/b")), ["chat.json", "components", "echo.json", "lock"]);

    // Another server with the same folder, with fewer to keep.
    let other = Shelf::open(folder.join("a/b"), 1);
    assert_eq!(listed(&other, "chat").len(), 3);
    keep(&other, "chat", "five").unwrap();
    assert_eq!(listed(&shelf, "chat"), ["five"]);
    let kept = shelf.list("chat").remove(0);
    assert_eq!((kept.by.as_str(), kept.sdk.as_str()), ("file", "rust 0.1"));
    assert!(kept.when_ms > 1_700_000_000_000);
    for path in [folder.join("a/b"), folder.join("a/b").join(COMPONENTS), folder.join("a/b/chat.json"), file_of(&shelf, "five")] {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_component_that_is_not_what_its_name_says_is_not_read_and_is_replaced_when_it_serves_again() {
    let folder = empty("damaged");
    let shelf = Shelf::open(folder.clone(), 5);
    keep(&shelf, "chat", "one").unwrap();
    let (file, one) = (file_of(&shelf, "one"), digest(b"one"));
    for content in ["onf", "", "one and more"] {
        fs::write(&file, content).unwrap();
        let why = shelf.read(&one).unwrap_err().to_string();
        assert!(why.contains("is not what its name says") && why.contains(&digest(content.as_bytes())), "{why}");
    }
    keep(&shelf, "chat", "one").unwrap();
    assert_eq!(shelf.read(&one).unwrap(), b"one");

    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    assert!(shelf.read(&one).unwrap_err().to_string().contains("others may write to it"));
    fs::remove_file(&file).unwrap();
    assert!(shelf.list("chat").is_empty(), "what is not there is not listed");
    assert!(matches!(shelf.read(&one), Err(ShelfError::Absent { .. })));
    symlink("/etc/hostname", &file).unwrap();
    assert!(shelf.read(&one).unwrap_err().to_string().contains("it is no file"));
    fs::remove_file(&file).unwrap();
    let large = fs::File::create(&file).unwrap();
    large.set_permissions(Permissions::from_mode(0o600)).unwrap();
    large.set_len(KEPT_COMPONENT_BYTES_MAX + 1).unwrap();
    assert!(shelf.read(&one).unwrap_err().to_string().contains("it has more than 4294967296 bytes"));
    for name in ["", "../../etc/passwd", "ABC", &"g".repeat(64), &one[1..]] {
        assert!(matches!(shelf.read(name), Err(ShelfError::Name { .. })), "{name}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_list_that_is_no_list_is_begun_anew_and_foreign_files_stay() {
    let folder = empty("foreign");
    let shelf = Shelf::open(folder.clone(), 5);
    keep(&shelf, "chat", "one").unwrap();
    let components = folder.join(COMPONENTS);
    for (path, content) in [
        (folder.join("notes.txt"), "mine"),
        (folder.join("other.json"), "{"),
        (components.join("mine.wasm"), "mine"),
        (components.join("README"), "mine"),
        // What a server left that was killed.
        (folder.join("chat.17.unfinished"), "["),
        (components.join("abc.17.unfinished"), "x"),
    ] {
        fs::write(path, content).unwrap();
    }
    fs::create_dir(components.join(format!("{}.wasm", "0".repeat(64)))).unwrap();
    fs::write(folder.join("chat.json"), "[{\"digest\": \"../../x\", \"when_ms\": 1, \"by\": \"\", \"sdk\": \"\"}]").unwrap();
    assert!(shelf.list("chat").is_empty(), "a digest is no path");
    for content in ["[1, 2", "", "\u{0}", "{}"] {
        fs::write(folder.join("chat.json"), content).unwrap();
        assert!(shelf.list("chat").is_empty());
        keep(&shelf, "chat", "two").unwrap();
        assert_eq!(listed(&shelf, "chat"), ["two"], "after {content:?}");
    }
    let large = fs::File::create(folder.join("chat.json")).unwrap();
    large.set_len(KEPT_LIST_BYTES_MAX + 1).unwrap();
    assert!(shelf.list("chat").is_empty(), "a list has at most KEPT_LIST_BYTES_MAX");
    keep(&shelf, "chat", "two").unwrap();
    assert_eq!(listed(&shelf, "chat"), ["two"]);
    assert_eq!(files(&folder), ["chat.json", "components", "lock", "notes.txt", "other.json"]);
    let mut left = files(&components);
    left.retain(|name| !name.starts_with(&digest(b"two")));
    assert_eq!(left, [format!("{}.wasm", "0".repeat(64)), "README".to_owned(), "mine.wasm".to_owned()]);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_folder_that_cannot_be_used_is_named_and_can_be_repaired_meanwhile() {
    let folder = empty("unusable");
    fs::create_dir_all(&folder).unwrap();
    let told = |shelf: &Shelf| keep(shelf, "chat", "one").unwrap_err().to_string();

    // A file in the place of the folder, and of the one in it.
    fs::write(folder.join("file"), "").unwrap();
    let shelf = Shelf::open(folder.join("file"), 5);
    assert!(told(&shelf).contains("file") && told(&shelf).ends_with("(folder in [generations])"), "{}", told(&shelf));
    assert!(shelf.list("chat").is_empty());
    fs::remove_file(folder.join("file")).unwrap();
    keep(&shelf, "chat", "one").unwrap();
    // Folders in the place of files.
    fs::remove_file(file_of(&shelf, "one")).unwrap();
    fs::create_dir(file_of(&shelf, "one")).unwrap();
    assert!(told(&shelf).contains(&digest(b"one")), "{}", told(&shelf));
    fs::remove_dir(file_of(&shelf, "one")).unwrap();
    fs::remove_file(folder.join("file/chat.json")).unwrap();
    fs::create_dir(folder.join("file/chat.json")).unwrap();
    assert!(told(&shelf).contains("chat.json") && shelf.list("chat").is_empty(), "{}", told(&shelf));
    fs::remove_dir(folder.join("file/chat.json")).unwrap();
    assert!(
        !folder.join("file").read_dir().unwrap().any(|entry| entry.unwrap().path().extension() == Some("unfinished".as_ref()))
    );

    // Where nothing can be written, not even by root.
    assert!(told(&Shelf::open("/proc/innkeeper".into(), 5)).starts_with("/proc/innkeeper"));
    // Others may write.
    for open in [folder.join("file"), folder.join("file").join(COMPONENTS)] {
        fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
        assert!(told(&shelf).contains("others may write to it"), "{}", told(&shelf));
        fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
    }
    // The operator's own link is followed, one inside is not.
    symlink(folder.join("file"), folder.join("link")).unwrap();
    keep(&Shelf::open(folder.join("link"), 5), "chat", "one").unwrap();
    fs::rename(folder.join("file").join(COMPONENTS), folder.join("elsewhere")).unwrap();
    symlink(folder.join("elsewhere"), folder.join("file").join(COMPONENTS)).unwrap();
    assert!(told(&shelf).contains("it is no folder"), "{}", told(&shelf));
    assert!(matches!(shelf.keep("../x", &digest(b""), b"", "", ""), Err(ShelfError::Name { .. })));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn programs_change_a_folder_one_after_the_other() {
    let folder = empty("held");
    let shelf = Shelf::open(folder.clone(), 5);
    keep(&shelf, "chat", "one").unwrap();
    let held = fs::File::options().write(true).open(folder.join(LOCK)).unwrap();
    held.lock().unwrap();
    std::thread::scope(|scope| {
        let keeping = scope.spawn(|| keep(&shelf, "chat", "two"));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!keeping.is_finished());
        // Who only reads waits for nobody.
        assert_eq!(listed(&shelf, "chat"), ["one"]);
        held.unlock().unwrap();
        keeping.join().unwrap().unwrap();
    });
    assert_eq!(listed(&shelf, "chat"), ["two", "one"]);
    held.lock().unwrap();
    assert!(matches!(keep(&shelf, "chat", "three"), Err(ShelfError::Locked { .. })));
    fs::remove_dir_all(&folder).unwrap();
}
