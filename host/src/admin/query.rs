//! The parameters of a request's query: each is known, or the request is refused.

use super::problem::{Problem, WrongPart};
use crate::fixed_limits::ADMIN_PAGE_ENTRIES_MAX;
use crate::limit_hits::{LimitHit, LimitHits};
use crate::request::query_parameters;

/// The parameters that have not been read, and what is wrong with the others.
pub(super) struct Query<'a> {
    left: Vec<(String, String)>,
    wrong: Vec<WrongPart>,
    limit_hits: &'a LimitHits,
}

/// Which part of a list is wanted.
pub(super) struct PageQuery {
    /// Entries behind this one.
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

impl<'a> Query<'a> {
    pub(super) fn new(query: &str, limit_hits: &'a LimitHits) -> Self {
        let left = query_parameters(query).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Self { left, wrong: Vec::new(), limit_hits }
    }

    /// The text of a parameter. It may be there once.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let at = self.left.iter().position(|(known, _)| known == name)?;
        Some(self.left.swap_remove(at).1)
    }

    /// Whether a parameter is `true`.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        match self.text(name).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                self.note(name, format!("{other:?} is neither true nor false"));
                false
            }
        }
    }

    /// `after` and `limit`.
    pub(super) fn page(&mut self) -> PageQuery {
        let after = self.text("after");
        let limit = match self.text("limit").map(|text| (text.parse::<usize>(), text)) {
            None => ADMIN_PAGE_ENTRIES_MAX,
            Some((Ok(limit @ 1..=ADMIN_PAGE_ENTRIES_MAX), _)) => limit,
            Some((number, text)) => {
                if number.is_ok_and(|number| number > 0) {
                    self.limit_hits.hit(LimitHit::AdminPageEntries);
                }
                self.note("limit", format!("{text:?} is no number from 1 to {ADMIN_PAGE_ENTRIES_MAX}"));
                1
            }
        };
        PageQuery { after, limit }
    }

    /// Notes what is wrong with a parameter.
    pub(super) fn note(&mut self, parameter: &str, detail: String) {
        self.wrong.push(WrongPart { parameter: parameter.to_owned(), detail });
    }

    /// Refuses the request if a parameter was wrong, or is left.
    pub(super) fn end(mut self) -> Result<(), Problem> {
        for (parameter, _) in std::mem::take(&mut self.left) {
            self.wrong.push(WrongPart { parameter, detail: "the path has no such parameter, or it is there twice".to_owned() });
        }
        if self.wrong.is_empty() { Ok(()) } else { Err(Problem::parameters(self.wrong)) }
    }
}

#[cfg(test)]
mod tests {
    use super::Query;
    use crate::fixed_limits::ADMIN_PAGE_ENTRIES_MAX;
    use crate::limit_hits::LimitHits;

    #[test]
    fn a_page_is_bounded_and_what_is_unknown_is_named() {
        let hits = LimitHits::default();
        let read = |text: &str| {
            let mut query = Query::new(text, &hits);
            let (page, flag) = (query.page(), query.flag("again"));
            query.end().map(|()| (page.after, page.limit, flag)).map_err(|problem| problem.detail().to_owned())
        };
        assert_eq!(read(""), Ok((None, ADMIN_PAGE_ENTRIES_MAX, false)));
        assert_eq!(read("after=a%2Fb&limit=7&again=true"), Ok((Some("a/b".to_owned()), 7, true)));
        for (wrong, names) in
            [("limit=0", "limit"), ("limit=-1", "limit"), ("again=yes", "again"), ("x=1", "x"), ("limit=1&limit=2", "limit")]
        {
            assert!(read(wrong).unwrap_err().starts_with(&format!("{names}: ")), "{wrong}");
        }
        assert!(read(&format!("limit={}", ADMIN_PAGE_ENTRIES_MAX + 1)).is_err());
        assert_eq!(hits.counted()["ADMIN_PAGE_ENTRIES_MAX"], 1);
    }
}
