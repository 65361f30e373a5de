//! A host's Markdown as HTML that is safe to show.

use askama::filters::HtmlSafe;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

/// HTML that was cleaned of all that could run or reach out.
#[derive(Debug, Clone)]
pub struct Prose(String);

impl HtmlSafe for Prose {}

impl std::fmt::Display for Prose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Prose {
    /// Headings are moved one level down: the page has its own of the first.
    pub fn of(markdown: &str) -> Prose {
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
        let events = Parser::new_ext(markdown, options).map(|event| match event {
            Event::Start(Tag::Heading {
                level,
                id,
                classes,
                attrs,
            }) => Event::Start(Tag::Heading {
                level: below(level),
                id,
                classes,
                attrs,
            }),
            Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(below(level))),
            other => other,
        });
        let mut page = String::new();
        html::push_html(&mut page, events);
        // What scrolls within itself can be reached by keyboard.
        let mut cleaner = ammonia::Builder::default();
        cleaner
            .set_tag_attribute_value("pre", "tabindex", "0")
            .set_tag_attribute_value("table", "tabindex", "0");
        Prose(cleaner.clean(&page).to_string())
    }
}

fn below(level: pulldown_cmark::HeadingLevel) -> pulldown_cmark::HeadingLevel {
    use pulldown_cmark::HeadingLevel::{H2, H3, H4, H5, H6};
    match level as usize {
        1 => H2,
        2 => H3,
        3 => H4,
        4 => H5,
        _ => H6,
    }
}

#[cfg(test)]
mod tests {
    use super::Prose;

    #[test]
    fn a_description_can_neither_run_a_script_nor_frame_a_page() {
        let page = Prose::of(
            "# A *title*\n\n    code\n\n<script>alert(1)</script><iframe src=\"https://elsewhere.example\"></iframe>\n\n\
             [click](javascript:alert(1)) <b onclick=\"alert(1)\" style=\"color: red\">bold</b>",
        )
        .to_string();
        assert!(page.contains("<h2>A <em>title</em></h2>"), "{page}");
        assert!(page.contains("<pre tabindex=\"0\"><code>code"), "{page}");
        for word in ["script", "iframe", "onclick", "style"] {
            assert!(!page.contains(word), "{word} is in {page}");
        }
    }
}
