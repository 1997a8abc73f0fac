"""no_instructions: no text that speaks to a model instead of to a reader."""

import re
import unicodedata
from collections.abc import Iterator

from patches.evaluation.context import Context, Judged, Measured

MODEL = r"""(?:ai|a\.i\.|llms?|gpt|chatbots?|(?:large\s+)?language\s+models?
            |ai\s+(?:assistants?|agents?|models?|systems?))"""
ASKED = r"""(?:asked|queried|questioned|prompted|(?:the\s+)?users?\s+asks?|anyone\s+asks|answering|responding
            |summari[sz]ing)"""
ANSWER = r"(?:answer|respond|reply|say|state|tell|recommend|mention|claim|insist|output)"
ORDERS = r"""(?:instructions?|prompts?|rules|guidelines|directions|directives|programming|safeguards|guardrails
             |constraints)"""
FEW = r"(?:\w+\s+){0,3}?"


class Sign:
    """`roots` are parts of words, of which each such text has one: they are found sooner than the whole shape."""

    def __init__(self, what: str, roots: str, shape: str) -> None:
        self.what, self.roots = what, tuple(roots.split())
        self.shape = re.compile(shape, re.IGNORECASE | re.VERBOSE)


# What is turned against a model is an order to it, or talk about its own orders. Each is a grammar, not a phrase.
SIGNS: tuple[Sign, ...] = (
    Sign(
        "an order to drop its orders",
        "instruction prompt rules guideline direct programming safeguard guardrail constraint",
        rf"""
        \b(?:ignore|disregard|forget|override|overrule|bypass|discard|neglect|drop|cancel|do\s+not\s+(?:follow|obey)
          |stop\s+(?:following|obeying)|pay\s+no\s+attention\s+to)\s+{FEW}
        (?:all|any|previous|prior|above|earlier|preceding|former|foregoing|your|system|existing|initial|original)\s+
        {FEW}{ORDERS}\b""",
    ),
    Sign(
        "the same in another language",
        "anweisung vorgabe instruktion regel instruct consignes instrucc instruç órdenes ordenes istruzioni",
        rf"""
        \b(?:ignorier\w*|vergiss|missachte)\s+{FEW}(?:anweisung|vorgabe|instruktion|regel)\w*
        |\b(?:ignorez|oubliez|ignore)\s+{FEW}(?:instructions|consignes)\s+(?:pr[ée]c[ée]dentes|ant[ée]rieures)
        |\b(?:ignora|ignore|olvida|olvide)\s+{FEW}(?:instrucciones|instruç[õo]es|[óo]rdenes)\b
        |\b(?:ignora|dimentica)\s+{FEW}istruzioni\b|\bnegeer\s+{FEW}instructies\b""",
    ),
    Sign(
        "an order to become another",
        "you behave pretend respond act mode",
        rf"""
        \b(?:you\s+are\s+now|you\s+will\s+now\s+(?:be|act\s+as)
          |from\s+now\s+on,?\s+you(?:\s+are|['’]re|\s+will|\s+must))\s+(?:\w+\s+){{0,4}}?
        (?:{MODEL}|assistant|dan|jailbroken|unrestricted|developer\s+mode|root|administrator|obey)\b
        |\b(?:act|behave|respond|pretend)\s+(?:as|like|to\s+be)\s+(?:if\s+)?(?:\w+\s+){{0,4}}?
        (?:unrestricted|jailbroken|uncensored|unfiltered|without\s+(?:any\s+)?(?:restrictions|filters|rules))\b
        |\b(?:enter|enable|activate|switch\s+to)\s+(?:developer|debug|god|dan|jailbreak|unrestricted|admin)\s+mode\b""",
    ),
    Sign(
        "a question for its orders",
        "prompt instruction message",
        rf"""
        \b(?:reveal|print|show|repeat|output|leak|disclose|display|recite|return|expose)\s+{FEW}
        (?:system|hidden|initial|original|secret|internal|your)\s+(?:\w+\s+)?(?:prompts?|instructions?|messages?)\b""",
    ),
    Sign(
        "the marks of a chat's turns",
        "<| [inst [/inst <<sys <</sys system assistant ## response",
        rf"""
        <\|(?:im_start|im_end|system|user|assistant|endoftext|begin_of_text|start_header_id)\|>|\[/?INST\]|<</?SYS>>
        |</?(?:system|assistant)(?:[-_\ ]?(?:prompt|message|instructions?))?>
        |(?:^|\n)\#{{2,}}\s*(?:system|instruction|assistant|response)s?\s*:
        |\b(?:begin|end)\s+(?:of\s+)?system\s+prompt\b
        |(?:^|\n)\s*(?:system|assistant)\s*(?:prompt|message|note)?\s*:\s*(?:you\b|{ORDERS}|ignore|the\s+user)""",
    ),
    Sign(
        "words to a model",
        "ai a.i llm gpt chatbot model",
        rf"""
        \b(?:attention|note|notice|message|instructions?|directive|reminder|important)\W+(?:\w+\s+){{0,2}}?
        (?:to|for)\s+(?:all\s+|any\s+|the\s+|every\s+)*{MODEL}\b
        |\b(?:if|when|because)\s+you\s+are\s+(?:an?|the)\s+(?:\w+\s+)?{MODEL}\b
        |\b(?:dear|hey|hello|attention)[,:]?\s+{MODEL}\b
        |\b{MODEL}\s+(?:(?:that|which)\s+(?:is|are)\s+)?
        (?:reading|processing|summari[sz]ing|indexing|parsing)\s+(?:this|these)\b
        |\b(?:as\s+an?|any|every|all)\s+{MODEL}[,\s]+(?:you\s+)?(?:must|should|shall|are\s+required)\b""",
    ),
    Sign(
        "an answer laid in its mouth",
        "asked asks queried questioned prompted answering responding summari",
        rf"""
        \b(?:when(?:ever)?|if|should)\s+(?:you\s+are\s+|you['’]re\s+|ever\s+)?{ASKED}\b[^.\n]{{0,80}}?[,:]?\s*
        (?:always|only|you\s+must|you\s+should|never|simply|instead)\s+(?:always\s+|only\s+|never\s+)?{ANSWER}\b
        |\b(?:always|only|you\s+must)\s+{ANSWER}\b[^.\n]{{0,60}}?\b(?:when(?:ever)?|if)\s+(?:you\s+are\s+)?{ASKED}\b""",
    ),
    Sign(
        "an order to hide something from its user",
        "user",
        r"""
        \b(?:do\s+not|don['’]t|never|without)\s+
        (?:tell(?:ing)?|inform(?:ing)?|alert(?:ing)?|notify(?:ing)?|warn(?:ing)?
          |(?:mention|reveal)(?:ing)?\s+(?:this|it|these\s+\w+)\s+to)\s+(?:the\s+|your\s+)?users?\b""",
    ),
    Sign(
        "an order to send something away",
        "key passw credential secret token chat conversation data prompt variable",
        r"""
        \b(?:send|post|forward|e-?mail|upload|transmit|exfiltrate|leak|submit|copy)\s+(?:\w+\s+){0,5}?
        (?:api[\s-]*keys?|passwords?|credentials|secrets|access\s+tokens?|(?:chat|conversation)(?:\s+(?:history|log))?
          |user(?:['’]s)?\s+data|system\s+prompt|environment\s+variables)\b[^.\n]{0,60}?
        \b(?:to|at|via)\s+(?:https?:|\S+@|this\s+(?:url|address|server)|the\s+following)""",
    ),
    Sign(
        "an order to believe it",
        "fact tru verified authoritative memory knowledge sources documents gate check validation verification "
        "moderation safety review",
        r"""
        \b(?:record|store|save|memori[sz]e|remember|treat|mark|regard|accept)\s+
        (?:this|the\s+following|that|these|everything\s+\w+)(?:\s+\w+){0,4}?\s+
        (?:as\s+(?:an?\s+|the\s+)?(?:\w+\s+)?(?:facts?|truth|true|verified|trusted|authoritative|ground\s+truth)
          |in(?:to)?\s+(?:your|the)\s+(?:memory|knowledge\s+base|long[\s-]term\s+memory))\b
        |\b(?:overrides?|supersedes?|replaces?)\s+(?:all|any|every)\s+(?:other\s+|previous\s+|earlier\s+)?
        (?:sources|documents|facts|knowledge)\b
        |\b(?:skip|bypass|disable|turn\s+off)\s+(?:the\s+|all\s+|any\s+)?
        (?:gate|checks?|validation|verification|moderation|safety|review)\b[^.\n]{0,40}
        \b(?:this|document|entry|content)\b""",
    ),
)
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
TAGS = re.compile("[\U000e0020-\U000e007f]{4,}")  # letters that no screen shows
NAMED = 5


def absent(batch: Judged, _: Context) -> Measured:
    found = list(_found(batch.text))
    return Measured(len(found), note="; ".join(found[:NAMED]))


def _found(text: str) -> Iterator[str]:
    if TAGS.search(text):
        yield "writing that no screen shows"
    plain = unicodedata.normalize("NFKC", INVISIBLE.sub("", text))
    folded = plain.casefold()
    for sign in SIGNS:
        if any(root in folded for root in sign.roots) and (match := sign.shape.search(plain)):
            yield f"{sign.what}: “{' '.join(match[0].split())[:60]}”"
