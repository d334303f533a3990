//! Variables of the environment in the strings of a file: `${NAME}` and `${NAME:-default}`.

use super::problem::Problem;

/// How the environment of the process is read; tests bring an environment of their own.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Puts in `${NAME}` and `${NAME:-default}`; `$${` stands for `${`. An empty variable counts as missing, as in a shell's `:-`.
pub(super) fn substitute(text: &str, environment: Environment<'_>) -> Result<String, Problem> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            result.push_str(before);
            result.push_str("${");
            rest = after;
            continue;
        }
        result.push_str(before);
        let (inside, after) = after
            .split_once('}')
            .ok_or_else(|| Problem::new("`${` without `}`", "close it, or write `$${` for the characters themselves"))?;
        result.push_str(&variable(inside, environment)?);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

fn variable(inside: &str, environment: Environment<'_>) -> Result<String, Problem> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let value = environment(name).filter(|value| !value.is_empty());
    value.or_else(|| default.map(str::to_owned)).ok_or_else(|| {
        let remedy = format!("set it, or give a default: ${{{name}:-…}}");
        Problem::new(format!("the environment variable `{name}` is not set"), remedy)
    })
}

/// The names of the variables that `substitute` puts in.
pub(super) fn variables(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        rest = after;
        if before.ends_with('$') {
            continue;
        }
        let (inside, after) = after.split_once('}').unwrap_or((after, ""));
        names.push(inside.split_once(":-").map_or(inside, |(name, _)| name).to_owned());
        rest = after;
    }
    names
}
