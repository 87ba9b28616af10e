//! The bytes of one layer, from whoever has it, going on where a cut left off.

use std::time::Instant;

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, TRANSFER_ENCODING};
use reqwest::{Response, StatusCode};

use crate::Client;
use crate::error::Error;
use crate::http::{Asker, Endpoint, Question, next_piece};
use crate::image::Layer;

/// The bytes of a layer in order, no more than its manifest says, unchecked. After an error the next server goes on with
/// the same byte: what all of them have under one digest is the same, or its sum tells in the end.
pub(crate) struct Blob<'a> {
    client: &'a Client,
    by: Asker<'a>,
    layer: &'a Layer,
    endpoints: Vec<Endpoint>,
    /// Which of them is asked.
    at: usize,
    /// Bytes that were given out.
    pub(crate) position: u64,
    answer: Option<Response>,
    /// Bytes that a server sends again because it does not know ranges.
    again: u64,
    /// Failures in a row, each with little in between, and how much came since the last.
    failures: u32,
    since_failure: u64,
    begun: Instant,
    window: (Instant, u64),
}

impl<'a> Blob<'a> {
    /// From the server number `first` on, in the order of [`Client::endpoints`].
    pub(crate) fn new(client: &'a Client, by: Asker<'a>, layer: &'a Layer, first: usize) -> Self {
        let endpoints = client.endpoints(by.image);
        let now = Instant::now();
        Self {
            client,
            by,
            layer,
            endpoints,
            at: first,
            position: 0,
            answer: None,
            again: 0,
            failures: 0,
            since_failure: 0,
            begun: now,
            window: (now, 0),
        }
    }

    /// Who is asked now, and its number.
    pub(crate) fn endpoint(&self) -> (usize, Option<&Endpoint>) {
        (self.at, self.endpoints.get(self.at))
    }

    /// The next bytes. `None`: all are there.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let Some(endpoint) = self.endpoints.get(self.at).cloned() else {
                return Err(Error::NotFound {
                    image: Box::new(self.by.image.clone()),
                    server: String::new(),
                });
            };
            let error = match self.try_next(&endpoint).await {
                Ok(piece) => return Ok(piece),
                Err(error) => error,
            };
            self.answer = None;
            self.failures += 1;
            self.since_failure = 0;
            let times = self.client.inner.settings.times;
            if self.begun.elapsed() > times.layer {
                return Err(Error::TooSlow {
                    server: endpoint.server(),
                    why: format!("a layer took more than {} s", times.layer.as_secs()),
                });
            }
            if error.is_retryable() && self.failures < times.tries {
                tracing::debug!(error = %error, position = self.position, "going on with a layer");
                self.client.pause(self.failures, &error).await;
                continue;
            }
            if self.at + 1 >= self.endpoints.len() {
                return Err(error);
            }
            tracing::debug!(error = %error, "asking the next server for a layer");
            self.at += 1;
            self.failures = 0;
            self.since_failure = 0;
        }
    }

    async fn try_next(&mut self, endpoint: &Endpoint) -> Result<Option<Bytes>, Error> {
        let times = self.client.inner.settings.times;
        let wrong_size = || Error::WrongSize { server: endpoint.server(), digest: self.layer.digest.clone() };
        loop {
            if self.position == self.layer.size_bytes && self.answer.is_none() && self.position > 0 {
                return Ok(None);
            }
            let answer = match &mut self.answer {
                Some(answer) => answer,
                None => {
                    let answer = self.ask(endpoint).await?;
                    self.window = (Instant::now(), 0);
                    self.answer.insert(answer)
                }
            };
            let Some(mut piece) = next_piece(endpoint, answer, times.answer).await? else {
                if self.position == self.layer.size_bytes {
                    self.answer = None;
                    return Ok(None);
                }
                // One whose end is told apart from a cut is shorter than it may be; another one was cut.
                let is_ended = answer.headers().contains_key(TRANSFER_ENCODING);
                return Err(if is_ended {
                    wrong_size()
                } else {
                    endpoint.unreachable("the connection was cut", None)
                });
            };
            self.keep_pace(endpoint, piece.len() as u64)?;
            if self.again > 0 {
                let skipped = self.again.min(piece.len() as u64);
                self.again -= skipped;
                let _ = piece.split_to(usize::try_from(skipped).unwrap_or(piece.len()));
            }
            if piece.is_empty() {
                continue;
            }
            if self.position + piece.len() as u64 > self.layer.size_bytes {
                return Err(wrong_size());
            }
            self.position += piece.len() as u64;
            self.since_failure += piece.len() as u64;
            if self.since_failure >= times.least_bytes {
                self.failures = 0;
            }
            return Ok(Some(piece));
        }
    }

    /// Fails when it goes on so slowly that it is not worth waiting for.
    fn keep_pace(&mut self, endpoint: &Endpoint, bytes: u64) -> Result<(), Error> {
        let times = self.client.inner.settings.times;
        let too_slow = |why: String| Error::TooSlow { server: endpoint.server(), why };
        if self.begun.elapsed() > times.layer {
            return Err(too_slow(format!("a layer took more than {} s", times.layer.as_secs())));
        }
        self.window.1 += bytes;
        if self.window.0.elapsed() >= times.window {
            if self.window.1 < times.least_bytes {
                return Err(too_slow(format!(
                    "it sent {} bytes in {} s",
                    self.window.1,
                    times.window.as_secs()
                )));
            }
            self.window = (Instant::now(), 0);
        }
        Ok(())
    }

    /// Asks for what is missing.
    async fn ask(&mut self, endpoint: &Endpoint) -> Result<Response, Error> {
        let what = format!("blobs/sha256:{}", self.layer.digest);
        let range = (self.position > 0).then_some((self.position, None));
        let answer = self.client.ask_once(endpoint, self.by, &Question { what, accept: None, range }).await?;
        self.again = match (answer.status(), range) {
            (StatusCode::PARTIAL_CONTENT, Some((start, _))) => {
                let told = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
                if !told.is_some_and(|told| told.trim().starts_with(&format!("bytes {start}-"))) {
                    return Err(endpoint.strange("it sent another part of a layer than was asked for"));
                }
                0
            }
            (StatusCode::OK, _) => self.position,
            (status, _) => return Err(endpoint.strange(format!("it answers {status}"))),
        };
        let expected = self.layer.size_bytes - self.position + self.again;
        if answer.content_length().is_some_and(|told| told != expected) {
            return Err(Error::WrongSize { server: endpoint.server(), digest: self.layer.digest.clone() });
        }
        Ok(answer)
    }
}
