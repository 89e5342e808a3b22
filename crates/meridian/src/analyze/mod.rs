//! `meridian analyze`: mistakes in objects taken together, as `istioctl analyze` tells them.

mod args;
mod live;
mod print;
mod suppress;

pub(crate) use args::AnalyzeArgs;

use crate::client::output;
use crate::input;
use args::Format;
use meridian_analyze::{Level, Message, Objects, analyze};
use meridian_resources::yaml::{self, Reading};
use std::process::ExitCode;

/// What istioctl exits with when there are messages at the threshold.
const FOUND: u8 = 79;

/// Analyzes and prints.
///
/// # Errors
/// The API does not answer, a file cannot be read, or an option says nothing; the message says what to do.
pub(crate) async fn run(args: AnalyzeArgs) -> anyhow::Result<ExitCode> {
    if args.list_analyzers {
        output::print(&print::analyzers())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut objects = Objects::default();
    if args.use_kube {
        live::load(&args, &mut objects).await?;
    } else {
        live::defaults(&mut objects);
    }
    let inputs = input::read(&args.files)?;
    let mut unreadable = Vec::new();
    for document in inputs.iter().flat_map(|input| yaml::read(&input.text, &input.name)) {
        match document {
            Reading::Object(object, errors) => objects.put_written(object, errors),
            // Of these there is nothing to say, as istioctl says nothing of them.
            Reading::UnknownKind(_) => {}
            Reading::Broken(diagnostic) => unreadable.push(diagnostic.to_string()),
        }
    }
    let messages = analyze(&objects, |analyzer| args.analyzers.is_empty() || args.takes(analyzer.name));
    let suppressed = suppress::Suppressions::parse(&args.suppress)?;
    let of_interest = |message: &Message| args.covers(message) && !suppressed.cover(message);
    let messages: Vec<Message> = messages.into_iter().filter(of_interest).collect();
    let shown: Vec<&Message> = messages.iter().filter(|message| message.kind.level >= args.output_threshold).collect();

    for problem in &unreadable {
        eprintln!("{problem}");
    }
    output::print(&print::messages(&shown, args.output))?;
    let target = args.target(&inputs);
    if shown.is_empty() {
        eprintln!("{}", print::nothing(&target, unreadable.len()));
    }
    Ok(exit_code(&messages, &args, &target, &unreadable))
}

/// Only the log form has an exit code that tells of messages, as with istioctl: the other forms are for programs.
fn exit_code(messages: &[Message], args: &AnalyzeArgs, target: &str, unreadable: &[String]) -> ExitCode {
    let reached = |level: Level| messages.iter().any(|message| message.kind.level >= level);
    if args.output != Format::Log {
        return ExitCode::SUCCESS;
    }
    if reached(args.failure_threshold) {
        eprintln!(
            "Error: Analyzers found issues when analyzing {target}.\nSee \
             https://istio.io/latest/docs/reference/config/analysis for more information about causes and resolutions."
        );
        return ExitCode::from(FOUND);
    }
    if !unreadable.is_empty() && !args.ignore_unknown {
        eprintln!("Error: some files couldn't be parsed");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
