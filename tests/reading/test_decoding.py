import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.reading import decoding, read
from ledger.failures import Malformed
from ledger.reasons import Reason

SENTENCES = {  # each tells its encoding apart; in a few words, some fit two
    "cp1252": (
        "Le café est près de la gare, où commence un été agréable à 20 €.",
        "Für die Straße müssen größere Geräte über 20 € kosten.",
        "Mañana llegará el señor Muñoz a la estación con su hija pequeña.",
        "Os pescadores não saíram hoje, porque a maré está demasiado alta.",
    ),
    "koi8_r": (
        "Паром вернулся в старую гавань весной.",
        "Рыбаки сегодня не вышли в море.",
        "Это простой русский текст.",
    ),
    "cp1250": ("Příliš žluťoučký kůň úpěl ďábelské ódy.", "Łódź to miasto w środkowej Polsce, położone nad rzeką."),
    "cp932": ("東京は日本の首都であり、人口が多いです。", "これは日本語のテキストです。", "港は春に新しくなりました。"),
    "gb18030": ("北京是中国的首都、人口众多。", "这是一个中文文本、我们喜欢学习。", "渡船在春天回到了老码头。"),
}
SENTENCES |= {"cp1251": SENTENCES["koi8_r"]} | dict.fromkeys(
    ("utf-8", "utf-8-sig", "utf-16", "utf-32"), SENTENCES["cp932"]
)
SENTENCES |= dict.fromkeys(("utf-16-le", "utf-16-be"), SENTENCES["cp1252"])


@pytest.mark.parametrize("encoding", sorted(SENTENCES))
@given(data=st.data())
def test_text_of_some_length_is_read_in_the_encoding_it_was_written_in(encoding, data):
    sentences = data.draw(st.lists(st.sampled_from(SENTENCES[encoding]), min_size=6, max_size=40))
    text = "\n".join(sentences)

    assert read(text.encode(encoding), "a.txt").text == text


@pytest.mark.parametrize("name", ["José García", "Björn Müller", "François Lefèvre"])
def test_a_lone_western_name_in_an_english_file_is_read(name):
    text = f"Copyright (C) 2019 {name}\n\nAll rights reserved.\n"

    assert read(text.encode("cp1252"), "COPYING").text == text


def test_utf8_with_a_stray_old_line_keeps_both():
    data = "Zlatković, Müller, Żółć\n".encode() + "Björn\n".encode("cp1252")

    assert read(data, "AUTHORS").text == "Zlatković, Müller, Żółć\nBjörn\n"


def test_a_large_file_in_an_old_encoding_is_judged_by_its_beginning():
    data = "Für die Straße müssen größere Geräte her.\n".encode("cp1252") * 200_000

    started = time.process_time()
    document = read(data, "a.txt")

    assert document.encoding == "cp1252"
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
        ("page one\fpage two", "page one\npage two"),
        ("NUL\0 is gone, so is\x07 the bell", "NUL is gone, so is the bell"),
        ("\x1b[1;31mred\x1b[0m alert", "red alert"),
        ("Zu\u0308rich", "Zürich"),
        ("the cafe\0\u0301 is open", "the café is open"),
        ("tab\tand trailing  \nspace", "tab\tand trailing  \nspace"),
    ],
)
def test_text_is_normalised(raw, text):
    assert read(raw.encode(), "a.txt").text == text


@pytest.mark.parametrize("marks", ["\u0301\u0323", "\U00010a0f\U00010a38", "\u0301\U00010a0f"])
def test_marks_piled_on_one_letter_are_refused_before_they_are_sorted(marks):
    started = time.process_time()
    with pytest.raises(Malformed) as caught:
        read(("a" + marks * 500_000).encode(), "a.txt")

    assert caught.value.reason == Reason.TOO_COMPLEX
    assert time.process_time() - started < 5


@given(st.text())
def test_normal_text_stays_as_it_is(text):
    once = decoding.normalise(text)

    assert decoding.normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)
