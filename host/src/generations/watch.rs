//! Watches the component files of all plugins, and asks for a swap when one has changed.
//!
//! Events of the system only say when to look, and where there are none a look every two seconds does as well. A file is read when it
//! has stood still for a while, and is used only if it is whole: what is half copied waits for its next change. Nothing that happens to
//! a file ends what serves.

mod component;
mod folders;

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::{join, join_all};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::change::{Change, NewComponent, Refusal, What};
use super::handle::Generations;

use component::{Found, Unread};

/// Who asks for the change.
const BY: &str = "file";
/// The status of a plugin that takes no change of its file.
const PAUSED: &str = "paused";

/// The times of watching.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// How long a file has to stand still before it is read.
    quiet: Duration,
    /// How long events are collected before anything is looked at: a folder may have thousands of them in a second.
    gather: Duration,
    /// How long nobody looks without an event.
    poll: Duration,
    /// How long a file may be of no use before that is worth a line in the log. Files are copied, and removed before they are replaced.
    patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(200),
            gather: Duration::from_millis(20),
            poll: Duration::from_secs(2),
            patience: Duration::from_secs(2),
        }
    }
}

/// Watches the components of these plugins, each with at most so many bytes. Runs until it is dropped.
pub(crate) fn watch(plugins: Vec<(String, PathBuf)>, bytes_max: usize, generations: Generations) -> impl Future<Output = ()> {
    watch_at(Pace::default(), plugins, bytes_max, generations)
}

/// What serves when this is called is what the files are taken to have: a file that has anything else by then is a change, and one that
/// goes on as it is while another component is put in its place is none.
fn watch_at(pace: Pace, plugins: Vec<(String, PathBuf)>, bytes_max: usize, generations: Generations) -> impl Future<Output = ()> {
    let paths = plugins.iter().map(|(_, path)| path.clone()).collect();
    let (events, _) = watch::channel(());
    // Each on its own: a disk that does not answer holds up one file.
    let files = plugins.into_iter().map(|(plugin, path)| {
        let (generations, changed) = (generations.clone(), events.subscribe());
        let sent = serving(&generations, &plugin);
        Watched { plugin, path, bytes_max, generations, pace, dealt_with: None, sent, useless: None }.follow(changed)
    });
    let files = join_all(files.collect::<Vec<_>>());
    async move {
        // One sender stays here: without one every wait would end at once.
        join(folders::follow(paths, events.clone(), pace.gather, pace.poll), files).await;
    }
}

/// The digest of the generation that serves.
fn serving(generations: &Generations, plugin: &str) -> Option<String> {
    let all = generations.list();
    let mine = all.iter().find(|view| view.name == plugin)?;
    mine.generation.as_ref().map(|generation| generation.digest.clone())
}

/// The component file of one plugin.
struct Watched {
    plugin: String,
    path: PathBuf,
    bytes_max: usize,
    generations: Generations,
    pace: Pace,
    /// What was at the path when it was last dealt with. Nothing, if it has to be looked at again.
    dealt_with: Option<Found>,
    /// The digest of what was sent last, or served when the watching began.
    sent: Option<String>,
    useless: Option<Useless>,
}

/// What is at the path and cannot be used.
struct Useless {
    found: Found,
    why: String,
    since: Instant,
    is_logged: bool,
}

impl Watched {
    /// Looks at the file now, and after each event.
    async fn follow(mut self, mut changed: watch::Receiver<()>) {
        loop {
            self.look().await;
            if let Ok(Ok(())) = timeout(self.pace.poll, changed.changed()).await {
                sleep(self.pace.gather).await;
                changed.mark_unchanged();
            }
        }
    }

    async fn look(&mut self) {
        let mut found = Found::at(&self.path).await;
        if self.dealt_with.as_ref() == Some(&found) {
            return self.log_useless();
        }
        // A pause holds: what the file has then is sent after it.
        if self.is_paused() {
            return;
        }
        loop {
            sleep(self.pace.quiet).await;
            let next = Found::at(&self.path).await;
            if next == found {
                break;
            }
            found = next;
        }
        match component::read(&self.path, &found, self.bytes_max).await {
            Ok(bytes) => self.send(found, bytes).await,
            // The next look is soon: it stood still, so there was an event, or it is looked at in any case.
            Err(Unread::Changed) => {}
            Err(Unread::Useless { why, may_pass }) => self.note_useless(found, why, may_pass),
        }
    }

    async fn send(&mut self, found: Found, bytes: Vec<u8>) {
        self.useless = None;
        let digest = format!("{:x}", Sha256::digest(&bytes));
        let known = self.sent.clone().unwrap_or_else(|| digest.clone());
        if known == digest {
            tracing::debug!(plugin = self.plugin, digest, "the component's file has the content that is known");
            self.sent = Some(known);
            self.dealt_with = Some(found);
            return;
        }
        tracing::debug!(plugin = self.plugin, digest, bytes = bytes.len(), "the component's file has changed");
        let what = What::Swap { component: NewComponent::Bytes(bytes), again: false };
        match self.generations.change(Change { plugin: self.plugin.clone(), what, by: BY }).await {
            // It is tried again at the next look.
            Err(Refusal::Busy) => return,
            Err(refusal) => tracing::error!(
                plugin = self.plugin,
                file = %self.path.display(),
                "the component of the changed file is not loaded, and nothing is different from before: {refusal}"
            ),
            Ok(_) => {}
        }
        self.sent = Some(digest);
        self.dealt_with = Some(found);
    }

    fn is_paused(&self) -> bool {
        self.generations.list().iter().any(|plugin| plugin.name == self.plugin && plugin.status == PAUSED)
    }

    /// `may_pass`: it may be of use later, although nothing is different on the disk.
    fn note_useless(&mut self, found: Found, why: String, may_pass: bool) {
        self.dealt_with = (!may_pass).then(|| found.clone());
        let is_known = self.useless.as_ref().is_some_and(|useless| useless.found == found && useless.why == why);
        if !is_known {
            self.useless = Some(Useless { found, why, since: Instant::now(), is_logged: false });
        }
        self.log_useless();
    }

    /// Logs once what has been of no use for a while.
    fn log_useless(&mut self) {
        let Some(useless) = self.useless.as_mut().filter(|useless| !useless.is_logged) else {
            return;
        };
        if useless.since.elapsed() >= self.pace.patience {
            useless.is_logged = true;
            tracing::warn!(
                plugin = self.plugin,
                file = %self.path.display(),
                "the plugin's component file {}; what is loaded stays until the file is a component again",
                useless.why
            );
        }
    }
}

#[cfg(test)]
mod tests;
