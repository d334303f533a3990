//! Files for browsers, on the clients' port: a folder of the operator's, and the official client.
//!
//! The engine looks at a request first; what is not for its endpoint comes here. What may be found, and that nothing outside
//! of the folder is, is decided in `find`; `content` reads a file as fast as its client takes it.

mod content;
mod find;
mod mime;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use content::Content;
use find::{Lookup, OpenFile};

/// Files that are open at once. A browser opens six connections to a host; each file takes one of the 1,024 handles that a
/// process has by default, and most of those are for sockets.
const OPEN_FILES_MAX: usize = 256;

/// The bundles of the official client, as Node's server gives them out.
const BUNDLES: [&str; 4] = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];

const NO_CLIENT: &str = "the Socket.IO client is not here; install it (npm install socket.io-client) and name its folder in \
    innkeeper.toml: [server] client_folder = \"node_modules/socket.io-client/dist\"\n";

/// What is served; nothing unless it was said.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    folder: Option<Arc<Path>>,
    client: Option<Arc<ClientBundles>>,
    open: Arc<Semaphore>,
}

/// Where the official client is given out, and where it lies.
#[derive(Debug)]
pub(crate) struct ClientBundles {
    /// Path of the engine's endpoint, with a slash at both ends.
    pub(crate) endpoint: String,
    /// The folder of the bundles; without it the response says what is missing.
    pub(crate) folder: Option<PathBuf>,
}

impl Files {
    /// `client`: `None` gives no client out.
    pub(crate) fn new(folder: Option<PathBuf>, client: Option<ClientBundles>) -> Self {
        let open = Arc::new(Semaphore::new(OPEN_FILES_MAX));
        Self { folder: folder.map(Into::into), client: client.map(Arc::new), open }
    }

    /// The response to a request, if it could be for a file.
    pub(crate) fn respond(&self, request: &Parts) -> Option<impl Future<Output = Response<Content>> + Send + use<>> {
        let (folder, path) = self.locate(request.uri.path())?;
        let open = Arc::clone(&self.open);
        let request =
            (request.method.clone(), request.uri.query().map(str::to_owned), request.headers.get(IF_NONE_MATCH).cloned());
        Some(async move {
            let (method, query, known) = request;
            if method != Method::GET && method != Method::HEAD {
                return with_header(
                    text_response(StatusCode::METHOD_NOT_ALLOWED, "use GET\n"),
                    ALLOW,
                    HeaderValue::from_static("GET, HEAD"),
                );
            }
            let Some(folder) = folder else { return text_response(StatusCode::NOT_FOUND, NO_CLIENT) };
            let Ok(permit) = open.try_acquire_owned() else {
                return text_response(StatusCode::SERVICE_UNAVAILABLE, "too many files are open, try again\n");
            };
            // Looking for a file may wait for a disk.
            let found = tokio::task::spawn_blocking({
                let path = path.clone();
                move || find::find(&folder, &path)
            });
            match found.await {
                Ok(Some(Lookup::File(file))) => file_response(file, &method, known.as_ref(), permit),
                Ok(Some(Lookup::Folder)) => redirect(&path, query.as_deref()),
                _ => text_response(StatusCode::NOT_FOUND, "not found\n"),
            }
        })
    }

    /// The folder to look in, and the path in there. No folder: the client is to be given out, and is not here.
    fn locate(&self, path: &str) -> Option<(Option<Arc<Path>>, String)> {
        if let Some(client) = &self.client
            && let Some(name) = path.strip_prefix(&client.endpoint)
            && BUNDLES.contains(&name.strip_suffix(".map").unwrap_or(name))
        {
            return Some((client.folder.as_deref().map(Into::into), format!("/{name}")));
        }
        Some((Some(Arc::clone(self.folder.as_ref()?)), path.to_owned()))
    }
}

impl Default for Files {
    fn default() -> Self {
        Self::new(None, None)
    }
}

fn file_response(
    file: OpenFile,
    method: &Method,
    known: Option<&HeaderValue>,
    permit: OwnedSemaphorePermit,
) -> Response<Content> {
    let etag = HeaderValue::from_str(&file.etag).ok();
    let content_type = mime::content_type(&file.path);
    let unchanged = known.and_then(|known| known.to_str().ok()).is_some_and(|known| matches_etag(known, &file.etag));
    let mut response = match (unchanged, method) {
        (true, _) => Response::new(Content::none()),
        (false, &Method::HEAD) => with_header(Response::new(Content::none()), CONTENT_LENGTH, HeaderValue::from(file.bytes)),
        (false, _) => Response::new(Content::file(file.handle, file.bytes, permit)),
    };
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = set_common_headers(response.headers_mut());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(etag) = etag {
        headers.insert(ETAG, etag);
    }
    response
}

/// Whether one of the tags in `If-None-Match` is this one.
fn matches_etag(known: &str, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.split(',').any(|tag| tag.trim() == "*" || bare(tag) == bare(etag))
}

/// To the folder's own address, so that what its page names relatively is found.
fn redirect(path: &str, query: Option<&str>) -> Response<Content> {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    match HeaderValue::from_str(&format!("{path}/{query}")) {
        Ok(location) => with_header(text_response(StatusCode::MOVED_PERMANENTLY, "moved\n"), LOCATION, location),
        Err(_) => text_response(StatusCode::NOT_FOUND, "not found\n"),
    }
}

fn text_response(status: StatusCode, text: &'static str) -> Response<Content> {
    let mut response = Response::new(Content::text(text));
    *response.status_mut() = status;
    set_common_headers(response.headers_mut()).insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn with_header(mut response: Response<Content>, name: HeaderName, value: HeaderValue) -> Response<Content> {
    response.headers_mut().insert(name, value);
    response
}

/// A browser asks each time whether what it has is still right, and takes nothing for what it is not.
fn set_common_headers(headers: &mut HeaderMap) -> &mut HeaderMap {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it expects")]
mod tests {
    use std::path::PathBuf;

    use hyper::{Request, StatusCode};

    use super::{ClientBundles, Files, OPEN_FILES_MAX};

    fn files() -> Files {
        let client = ClientBundles { endpoint: "/socket.io/".to_owned(), folder: None };
        Files::new(Some(PathBuf::from(env!("CARGO_MANIFEST_DIR"))), Some(client))
    }

    async fn status(files: &Files, method: &str, path: &str) -> StatusCode {
        let (parts, ()) = Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
        files.respond(&parts).unwrap().await.status()
    }

    #[tokio::test]
    async fn beyond_the_open_files_a_client_is_told_to_come_again() {
        let files = files();
        let taken = files.open.clone().acquire_many_owned(u32::try_from(OPEN_FILES_MAX).unwrap()).await.unwrap();
        assert_eq!(status(&files, "GET", "/Cargo.toml").await, StatusCode::SERVICE_UNAVAILABLE);
        drop(taken);
        assert_eq!(status(&files, "GET", "/Cargo.toml").await, StatusCode::OK);
        assert_eq!(files.open.available_permits(), OPEN_FILES_MAX);
    }

    #[tokio::test]
    async fn nothing_is_answered_unless_something_is_served() {
        let (parts, ()) = Request::builder().uri("/index.html").body(()).unwrap().into_parts();
        assert!(Files::default().respond(&parts).is_none());
        assert_eq!(status(&files(), "POST", "/Cargo.toml").await, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(status(&files(), "GET", "/socket.io/socket.io.min.js.map").await, StatusCode::NOT_FOUND);
    }

    #[test]
    fn tags_are_compared_without_their_weakness() {
        assert!(super::matches_etag("W/\"1-2\"", "W/\"1-2\""));
        assert!(super::matches_etag("\"x\", \"1-2\"", "W/\"1-2\""));
        assert!(super::matches_etag("*", "W/\"1-2\""));
        assert!(!super::matches_etag("\"1-3\", 1-2", "W/\"1-2\""));
    }
}
