//! Static files on the clients' port: the operator's `static_folder`, and the bundles of the official client.
//!
//! A request comes here when its path is not the engine's endpoint. `find` decides which file a path names, and lets no path
//! out of the folder; `conditions` decides how much of it the client gets; `content` reads a file as fast as its client takes it.

mod conditions;
mod content;
mod find;
mod log;
mod mime;
mod open;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderName, HeaderValue, LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};

use crate::limit_hits::LimitHits;
use conditions::Answer;
pub(crate) use content::Content;
use find::{Lookup, OpenFile, Unreadable};
use log::FileLog;
pub(crate) use open::CutConnection;
use open::{Acquired, FilePermit, OpenFiles};

/// The bundles of the official client that Node's server serves.
const BUNDLES: [&str; 4] = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];

const NO_CLIENT: &str = "the Socket.IO client is not here; install it (npm install socket.io-client) and name its folder in \
    innkeeper.toml: [server] client_folder = \"node_modules/socket.io-client/dist\"\n";

/// The files that are served; none by default.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    folder: Option<Arc<Path>>,
    client: Option<Arc<ClientBundles>>,
    open: Arc<OpenFiles>,
    log: Arc<FileLog>,
}

/// What a request is for.
struct Located {
    /// The folder to search; `None` for a bundle of the official client if nobody said where they are.
    folder: Option<Arc<Path>>,
    /// The path in it.
    path: String,
    is_client: bool,
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
    pub(crate) fn new(folder: Option<PathBuf>, client: Option<ClientBundles>, limit_hits: Arc<LimitHits>) -> Self {
        let log = Arc::new(FileLog::new(limit_hits));
        Self { folder: folder.map(Into::into), client: client.map(Arc::new), open: Arc::default(), log }
    }

    /// The response to a request, if the request can be for a file. `cut` ends the connection of the request.
    pub(crate) fn respond(
        &self,
        request: &Parts,
        cut: CutConnection,
    ) -> Option<impl Future<Output = Response<Content>> + Send + use<>> {
        let located = self.locate(request.uri.path())?;
        let (open, log) = (Arc::clone(&self.open), Arc::clone(&self.log));
        let (method, headers) = (request.method.clone(), request.headers.clone());
        let query = request.uri.query().map(str::to_owned);
        Some(async move {
            let is_client = located.is_client;
            let response = respond(located, &method, &headers, query.as_deref(), (&open, cut), log).await;
            // The bundles are public. A page of another origin that imports one as a module needs the header.
            if is_client { with_header(response, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")) } else { response }
        })
    }

    /// Whether this is the path of a bundle of the official client, which stands below that of the endpoint.
    pub(crate) fn is_client(&self, path: &str) -> bool {
        self.client.as_ref().is_some_and(|client| client.bundle(path).is_some())
    }

    fn locate(&self, path: &str) -> Option<Located> {
        if let Some(client) = &self.client
            && let Some(name) = client.bundle(path)
        {
            let folder = client.folder.as_deref().map(Into::into);
            return Some(Located { folder, path: format!("/{name}"), is_client: true });
        }
        let folder = Some(Arc::clone(self.folder.as_ref()?));
        Some(Located { folder, path: path.to_owned(), is_client: false })
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
        Self::new(None, None, Arc::default())
    }
}

async fn respond(
    Located { folder, path, .. }: Located,
    method: &Method,
    headers: &HeaderMap,
    query: Option<&str>,
    (open, cut): (&Arc<OpenFiles>, CutConnection),
    log: Arc<FileLog>,
) -> Response<Content> {
    if method != Method::GET && method != Method::HEAD {
        let response = text_response(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
        return with_header(response, ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    let Some(folder) = folder else {
        log.no_client();
        return text_response(StatusCode::NOT_FOUND, NO_CLIENT);
    };
    let permit = match open.acquire(cut) {
        Acquired::Free(permit) => permit,
        Acquired::InPlaceOf(permit) => {
            log.made_room();
            permit
        }
        Acquired::None => {
            log.too_many();
            let response = text_response(StatusCode::SERVICE_UNAVAILABLE, "too many files are open, try again\n");
            return with_header(response, RETRY_AFTER, HeaderValue::from_static("1"));
        }
    };
    // Blocks: it may wait for a disk.
    let found = tokio::task::spawn_blocking({
        let path = path.clone();
        move || find::find(&folder, &path)
    });
    let not_found = || text_response(StatusCode::NOT_FOUND, "not found\n");
    match found.await {
        Ok(Ok(Some(Lookup::File(file)))) => {
            let path = file.path.clone();
            let response = file_response(file, method, headers, permit, Arc::clone(&log));
            response.unwrap_or_else(|error| unreadable_response(&Unreadable { path, error }, &log))
        }
        Ok(Ok(Some(Lookup::Folder))) => redirect(&path, query),
        Ok(Err(unreadable)) => unreadable_response(&unreadable, &log),
        Ok(Ok(None)) | Err(_) => not_found(),
    }
}

fn unreadable_response(unreadable: &Unreadable, log: &FileLog) -> Response<Content> {
    log.unreadable(&unreadable.path, &unreadable.error);
    match unreadable.error.kind() {
        // The folder itself, or a file that was removed a moment ago.
        io::ErrorKind::NotFound => text_response(StatusCode::NOT_FOUND, "not found\n"),
        io::ErrorKind::PermissionDenied => text_response(StatusCode::FORBIDDEN, "forbidden\n"),
        _ => text_response(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read\n"),
    }
}

fn file_response(
    file: OpenFile,
    method: &Method,
    headers: &HeaderMap,
    permit: FilePermit,
    log: Arc<FileLog>,
) -> io::Result<Response<Content>> {
    let (bytes, version, content_type) = (file.bytes, file.version.clone(), mime::content_type(&file.path));
    let (status, part) = match version.answer(headers, bytes) {
        Answer::Whole => (StatusCode::OK, 0..=bytes.saturating_sub(1)),
        Answer::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Answer::NotModified => (StatusCode::NOT_MODIFIED, 0..=0),
        Answer::PreconditionFailed => return Ok(text_response(StatusCode::PRECONDITION_FAILED, "the file has changed\n")),
        Answer::NotSatisfiable => {
            let response = text_response(StatusCode::RANGE_NOT_SATISFIABLE, "the file has no such part\n");
            return with_text(response, CONTENT_RANGE, &format!("bytes */{bytes}"));
        }
    };
    let length = if bytes == 0 { 0 } else { part.end() + 1 - part.start() };
    let range = format!("bytes {}-{}/{bytes}", part.start(), part.end());
    let content = match (status, method) {
        (StatusCode::NOT_MODIFIED, _) | (_, &Method::HEAD) => Content::none(),
        _ if bytes == 0 => Content::none(),
        _ => Content::file(file, part, permit, log)?,
    };
    let mut response = Response::new(content);
    *response.status_mut() = status;
    let headers = set_common_headers(response.headers_mut());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if status != StatusCode::NOT_MODIFIED {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if status == StatusCode::PARTIAL_CONTENT {
        response = with_text(response, CONTENT_RANGE, &range)?;
    }
    with_text(with_text(response, ETAG, &version.etag)?, LAST_MODIFIED, &version.date())
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

fn with_text(response: Response<Content>, name: HeaderName, value: &str) -> io::Result<Response<Content>> {
    Ok(with_header(response, name, HeaderValue::from_str(value).map_err(io::Error::other)?))
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
        Files::new(Some(PathBuf::from(env!("CARGO_MANIFEST_DIR"))), Some(client), std::sync::Arc::default())
    }

    async fn status(files: &Files, method: &str, path: &str) -> StatusCode {
        let (parts, ()) = Request::builder().method(method).uri(path).body(()).unwrap().into_parts();
        files.respond(&parts, Box::new(|| {})).unwrap().await.status()
    }

    #[tokio::test]
    async fn beyond_the_open_files_a_client_gets_503() {
        let files = files();
        let taken: Vec<_> = (0..OPEN_FILES_MAX).map(|_| files.open.acquire(Box::new(|| {}))).collect();
        assert_eq!(status(&files, "GET", "/Cargo.toml").await, StatusCode::SERVICE_UNAVAILABLE);
        drop(taken);
        assert_eq!(status(&files, "GET", "/Cargo.toml").await, StatusCode::OK);
    }

    #[tokio::test]
    async fn without_a_folder_there_is_no_response() {
        let (parts, ()) = Request::builder().uri("/index.html").body(()).unwrap().into_parts();
        assert!(Files::default().respond(&parts, Box::new(|| {})).is_none());
        assert_eq!(status(&files(), "POST", "/Cargo.toml").await, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(status(&files(), "GET", "/socket.io/socket.io.min.js.map").await, StatusCode::NOT_FOUND);
    }
}
