//! The parameters of a request: from its address, and of a POST from its form as well.

mod duration;
mod moment;

use axum::RequestExt;
use axum::extract::{Form, FromRequest, Query, Request};
use axum::http::{Method, header};
use axum::response::IntoResponse;
use watchfire_model::Matcher;
use watchfire_promql::parse_selector;

use super::error::{ApiError, Kind};

/// Moments of listings are within this many milliseconds of 1970; what is farther is taken for
/// that. Clients send the ends of their calendars for "always".
const FARTHEST_MS: i64 = 1_000_000_000_000_000;
/// Selectors that one request may have.
const MAX_SELECTORS: usize = 256;

type Pairs = Vec<(String, String)>;

/// What the caller asks for: names and values, those of a form first.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(Pairs);

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let Query(in_address) = Query::<Pairs>::try_from_uri(request.uri())
            .map_err(|error| ApiError::new(Kind::BadData, error.body_text()))?;
        let has_form = request.method() == Method::POST
            && request.headers().contains_key(header::CONTENT_TYPE);
        let mut pairs = if has_form { form(request).await? } else { Pairs::new() };
        pairs.extend(in_address);
        Ok(Self(pairs))
    }
}

fn no_moment(text: &str) -> String {
    format!("cannot parse {text:?} to a valid timestamp")
}

async fn form(request: Request) -> Result<Pairs, ApiError> {
    let read: Result<Form<Pairs>, _> = request.extract().await;
    let Form(pairs) = read.map_err(|error| {
        let what = format!("{}: send application/x-www-form-urlencoded", error.body_text());
        ApiError::unreadable(error.into_response().status(), what)
    })?;
    Ok(pairs)
}

impl Params {
    /// The first value of that name; an empty one counts as none, as for Prometheus.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All names and values.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Every value of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A moment in Unix milliseconds, or `otherwise` when it is not given.
    pub(super) fn moment(&self, name: &str, otherwise: i64) -> Result<i64, ApiError> {
        let Some(text) = self.get(name) else { return Ok(otherwise) };
        moment::read(text).ok_or_else(|| {
            let why = format!("Invalid time value for '{name}': {}", no_moment(text));
            ApiError::parameter(name, why)
        })
    }

    /// A moment in Unix milliseconds that must be there.
    pub(super) fn needed_moment(&self, name: &str) -> Result<i64, ApiError> {
        let text = self.get(name).unwrap_or("");
        moment::read(text).ok_or_else(|| ApiError::parameter(name, no_moment(text)))
    }

    /// A length of time in milliseconds.
    pub(super) fn duration(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        duration::read(text).map(Some).ok_or_else(|| {
            ApiError::parameter(name, format!("cannot parse {text:?} to a valid duration"))
        })
    }

    /// How many of something are wanted; 0 and nothing mean all.
    pub(super) fn limit(&self, name: &str) -> Result<Option<usize>, ApiError> {
        let Some(number) = self.number(name)? else { return Ok(None) };
        let number = usize::try_from(number)
            .map_err(|_| ApiError::parameter(name, "limit must be non-negative"))?;
        Ok((number > 0).then_some(number))
    }

    /// A yes or a no, in Go's words for them.
    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some(other) => {
                Err(ApiError::parameter(name, format!("invalid boolean value {other:?}")))
            }
        }
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let read = text.parse().map_err(|_| {
            ApiError::parameter(name, format!("{name} must be a number, and {text:?} is none"))
        });
        read.map(Some)
    }

    /// From when to when a listing looks, in Unix milliseconds. The end may be before the start.
    pub(super) fn span(&self) -> Result<(i64, i64), ApiError> {
        let near = |ms: i64| ms.clamp(-FARTHEST_MS, FARTHEST_MS);
        let from = near(self.moment("start", -FARTHEST_MS)?);
        Ok((from, near(self.moment("end", FARTHEST_MS)?)))
    }

    /// The selectors in `match[]`.
    pub(super) fn selectors(&self) -> Result<Vec<Vec<Matcher>>, ApiError> {
        let texts: Vec<&str> = self.all("match[]").collect();
        if texts.len() > MAX_SELECTORS {
            let what = format!("there are more than {MAX_SELECTORS} selectors");
            return Err(ApiError::parameter("match[]", what));
        }
        let read = |text: &&str| {
            parse_selector(text).map_err(|error| ApiError::parameter("match[]", error))
        };
        texts.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Params(pairs.iter().map(owned).collect())
    }

    #[test]
    fn limits_are_whole_numbers_and_none_means_all() {
        let limit = |text: &str| params(&[("limit", text)]).limit("limit");
        assert_eq!(limit("").unwrap(), None);
        assert_eq!(limit("0").unwrap(), None);
        assert_eq!(limit("7").unwrap(), Some(7));
        for bad in ["-1", "1.5", "x", "99999999999999999999"] {
            assert_eq!(limit(bad).unwrap_err().kind, Kind::BadData, "{bad}");
        }
    }

    #[test]
    fn the_ends_of_calendars_mean_always() {
        let span = |start: &str, end: &str| params(&[("start", start), ("end", end)]).span();
        let always = (-FARTHEST_MS, FARTHEST_MS);
        assert_eq!(span("", "").unwrap(), always);
        assert_eq!(span("-9223309901257974", "9223372036854775.807").unwrap(), always);
        assert_eq!(span("1", "2.5").unwrap(), (1000, 2500));
        assert_eq!(span("2", "1").unwrap(), (2000, 1000));
        assert!(span("x", "1").is_err());
    }

    #[test]
    fn selectors_are_read_and_counted() {
        let twice = params(&[("match[]", "up"), ("match[]", "{job=\"x\"}")]);
        assert_eq!(twice.selectors().unwrap().len(), 2);
        assert!(params(&[("match[]", "{}")]).selectors().is_err());
        assert!(params(&[("match[]", "")]).selectors().is_err());
        let many: Vec<_> = (0..=MAX_SELECTORS).map(|_| ("match[]", "up")).collect();
        assert!(params(&many).selectors().is_err());
    }
}
