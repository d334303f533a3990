//! The demo's chat page, and the official client that the page uses.
//!
//! The page is compiled into this program. The client is fetched once, with `npm`; without the client everything but the page works.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::child;
use crate::cli::output::say;

const FILES: [(&str, &str); 4] = [
    ("index.html", include_str!("../../../assets/demo/index.html")),
    ("page.css", include_str!("../../../assets/demo/page.css")),
    ("page.mjs", include_str!("../../../assets/demo/page.mjs")),
    ("draw.mjs", include_str!("../../../assets/demo/draw.mjs")),
];
/// The client that the tests use too.
const CLIENT: &str = "socket.io-client@4.8.4";
/// A slow network gets that long; then the demo starts without.
const FETCH_DEADLINE: Duration = Duration::from_secs(60);

/// Writes the page, and the tokens that the page offers, into a folder. The server serves it as it would an operator's
/// `static_folder`.
pub(super) fn unpack(demo: &Path, tokens: &str) -> io::Result<PathBuf> {
    let folder = demo.join("public");
    fs::create_dir_all(&folder)?;
    for (name, text) in FILES.into_iter().chain([("users.json", tokens)]) {
        let file = folder.join(name);
        // A file that is right already keeps its time, so that browsers keep their copy.
        if fs::read(&file).ok().as_deref() != Some(text.as_bytes()) {
            fs::write(file, text)?;
        }
    }
    Ok(folder)
}

/// The folder of the client's bundles, fetched if it is not there; `None`, with a line on stderr, if it cannot be fetched.
pub(super) fn client(demo: &Path) -> Option<PathBuf> {
    let kept = demo.join(CLIENT);
    let bundles = |folder: &Path| folder.join("node_modules/socket.io-client/dist");
    if bundles(&kept).is_dir() {
        return Some(bundles(&kept));
    }
    if child::output(child::clean("npm").arg("--version")).is_none() {
        say(format_args!(
            "innkeeper: the chat page needs npm, once, for {CLIENT}: install Node.js (https://nodejs.org) and start again"
        ));
        return None;
    }
    say(format_args!("innkeeper: fetching {CLIENT} with npm, only this time"));
    // Gets its name only when it is complete, so that an interrupted npm leaves nothing that looks like a client.
    if let Ok(beside) = fs::create_dir_all(demo).and_then(|()| tempfile::tempdir_in(demo)) {
        let fresh = beside.path().join("fetched");
        // If another demo was quicker, what it fetched is the same.
        let _kept = fetch(&fresh) && bundles(&fresh).is_dir() && fs::rename(&fresh, &kept).is_ok();
    }
    if bundles(&kept).is_dir() {
        return Some(bundles(&kept));
    }
    let command = format!("npm install --prefix {} {CLIENT}", kept.display());
    say(format_args!("innkeeper: npm could not fetch {CLIENT}, so the chat page stays empty; `{command}` says why"));
    None
}

fn fetch(folder: &Path) -> bool {
    let mut npm = child::clean("npm");
    npm.args(["install", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--prefix"]);
    npm.arg(folder).arg(CLIENT);
    fs::create_dir_all(folder).is_ok() && child::succeeds_within(child::quiet(npm), FETCH_DEADLINE)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_client_is_the_one_that_the_tests_use() {
        let (name, version) = super::CLIENT.split_once('@').unwrap_or_default();
        let tests = include_str!("../../../../tests/package.json");
        assert!(tests.contains(&format!("\"{name}\": \"{version}\"")));
    }
}
