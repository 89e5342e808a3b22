//! `/logging`: levels of the process's own log.
//!
//! The binary owns the log; it hands in how directives are taken over ([`install`]). Names of loggers are those of the
//! rooms of the proxy; levels are Envoy's.

use super::page::{Page, Query};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Takes over directives such as `info,meridian_proxy::dns=debug`; the error says what is wrong with them.
pub type Apply = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

struct Levels {
    apply: Apply,
    state: Mutex<State>,
}

#[derive(Debug, Clone)]
struct State {
    level: Level,
    loggers: BTreeMap<&'static str, Level>,
}

static LEVELS: OnceLock<Levels> = OnceLock::new();

/// Envoy's name and what `tracing` calls it.
type Level = (&'static str, &'static str);

const LEVELS_BY_NAME: [Level; 7] = [
    ("trace", "trace"),
    ("debug", "debug"),
    ("info", "info"),
    ("warning", "warn"),
    ("error", "error"),
    ("critical", "error"),
    ("off", "off"),
];

/// Loggers by Envoy-like names, with the code that they stand for.
const LOGGERS: [(&str, &str); 12] = [
    ("access_log", "meridian_proxy::access_log"),
    ("admin", "meridian_proxy::admin"),
    ("config", "meridian_proxy::control"),
    ("control", "meridian_control"),
    ("dns", "meridian_proxy::dns"),
    ("http1", "meridian_proxy::http1"),
    ("listener", "meridian_proxy::listener"),
    ("pool", "meridian_proxy::pool"),
    ("tcp", "meridian_proxy::tcp"),
    ("tls", "meridian_proxy::tls"),
    ("translate", "meridian_translate"),
    ("upstream", "meridian_proxy::worker"),
];

/// Lets `/logging` change levels, from now on; `level` is what everything is at. The first call counts.
pub fn install(level: &str, apply: Apply) {
    let level = find(level).unwrap_or(LEVELS_BY_NAME[2]);
    let loggers = LOGGERS.iter().map(|(name, _)| (*name, level)).collect();
    let state = Mutex::new(State { level, loggers });
    if LEVELS.set(Levels { apply, state }).is_err() {
        tracing::debug!("log levels can be changed already");
    }
}

fn find(level: &str) -> Option<Level> {
    let level = if level == "warn" { "warning" } else { level };
    LEVELS_BY_NAME.iter().find(|(name, _)| *name == level).copied()
}

pub(super) fn page(query: &Query) -> Page {
    match LEVELS.get() {
        Some(levels) => change(levels, query),
        None => Page::error(501, "this process does not let its log levels be changed\n"),
    }
}

fn change(levels: &Levels, query: &Query) -> Page {
    let mut state = levels.state.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wanted = state.clone();
    if let Err(reason) = query.iter().try_for_each(|(name, value)| wanted.set(name, value)) {
        return Page::error(400, reason);
    }
    if let Err(error) = (levels.apply)(&wanted.directives()) {
        return Page::error(500, format!("the levels were not taken over: {error}\n"));
    }
    *state = wanted;
    let mut out = "active loggers:\n".to_owned();
    for (name, (level, _)) in &state.loggers {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {name}: {level}");
    }
    Page::text(out)
}

impl State {
    fn set(&mut self, parameter: &str, value: &str) -> Result<(), String> {
        match parameter {
            "level" => {
                self.level = parse(value)?;
                let level = self.level;
                self.loggers.values_mut().for_each(|logger| *logger = level);
                Ok(())
            }
            "paths" => value.split(',').try_for_each(|pair| match pair.split_once(':') {
                Some((name, level)) => self.set_logger(name.trim(), level.trim()),
                None => Err(format!("{pair:?} is not LOGGER:LEVEL\n")),
            }),
            name => self.set_logger(name, value),
        }
    }

    fn set_logger(&mut self, name: &str, level: &str) -> Result<(), String> {
        let known = || LOGGERS.map(|(name, _)| name).join(", ");
        let logger = self.loggers.get_mut(name);
        *logger.ok_or_else(|| format!("there is no logger {name:?}; there are {}\n", known()))? = parse(level)?;
        Ok(())
    }

    fn directives(&self) -> String {
        let mut out = self.level.1.to_owned();
        for (name, target) in LOGGERS {
            if let Some((_, level)) = self.loggers.get(name).filter(|level| **level != self.level) {
                let _ = write!(out, ",{target}={level}");
            }
        }
        out
    }
}

fn parse(level: &str) -> Result<Level, String> {
    let known = || LEVELS_BY_NAME.map(|(name, _)| name).join(", ");
    find(level).ok_or_else(|| format!("unknown logger level {level:?}; there are {}\n", known()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn levels_become_directives() {
        let seen = Arc::new(Mutex::new(String::new()));
        let taken = seen.clone();
        let level = find("info").unwrap();
        let levels = Levels {
            apply: Box::new(move |directives| {
                *taken.lock().unwrap() = directives.to_owned();
                Ok(())
            }),
            state: Mutex::new(State { level, loggers: LOGGERS.iter().map(|(name, _)| (*name, level)).collect() }),
        };
        let ask = |query: &str| change(&levels, &Query::parse(query));
        assert!(ask("").body.contains("  dns: info\n"));
        assert_eq!(ask("dns=debug").status, 200);
        assert_eq!(*seen.lock().unwrap(), "info,meridian_proxy::dns=debug");
        assert!(ask("paths=tcp:trace,http1:warning").body.contains("  tcp: trace\n"));
        assert_eq!(
            *seen.lock().unwrap(),
            "info,meridian_proxy::dns=debug,meridian_proxy::http1=warn,meridian_proxy::tcp=trace"
        );
        ask("level=error");
        assert_eq!(*seen.lock().unwrap(), "error");
        assert!(ask("level=loud").body.starts_with("unknown logger level \"loud\"; there are trace, debug"));
        assert!(ask("nosuch=info").body.starts_with("there is no logger \"nosuch\"; there are access_log, admin"));
        assert_eq!(*seen.lock().unwrap(), "error", "what is refused changes nothing");
    }
}
