//! Static files on the clients' port: the operator's `static_folder`, and the bundles of the official client.
//!
//! A request comes here when its path is not the engine's endpoint. `find` decides which file a path names, and lets no path
//! out of the folder; `content` reads a file as fast as its client takes it.

mod content;
mod find;
mod mime;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fixed_limits::OPEN_FILES_MAX;
pub(crate) use content::Content;
use find::{Lookup, OpenFile};

/// The bundles of the official client that Node's server serves.
const BUNDLES: [&str; 4] = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];

const NO_CLIENT: &str = "the Socket.IO client is not here; install it (npm install socket.io-client) and name its folder in \
    innkeeper.toml: [server] client_folder = \"node_modules/socket.io-client/dist\"\n";

/// The files that are served; none by default.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    folder: Option<Arc<Path>>,
    client: Option<Arc<ClientBundles>>,
    /// One permit for each file that may be open.
    open: Arc<Semaphore>,
}

/// Where the bundles of the official client are served, and their folder.
#[derive(Debug)]
pub(crate) struct ClientBundles {
    /// Path of the engine's endpoint, with a slash at both ends.
    pub(crate) endpoint: String,
    /// The folder of the bundles; without it the response says how to install them.
    pub(crate) folder: Option<PathBuf>,
}

impl Files {
    /// `client`: with `None` the official client is not served.
    pub(crate) fn new(folder: Option<PathBuf>, client: Option<ClientBundles>) -> Self {
        let open = Arc::new(Semaphore::new(OPEN_FILES_MAX));
        Self { folder: folder.map(Into::into), client: client.map(Arc::new), open }
    }

    /// The response to a request, if the request can be for a file.
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
            // Blocks: it may wait for a disk.
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

    /// Whether this is the path of a bundle of the official client, which stands below that of the endpoint.
    pub(crate) fn is_client(&self, path: &str) -> bool {
        self.client.as_ref().is_some_and(|client| client.bundle(path).is_some())
    }

    /// The folder to search, and the path in it. The folder is `None` for a bundle of the official client that is not installed.
    fn locate(&self, path: &str) -> Option<(Option<Arc<Path>>, String)> {
        if let Some(client) = &self.client
            && let Some(name) = client.bundle(path)
        {
            return Some((client.folder.as_deref().map(Into::into), format!("/{name}")));
        }
        Some((Some(Arc::clone(self.folder.as_ref()?)), path.to_owned()))
    }
}

impl ClientBundles {
    /// The file of a bundle, or of its map, that this path names.
    fn bundle<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(&self.endpoint).filter(|name| BUNDLES.contains(&name.strip_suffix(".map").unwrap_or(name)))
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

/// A redirect to the folder's own address, with a slash at its end, so that relative addresses in its page are right.
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

/// Headers of every response: a browser asks each time whether its copy is still current, and does not guess content types.
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

    use super::{ClientBundles, Files};
    use crate::fixed_limits::OPEN_FILES_MAX;

    fn files() -> Files {
        let client = ClientBundles { endpoint: "/socket.io/".to_owned(), folder: None };
        Files::new(Some(PathBuf::from(env!("CARGO_MANIFEST_DIR"))), Some(client))
    }

    async fn status(files: &Files, method: &str, path: &str) -> StatusCode {
        let (parts, ()) = Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
        files.respond(&parts).unwrap().await.status()
    }

    #[tokio::test]
    async fn beyond_the_open_files_a_client_gets_503() {
        let files = files();
        let taken = files.open.clone().acquire_many_owned(u32::try_from(OPEN_FILES_MAX).unwrap()).await.unwrap();
        assert_eq!(status(&files, "GET", "/Cargo.toml").await, StatusCode::SERVICE_UNAVAILABLE);
        drop(taken);
        assert_eq!(status(&files, "GET", "/Cargo.toml").await, StatusCode::OK);
        assert_eq!(files.open.available_permits(), OPEN_FILES_MAX);
    }

    #[tokio::test]
    async fn without_a_folder_there_is_no_response() {
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
