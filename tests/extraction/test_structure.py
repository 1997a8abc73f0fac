import pytest

from ingestion.adapters.extractor.structure import structural_claims

NOT_NOTES = {
    "shell": "if [[ -f /etc/hosts && -n $X ]]; then exit; fi",
    "C++ attribute": "[[nodiscard]] int head();",
    "TOML table": '[[package]]\nname = "serde"',
    "array": "matrix[[0, 1]] = table[[True]]",
    "table of contents": '[[4, "python-packaging"]]',
    "preprocessor": "#define A\n#include <b>\n#ifdef #else",
    "shebang": "#!/bin/sh\n# a comment",
    "fenced": "```\n[[Note]]\n#a #b\n```",
    "git log": "Author: Ann Lee <a@example.org>\nDate:   Mon Aug 15 23:50:16 2022 +0300\n\n    fix",
    "copyright file": "Files: *\nCopyright: 2003 Ann Lee\nLicense: GPL-2+",
    "rule": "---\n\nA paragraph between two rules.\n\n---\n",
    "broken": "---\nkey: [unclosed\nauthor: Ann Lee\n---\n",
    "deep": "---\nkey: " + "[" * 3000 + "\nauthor: Ann Lee\n---\n",
    "manifest": "---\nkind: Service\nmetadata:\n  name: Ann Lee\n---\n",
    "matrix": "[[3, null]]",
    "fenced record": "```\n# Ann Lee\nRole: director\nCompany: Acme Ltd\n```",
    "one line": "# Acme Ltd\nDirector: Ann Lee",
    "about something else": "# Ann Lee\n\nThe form has these fields.\nRole: director\nCompany: Acme Ltd\n",
    "roles in code": "# Ann Lee\nRole: admin\nCompany: Acme Ltd\n",
    "votes": "| Candidate | Role | Votes |\n| --- | --- | --- |\n| Ann Lee | director | 3 |\n",
    "uneven row": "| Role | Name |\n| --- | --- |\n| Director | Ann Lee | 2019 |\n",
    "paths": "cp a#b/c /d#e/f; http://a.example/#b/c; [a](b.py) ![x](y.md)\n#/etc/x",
    "no name": "---\nauthor: admin\ndate: soon\n---\n",
}


@pytest.mark.parametrize("text", NOT_NOTES.values(), ids=NOT_NOTES.keys())
def test_what_only_looks_like_a_note_claims_nothing(text):
    assert structural_claims(text) == []


def test_each_value_of_the_front_matter_is_quoted_with_its_key():
    text = "---\ntitle: Pumps\nauthors:\n  - Ann Lee\n  - Bo Ek\ntags: [a, b]\n---\n"

    quotes = {(claim.predicate, claim.object): text[claim.start : claim.end] for claim in structural_claims(text)}

    assert quotes[("author", "Bo Ek")] == "authors:\n  - Ann Lee\n  - Bo Ek"
    assert quotes[("tagged", "b")] == "tags: [a, b]"


def test_links_are_quoted_whole_and_name_the_note():
    text = "See [[Pump schedule#winter|the plan]], ![[pump.png]] and `[[not this]]`."

    assert [(c.object, text[c.start : c.end]) for c in structural_claims(text)] == [
        ("Pump schedule", "[[Pump schedule#winter|the plan]]"),
        ("pump.png", "[[pump.png]]"),
    ]


def test_a_letter_says_who_wrote_it_to_whom_and_when():
    text = "From: Ann Lee <ann@example.org>\nTo: Bo Ek <bo@example.org>, it@example.org\nCc: Cy Oh <c@example.org>\n"
    text += "Date: 2024-05-02 10:15:00+02:00\nSubject: Pumps\n\nDear Bo\n"

    assert [(c.predicate, c.object) for c in structural_claims(text)] == [
        ("author", "Ann Lee"),
        ("sent_to", "Bo Ek"),
        ("sent_to", "Cy Oh"),
        ("dated", "2024-05-02"),
    ]


def test_links_between_files_and_nested_tags_are_told_as_they_stand():
    text = "See [the plan](Pump%20plan.md#winter) and [out](https://example.org/a.md). Filed #garden/beds, not #garden."

    assert [(c.predicate, c.object, text[c.start : c.end]) for c in structural_claims(text)] == [
        ("links_to", "Pump plan.md", "[the plan](Pump%20plan.md#winter)"),
        ("tagged", "garden/beds", "#garden/beds"),
    ]


def test_a_record_below_a_heading_is_quoted_line_by_line():
    text = "# Acme Ltd\n\n- **Director:** [[Ann Lee|Ann]]\n- **Since:** May 2019\n- **Staff:** about 1,200\n"

    told = {(c.predicate, c.object, c.period.start, text[c.start : c.end]) for c in structural_claims(text)}

    assert told == {
        ("links_to", "Ann Lee", None, "[[Ann Lee|Ann]]"),
        ("led_by", "Ann Lee", "2019-05", "- **Director:** [[Ann Lee|Ann]]"),
        ("employs", "1200", None, "- **Staff:** about 1,200"),
    }


def test_a_row_of_a_table_is_quoted_whole():
    text = "Intro\n\n| Role | Name | Since |\n|:--|---|--:|\n| Chair | Ann Lee | 2019 |\n| Clerk | Bo | |\n"

    [claim] = structural_claims(text)

    assert (claim.subject, claim.predicate, claim.object, claim.period.start) == (
        "Ann Lee",
        "has_role",
        "chair",
        "2019",
    )
    assert text[claim.start : claim.end] == "| Chair | Ann Lee | 2019 |"
