//! The links of the book.
//!
//! Invariants:
//! - A relative link leads to a chapter, or to another file of the book's folder; its fragment to a heading there.
//! - A heading is known by the same id here and in the rendered page.
//! - What has a scheme (`https:`) leads out of the book and is not followed; raw HTML is not read.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::{fmt, fs, io};

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use crate::summary;

/// A link that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The file of the chapter it stands in.
    pub chapter: String,
    /// The line it stands on, counted from 1.
    pub line: usize,
    /// The link as written.
    pub link: String,
    /// What it does not find.
    pub missing: Missing,
}

/// What a link does not find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The file, or its place in `SUMMARY.md`.
    File,
    /// The heading, in a chapter that is there.
    Heading,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chapter, line, link, missing } = self;
        let missing = match missing {
            Missing::File => "file",
            Missing::Heading => "heading",
        };
        write!(f, "src/{chapter}:{line}: link `{link}` leads to no {missing} of the book")
    }
}

/// Reads the book in the folder `src` and returns its broken links, in reading order within each chapter.
///
/// # Errors
/// If `SUMMARY.md` or a chapter that it lists cannot be read.
pub fn check(src: &Path) -> io::Result<Vec<Broken>> {
    let summary = read(&src.join("SUMMARY.md"))?;
    let chapters = summary::chapters(&summary)
        .map(|file| Ok((file.to_owned(), read(&src.join(file))?)))
        .collect::<io::Result<_>>()?;
    Ok(broken(&chapters, |file| src.join(file).is_file()))
}

/// The broken links of `chapters`, file to Markdown, in a folder that holds the further files for which `is_file` is true.
pub fn broken(chapters: &BTreeMap<String, String>, is_file: impl Fn(&str) -> bool) -> Vec<Broken> {
    let pages: BTreeMap<&str, Page> = chapters.iter().map(|(file, text)| (file.as_str(), Page::read(text))).collect();
    let find = |chapter: &str, link: &str| -> Result<(), Missing> {
        let (path, fragment) = link.split_once('#').map_or((link, None), |(path, id)| (path, Some(id)));
        let file = resolve(chapter, path).ok_or(Missing::File)?;
        match pages.get(file.as_str()) {
            Some(page) if fragment.is_none_or(|id| page.headings.contains(id)) => Ok(()),
            Some(_) => Err(Missing::Heading),
            // A page that is no chapter is not rendered.
            None if !file.ends_with(".md") && is_file(&file) => Ok(()),
            None => Err(Missing::File),
        }
    };

    let mut broken = Vec::new();
    for (chapter, page) in &pages {
        for (line, link) in &page.links {
            if let Err(missing) = find(chapter, link) {
                broken.push(Broken { chapter: (*chapter).to_owned(), line: *line, link: link.clone(), missing });
            }
        }
    }
    broken
}

/// The files of the book to which a text that stands in the chapter `file` links.
pub(crate) fn of(file: &str, text: &str) -> Vec<String> {
    let links = Page::read(text).links.into_iter();
    links.filter_map(|(_line, link)| resolve(file, link.split('#').next().unwrap_or(""))).collect()
}

/// The text of the file; its name is in the error.
fn read(file: &Path) -> io::Result<String> {
    fs::read_to_string(file).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))
}

/// What matters of a chapter here.
#[derive(Default)]
struct Page {
    headings: HashSet<String>,
    links: Vec<(usize, String)>,
}

impl Page {
    fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut generated = HashSet::new();
        let mut title = None;
        for (event, range) in Parser::new_ext(text, mdbook_options()).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { id: Some(id), .. }) => {
                    page.headings.insert(id.to_string());
                }
                Event::Start(Tag::Heading { id: None, .. } | Tag::DefinitionListTitle) => title = Some(String::new()),
                Event::Text(part) | Event::Code(part) => {
                    if let Some(title) = &mut title {
                        title.push_str(&part);
                    }
                }
                Event::End(TagEnd::Heading(_) | TagEnd::DefinitionListTitle) => {
                    if let Some(title) = title.take() {
                        page.headings.insert(unused_id(&heading_id(&title), &mut generated));
                    }
                }
                Event::Start(Tag::Link { link_type, dest_url, .. } | Tag::Image { link_type, dest_url, .. })
                    if link_type != LinkType::Email && !leads_out(&dest_url) =>
                {
                    let line = 1 + text[..range.start].matches('\n').count();
                    page.links.push((line, dest_url.to_string()));
                }
                _ => {}
            }
        }
        page
    }
}

/// The Markdown that mdBook reads unless told otherwise.
fn mdbook_options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_SMART_PUNCTUATION
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_GFM
}

/// The id that mdBook gives a heading without one of its own.
fn heading_id(title: &str) -> String {
    let id = title.trim().to_lowercase();
    id.chars()
        .map(|c| if c.is_whitespace() { '-' } else { c })
        .filter(|&c| c.is_alphanumeric() || c == '_' || c == '-')
        .collect()
}

/// `id`, or the first of `id-1`, `id-2`, … that no heading above has.
fn unused_id(id: &str, used: &mut HashSet<String>) -> String {
    let free = std::iter::once(id.to_owned())
        .chain((1_u32..).map(|n| format!("{id}-{n}")))
        .find(|candidate| !used.contains(candidate))
        .expect("a page has fewer headings than there are numbers");
    used.insert(free.clone());
    free
}

/// Whether `link` has a scheme, or names a host.
fn leads_out(link: &str) -> bool {
    let scheme = link.split_once(':').map_or("", |(scheme, _)| scheme);
    link.starts_with("//")
        || scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// The file that `path` names when it stands in `chapter`; none if that is outside the book.
fn resolve(chapter: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(chapter.to_owned());
    }
    let mut folders: Vec<&str> = chapter.split('/').collect();
    folders.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            // An empty part is a leading slash, too: where the book is served from is not known here.
            "" => return None,
            ".." => {
                folders.pop()?;
            }
            part => folders.push(part),
        }
    }
    Some(folders.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The broken links of a book of these chapters and one picture, `tree.svg`, as the command prints them.
    fn complaints(chapters: &[(&str, &str)]) -> Vec<String> {
        let chapters = chapters.iter().map(|&(file, text)| (file.to_owned(), text.to_owned())).collect();
        broken(&chapters, |file| file == "tree.svg").iter().map(ToString::to_string).collect()
    }

    fn assert_whole(chapters: &[(&str, &str)]) {
        assert_eq!(complaints(chapters), [""; 0]);
    }

    #[test]
    fn every_link_of_this_book_leads_somewhere() -> io::Result<()> {
        let broken = check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))?;
        let lines: Vec<String> = broken.iter().map(ToString::to_string).collect();
        assert_eq!(lines, [""; 0]);
        Ok(())
    }

    #[test]
    fn a_link_may_lead_to_a_chapter_a_heading_or_a_picture() {
        assert_whole(&[
            ("a.md", "# A\n[b](b.md), [there](./b.md#far-away), [here](#a), ![tree](tree.svg)\n"),
            ("b.md", "## Far away\n[back][a]\n\n[a]: a.md#a\n"),
        ]);
    }

    #[test]
    fn a_link_to_a_file_that_is_no_chapter_is_reported_with_its_line() {
        assert_eq!(
            complaints(&[("a.md", "# A\n\n[b](b.md) and\n[c](c.svg)\n")]),
            [
                "src/a.md:3: link `b.md` leads to no file of the book",
                "src/a.md:4: link `c.svg` leads to no file of the book",
            ],
        );
    }

    #[test]
    fn a_page_that_no_summary_lists_is_no_chapter() {
        let chapters = [("a.md".to_owned(), "[b](b.md)".to_owned())].into();
        assert_eq!(broken(&chapters, |file| file == "b.md").len(), 1);
    }

    #[test]
    fn a_fragment_without_its_heading_is_reported() {
        assert_eq!(
            complaints(&[("a.md", "# A\n[b](b.md#a), [self](#b)\n"), ("b.md", "# B\n")]),
            [
                "src/a.md:2: link `b.md#a` leads to no heading of the book",
                "src/a.md:2: link `#b` leads to no heading of the book",
            ],
        );
    }

    #[test]
    fn a_heading_has_the_id_that_mdbook_gives_it() {
        assert_whole(&[(
            "a.md",
            "# What's `ctx.exit` -- *really*?\n# Twice\n# Twice\n# Named {#own}\n\
             [1](#whats-ctxexit--really) [2](#twice) [3](#twice-1) [4](#own)\n",
        )]);
    }

    #[test]
    fn a_chapter_in_a_folder_links_from_there() {
        assert_whole(&[("a.md", "[b](in/b.md)"), ("in/b.md", "[a](../a.md) [c](c.md)"), ("in/c.md", "")]);
        assert_eq!(complaints(&[("a.md", "[a](../a.md) [a](/a.md)")]).len(), 2);
    }

    #[test]
    fn links_out_of_the_book_and_text_that_only_looks_like_a_link_are_left_alone() {
        assert_whole(&[(
            "a.md",
            "[x](https://example.org/b.md) <me@example.org> `[b](b.md)`\n\n```rust\n// [b](b.md)\n```\n",
        )]);
    }
}
