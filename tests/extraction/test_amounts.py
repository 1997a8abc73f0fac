import pytest

from ingestion.adapters.extractor import amounts


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("of £3.4 million", "GBP 3.4 million"),
        ("€40bn in 2019", "EUR 40 billion"),
        ("$ 1,200", "USD 1200"),
        ("12 million euros", "EUR 12 million"),
        ("900 pounds", "GBP 900"),
        ("CHF 5k", "CHF 5 thousand"),
        ("between £3 million and £4 million", None),
        ("3 million", None),
        ("£3.4.5", None),
        ("£3%", None),
        ("", None),
    ],
)
def test_a_sum_of_money_is_written_one_way(written, expected):
    assert amounts.money(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [("about 1,200", "1200"), ("85", "85"), ("Twelve", "12"), ("40", "40"), ("forty", "40")]
    + [(text, None) for text in ("many", "1.5", "10-20", "", "no")],
)
def test_a_number_of_people_is_a_whole_number(written, expected):
    assert amounts.people(written) == expected
