"""How the overview's templates write numbers, times, states and small pictures."""

from collections.abc import Sequence

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console import drawing
from ledger import commands, rendering
from ledger.reasons import Reason

register = template.Library()
register.filter("duration", rendering.duration)
register.filter("size", rendering.size)
register.filter("spoken", commands.spoken)
register.simple_tag(drawing.spark, name="spark")


@register.filter
def grouped(number: int) -> str:
    return f"{number:,}"


@register.filter
def measured(value: float) -> str:
    """A measured number as short as it can be."""
    return f"{value:g}"


@register.filter
def total(numbers: Sequence[int]) -> int:
    return sum(numbers)


@register.filter
def state(status: str, word: str = "") -> SafeString:
    """A badge in the colour of a status, with the status or another word in it."""
    told = commands.spoken(word)
    return format_html('<span class="state {}">{}</span>', status, told) if word else rendering.state(status)


@register.filter
def reason(code: str) -> str:
    """What a reason means; one that this version does not know as it is stored."""
    return str(Reason(code).label) if code in Reason else code
