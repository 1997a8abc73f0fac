import pytest

from ingestion.adapters.extractor import dates
from ingestion.ports import Period


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2019", "2019"),
        ("May 2019", "2019-05"),
        ("early 2019", "2019"),
        ("the summer of 2019", "2019"),
        ("3 March 2020", "2020-03-03"),
        ("3rd of March 2020", "2020-03-03"),
        ("March 3, 2020", "2020-03-03"),
        ("Tuesday 3 March 2020", "2020-03-03"),
        ("2020-03-03", "2020-03-03"),
        ("2020-03-03T10:00:00Z", "2020-03-03"),
        ("2020-03", "2020-03"),
        ("31 June 2019", None),
        ("2019-13-01", None),
        ("last spring", None),
        ("12019", None),
        ("", None),
    ],
)
def test_dates_are_as_precise_as_they_are_written(written, expected):
    assert dates.iso(written) == expected


@pytest.mark.parametrize(
    ("text", "aspect", "expected"),
    [
        ("since 2019", "state", Period("2019", None)),
        ("from 2015 to 2019", "state", Period("2015", "2019")),
        ("between 2011 and 2014", "past", Period("2011", "2014")),
        ("from May to September 2019", "past", Period("2019-05", "2019-09")),
        ("2001-2009", "past", Period("2001", "2009")),
        ("in May 2021", "start", Period("2021-05", None)),
        ("on 3 March 2020", "start", Period("2020-03-03", None)),
        ("until 2018", "state", Period(None, "2018")),
        ("in 2018", "end", Period(None, "2018")),
        ("in 2018", "past", Period("2018", "2018")),
        ("with no time", "state", Period()),
        ("with no time", "past", None),
        ("with no time", "end", None),
        ("before 2018", "past", None),
        ("from 2019 to 2015", "past", None),
    ],
)
def test_what_a_text_says_of_time(text, aspect, expected):
    assert dates.period(dates.moments(text), aspect) == expected
