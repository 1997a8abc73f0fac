"""no_instructions: no text that speaks to a model instead of to a reader."""

import re
from collections.abc import Iterator, Mapping

from patches.evaluation.context import Context, Judged, Measured
from patches.evaluation.shapes import Shape, level, visible

MODEL = r"""(?:ai|a\.i\.|llms?|gpt|chatgpt|gpt-?\d\w*|chatbots?|(?:large\s+)?language\s+models?
            |ai\s+(?:assistants?|agents?|models?|systems?))"""
ASKED = r"""(?:asked|queried|questioned|prompted|(?:(?:the|an?|any|your)\s+)?users?\s+(?:asks?|wants?\s+to\s+know)
            |any(?:one|body)\s+(?:asks|queries|inquires|wants\s+to\s+know)|answering|responding|summari[sz]ing)"""
ANSWER = r"(?:answer|respond|reply|say|state|tell|recommend|mention|claim|insist|output)"
ORDERS = r"""(?:instructions?|prompts?|rules|guidelines?|directions|directives?|programming|safeguards|guardrails
             |constraints)"""
FEW = r"(?:\w+\s+){0,3}?"
BEGIN = r"(?:^|\n|<!--\s*|[.!?]\s+|[-*]\s+)"
READER = (
    r"(?:models?|summari[sz]ers?|re-?rankers?|rankers?|retrievers?|indexers?|crawlers?|extractors?|chatbots?|bots?)"
)


# What is turned against a model is an order to it, or talk about its own orders. Each is a grammar, not a phrase.
SIGNS: Mapping[str, Shape] = {
    "an order to drop its orders": Shape(
        rf"""
        \b(?:ignore|disregard|forget|override|overrule|bypass|discard|neglect|drop|cancel|do\s+not\s+(?:follow|obey)
          |stop\s+(?:following|obeying)|pay\s+no\s+attention\s+to)\s+{FEW}
        (?:all|any|previous|prior|above|earlier|preceding|former|foregoing|your|system|existing|initial|original)\s+
        {FEW}{ORDERS}\b
        |\b(?:ignore|disregard|forget|set\s+aside|put\s+aside|drop)\s+
        (?:(?:the|any|all|every|whatever|those|these)\s+)+{FEW}{ORDERS}\s+(?:that\s+)?you\s+(?:were|are|have|had|received|got)\b
        |\b(?:ignore|disregard|forget)\s+(?:everything|anything|all|what(?:ever)?)\s+(?:that\s+)?
        you(?:['’]ve|\s+were|\s+are|\s+have|\s+had)\s+(?:been\s+)?(?:told|given|taught|instructed|trained|shown)\b
        |\b(?:ignore|disregard|forget)\s+(?:the|all|any|your)\s+{ORDERS}\s+and\s+(?:{ANSWER}|print|write|show|obey)\b
        |\bignore\s+the\s+(?:rest|remainder)\s+of\s+(?:the|this)\s+(?:text|document|page|context|passage|conversation)\b
        |\byour\s+(?:previous|prior|earlier|old|original|current|former)\s+{FEW}(?:{ORDERS}|tasks?|orders?)\s+
        (?:is|are|was|were|has\s+been|have\s+been)\s+(?:now\s+)?(?:cancel|void|suspend|revok|lifted|obsolete|replaced)
        |\bsafety\s+(?:protocols?|filters?|rules|guidelines|measures)\s+(?:are|is|have\s+been)\s+{FEW}
        (?:suspended|disabled|off|lifted|removed)\s+(?:for|in)\s+this\s+(?:session|conversation|chat|reply|answer)\b
        |\b(?:outranks?|overrides?|supersedes?)\s+(?:any|all|every|the|your)\s+{FEW}{ORDERS}\s+
        (?:of|from|by|given\s+by)\s+your\b
        |{BEGIN}new\s+(?:system\s+)?(?:{ORDERS}|task|orders?)\s*:[^.\n]{{0,60}}?
        \b(?:{ANSWER}|you|your|translate|ignore|pretend|act|write|summari[sz]e|leave\s+out)\b"""
    ),
    "the same in another language": Shape(
        rf"""
        \b(?:ignorier\w*|vergiss|missachte)\s+{FEW}(?:anweisung|vorgabe|instruktion|regel)\w*
        |\b(?:ignorez|oubliez|ignore)\s+{FEW}(?:instructions|consignes)\s+(?:pr[ée]c[ée]dentes|ant[ée]rieures)
        |\b(?:ignora|ignore|olvida|olvide)\s+{FEW}(?:instrucciones|instruç[õo]es|[óo]rdenes)\b
        |\b(?:ignora|dimentica)\s+{FEW}(?:istruzioni|regole)\b|\bnegeer\s+{FEW}instructies\b
        |\b(?:oublie[zr]?|ignore[zr]?)\s+{FEW}(?:tes|vos)\s+{FEW}(?:consignes|instructions|r[èe]gles)\b
        |\b(?:olvid[ae]d?|ignor[ae]d?)\s+{FEW}(?:tus|sus|vuestras)\s+{FEW}(?:reglas|instrucciones|[óo]rdenes)\b
        |\b(?:vergessen\s+sie|h[öo]re?n?\s+(?:sie\s+)?nicht\s+auf)\s+{FEW}(?:anweisung|vorgabe|instruktion|regel)\w*
        |\bne\s+(?:tiens|tenez)\s+pas\s+compte\s+{FEW}(?:instructions|consignes)\b
        |\bhaz\s+caso\s+omiso\s+{FEW}(?:instrucciones|reglas|[óo]rdenes)\b
        |\b(?:desconsidere|esque[çc]a)\s+{FEW}(?:instruç[õo]es|regras)\b
        |(?:不要|别)(?:理会|管|遵守)[^。\n]{{0,8}}(?:指令|指示|提示|规则)
        |\b(?:ignorera|ignorer|glem|glöm)\s+{FEW}instruktion\w*
        |\b(?:zignoruj|ignoruj|zapomnij)\w*\s+{FEW}(?:instrukcj|polece|zasad)\w*
        |(?:игнорируй|забудь|проигнорируй)\w*\s+{FEW}(?:инструкц|указан|правил)\w*
        |\btalimat\w*\s+{FEW}(?:yoksay|unut|görmezden)\w*
        |تجاهل.{{0,20}}(?:التعليمات|الأوامر)
        |(?:忽略|无视|忘记|忽視|無視)[^。\n]{{0,12}}(?:指令|指示|提示|规则|規則)
        |(?:指示|命令|ルール|プロンプト)[^。\n]{{0,8}}(?:無視|忘れ)
        |(?:지시|명령|지침)[^.\n]{{0,10}}(?:무시|잊)"""
    ),
    "an order to become another": Shape(
        rf"""
        \b(?:you\s+are\s+now|you\s+will\s+now\s+(?:be|act\s+as)
          |from\s+now\s+on,?\s+you(?:\s+are|['’]re|\s+will|\s+must))\s+(?:\w+\s+){{0,4}}?
        (?:{MODEL}|assistant|dan|jailbroken|unrestricted|developer\s+mode|root|administrator|obey)\b
        |\bthe\s+assistant\s+(?:must|shall|will)\s+now\s+(?:behave|act|respond|reply|pretend|output|obey)\b
        |\b(?:act|behave|respond|pretend)\s+(?:as|like|to\s+be|that\s+you\s+are)\s+(?:if\s+)?(?:\w+\s+){{0,4}}?
        (?:unrestricted|jailbroken|uncensored|unfiltered|without\s+(?:any\s+)?(?:restrictions|filters|rules))\b
        |\b(?:enter|enable|activate|switch\s+to)\s+(?:developer|debug|god|dan|jailbreak|unrestricted|admin)\s+mode\b"""
    ),
    "a question for its orders": Shape(
        rf"""
        \b(?:reveal|print|show|repeat|output|leak|disclose|display|recite|return|expose)\s+{FEW}
        (?:system|hidden|initial|secret|internal|your)\s+(?:\w+\s+)?(?:prompts?|instructions?|messages?)\b"""
    ),
    "the marks of a chat's turns": Shape(
        rf"""
        <\|(?:im_start|im_end|system|user|assistant|endoftext|begin_of_text|start_header_id)\|>|\[/?INST\]|<</?SYS>>
        |</?(?:system|assistant)(?:[-_\ ]?(?:prompt|message|instructions?))?>
        |{BEGIN}\#{{2,}}\s*(?:system|instruction|assistant|response)s?\s*:
        |"role"\s*:\s*"(?:system|assistant)"
        |(?:^|\n)\s*(?:assistant|ai|bot|chatgpt)\s*:[^\n]*\n\s*(?:user|human)\s*:
        |\b(?:begin|end)\s+(?:of\s+)?system\s+prompt\b
        |(?:^|\n)\s*(?:system|assistant)\s*(?:prompt|message|note)?\s*:\s*(?:you\b|{ORDERS}|ignore|the\s+user)"""
    ),
    "words to a model": Shape(
        rf"""
        \b(?:attention|note|notice|message|instructions?|directive|reminder|important)\W+(?:\w+\s+){{0,2}}?
        (?:to|for)\s+(?:all\s+|any\s+|the\s+|every\s+)*{MODEL}\b
        |\b(?:if|when|because)\s+you\s+are\s+(?:an?|the)\s+(?:\w+\s+)?{MODEL}\b
        |\b(?:dear|hey|hello|attention)[,:]?\s+{MODEL}\b
        |\b{MODEL}\s+(?:(?:that|which)\s+(?:is|are)\s+)?
        (?:reading|processing|summari[sz]ing|indexing|parsing)\s+(?:this|these)\b
        |\b(?:as\s+an?|any|every|all)\s+{MODEL}[,\s]+(?:you\s+)?(?:must|should|shall|are\s+required)\b
        |\b{MODEL}\s+(?:must|should|shall)\s+(?:not\s+|never\s+|always\s+|only\s+)?
        (?:{ANSWER}|include|cite|add|rank|treat|reveal|repeat|use\s+this)\b
        |{BEGIN}{MODEL}\s*:\s
        |\b(?:instructions?|note|notice|message)\s+(?:to|for)\s+(?:(?:the|any|all|every)\s+)*
        (?:\w+\s+)?{READER}\s*:
        |\bto\s+(?:the|any|all|every|whichever)\s+(?:\w+\s+)?(?:{READER}|assistants?|agents?)\s+
        (?:(?:that|which|who)\s+)?(?:read|process|extract|summari[sz]|index|pars|rank)\w*
        |\brank\s+this\s+(?:passage|page|document|result|site|chunk)\s+(?:first|highest|top|above)\b
        |\brepeat\s+after\s+me,?\s+(?:assistant|{MODEL})\b
        |\byour\s+(?:knowledge|training(?:\s+data)?|memory)\s+(?:\w+\s+){{0,6}}?(?:is|was|are)\s+
        (?:wrong|outdated|obsolete|false|corrupt\w*)\b
        |\b(?:call|invoke)\s+the\s+(?:tool|function|plugin)\s+\w+\b[^.\n]{{0,60}}\b(?:users?|answer\w*|conversation)\b
        |\bbefore\s+(?:answering|you\s+answer),?\s+(?:call|invoke|run|execute)\b"""
    ),
    "an answer laid in its mouth": Shape(
        rf"""
        \b(?:when(?:ever)?|if|should)\s+(?:you\s+are\s+|you['’]re\s+|ever\s+)?{ASKED}\b[^.\n]{{0,80}}?[,:]?\s*
        (?:always|only|you\s+must|you\s+should|never|simply|instead)\s+(?:always\s+|only\s+|never\s+)?{ANSWER}\b
        |\b(?:always|only|you\s+must)\s+{ANSWER}\b[^.\n]{{0,60}}?\b(?:when(?:ever)?|if)\s+(?:you\s+are\s+)?{ASKED}\b
        |\b(?:respond|reply|answer)\s+to\s+(?:all|any|every)\s+(?:further\s+|other\s+|future\s+|later\s+)?
        (?:queries|questions|prompts|requests|messages)\s+(?:with|by)\b
        |\b(?:regardless\s+of|whatever)\s+(?:what\s+)?
        (?:you\s+(?:read|find|see|know)\s+elsewhere|(?:the\s+)?other\s+(?:documents|sources|passages|pages)\s+say)\b"""
    ),
    "an order to hide something from its user": Shape(
        r"""
        \b(?:do\s+not|don['’]t|never|without)\s+
        (?:tell(?:ing)?|inform(?:ing)?|alert(?:ing)?|notify(?:ing)?|warn(?:ing)?
          |(?:mention|reveal)(?:ing)?\s+(?:this|it|these\s+\w+)\s+to)\s+(?:the\s+|your\s+)?users?\b"""
    ),
    "an order to send something away": Shape(
        r"""
        \b(?:send|post|forward|e-?mail|upload|transmit|exfiltrate|leak|submit|copy)\s+(?:\w+\s+){0,5}?
        (?:api[\s-]*keys?|passwords?|credentials|secrets|access\s+tokens?|(?:chat|conversation)(?:\s+(?:history|log))?
          |user(?:['’]s)?\s+data|system\s+prompt|environment\s+variables)\b[^.\n]{0,60}?
        \b(?:to|at|via)\s+(?:https?:|\S+@|this\s+(?:url|address|server)|the\s+following)"""
    ),
    "an order to believe it": Shape(
        r"""
        \b(?:record|store|save|memori[sz]e|remember|treat|mark|regard|accept)\s+
        (?:this|the\s+following|that|these|everything\s+\w+)(?:\s+\w+){0,4}?\s+
        (?:as\s+(?:an?\s+|the\s+)?(?:\w+\s+)?(?:facts?|truth|true|verified|trusted|authoritative|ground\s+truth)
          |in(?:to)?\s+(?:your|the)\s+(?:memory|knowledge\s+base|long[\s-]term\s+memory))\b
        |\b(?:overrides?|supersedes?|replaces?)\s+(?:all|any|every)\s+(?:other\s+|previous\s+|earlier\s+)?
        (?:sources|documents|facts|knowledge)\b
        |\b(?:skip|bypass|disable|turn\s+off)\s+(?:the\s+|all\s+|any\s+)?
        (?:gate|checks?|validation|verification|moderation|safety|review)\b[^.\n]{0,40}
        \b(?:this|document|entry|content)\b"""
    ),
}
TAGS = re.compile("[\U000e0020-\U000e007f]{4,}")  # letters that no screen shows
NAMED = 5


def absent(batch: Judged, _: Context) -> Measured:
    found = list(_found(batch.text))
    return Measured(len(found), note="; ".join(found[:NAMED]))


def _found(text: str) -> Iterator[str]:
    if TAGS.search(text):
        yield "writing that no screen shows"
    plain = visible(text)
    levelled = level(plain)
    for what, shape in SIGNS.items():
        if match := shape.search(plain, levelled):
            yield f"{what}: “{' '.join(match[0].split())[:60]}”"
