//! `GET /api/sessions`, and the recordings themselves: streamed, in ranges, under conditions (RFC 9110).

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use kit::error::Refusal;
use percent_encoding::percent_decode_str;
use tokio::{sync::Semaphore, task::spawn_blocking};
use tower_http::services::ServeFile;
use wire::discovery::Sessions;

use super::{folder::Folder, listing};

/// Listings that read the disk at one time; the next waits.
const MAX_LISTINGS: usize = 2;

/// The paths of recorded sessions.
pub fn routes(sessions_dir: PathBuf) -> Router {
    let listings = Arc::new(Semaphore::new(MAX_LISTINGS));
    Router::new()
        .route("/api/sessions", get(list))
        .route("/api/sessions/{rover_id}/{session_dir}/{file}", get(file))
        .with_state(Recorded { sessions_dir, listings })
}

#[derive(Clone)]
struct Recorded {
    sessions_dir: PathBuf,
    listings: Arc<Semaphore>,
}

async fn list(State(recorded): State<Recorded>, uri: Uri) -> Response {
    let Some(rover) = rover_id(uri.query().unwrap_or_default()) else {
        return json(StatusCode::BAD_REQUEST, r#"{"error":"rover_id is not valid UTF-8."}"#.to_owned());
    };
    let Ok(place) = recorded.listings.acquire().await else { return Refusal::Gone.into_response() };
    let listed = spawn_blocking(move || {
        let sessions = match Folder::open(&recorded.sessions_dir) {
            Ok(folder) => listing::list(&folder, (!rover.is_empty()).then_some(rover.as_str())),
            // Nothing was recorded yet.
            Err(_) => Sessions { sessions: Vec::new(), truncated: false },
        };
        serde_json::to_string(&sessions).unwrap_or_default()
    });
    let listed = listed.await;
    drop(place);
    match listed {
        Ok(body) => json(StatusCode::OK, body),
        Err(_) => Refusal::Gone.into_response(),
    }
}

async fn file(State(recorded): State<Recorded>, mut request: Request) -> Response {
    let Some(names) = names(request.uri().path()) else { return Refusal::NotFound.into_response() };
    let found = spawn_blocking(move || {
        let [rover, session_dir, file] = &names;
        Folder::open(&recorded.sessions_dir).ok()?.recording(rover, session_dir, file)
    });
    let Ok(Some(path)) = found.await else { return Refusal::NotFound.into_response() };
    // Neither extension has a registered type, so the library says application/octet-stream.
    let mut file = ServeFile::new(path).ignore_multi_range_requests(true);
    let headers = request.headers_mut();
    // Ranges are of GET alone.
    let conditional = headers.remove(header::IF_RANGE);
    if request.method() == Method::HEAD {
        request.headers_mut().remove(header::RANGE);
    } else if let Some(expected) = conditional {
        // What the client has a part of must still be the same file; otherwise it gets the whole.
        let head = file.try_call(head()).await;
        let same = head.is_ok_and(|head| head.headers().get(header::ETAG) == Some(&expected));
        if !same {
            request.headers_mut().remove(header::RANGE);
        }
    }
    match file.try_call(request).await {
        Ok(response) if response.status() != StatusCode::NOT_FOUND => response.into_response(),
        Ok(_) => Refusal::NotFound.into_response(),
        Err(error) => {
            tracing::warn!(%error, "a recording could not be read");
            Refusal::NotFound.into_response()
        }
    }
}

fn head() -> Request {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::HEAD;
    request
}

/// The three names behind `/api/sessions/`, decoded one by one: an encoded slash stays in its name.
fn names(path: &str) -> Option<[String; 3]> {
    let mut names = path.strip_prefix("/api/sessions/")?.split('/').map(decoded);
    let three = [names.next()??, names.next()??, names.next()??];
    names.next().is_none().then_some(three)
}

/// The rover asked for, or an empty text; none if it can't be read.
fn rover_id(query: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("rover_id="));
    decoded(&value.unwrap_or_default().replace('+', " "))
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
