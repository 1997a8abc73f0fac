"""The words that the rules know, in lower case."""

import re


def words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


def phrases(listed: str) -> frozenset[str]:
    return frozenset(phrase.strip() for phrase in listed.split(","))


LEADS = phrases(
    "director, managing director, executive director, director general, director-general, general director, manager,"
    "general manager, chief executive, chief executive officer, ceo, head, president, chair, chairman, chairwoman,"
    "chairperson, acting director, interim director, acting head, interim head, acting chair, acting president,"
    "acting manager, acting chief executive, interim chief executive"
)
ROLES = words(
    "director manager executive officer ceo cto cfo head president chair chairman chairwoman chairperson secretary "
    "treasurer engineer pilot surveyor architect accountant lawyer professor lecturer minister mayor editor curator "
    "librarian archivist clerk coordinator spokesperson spokesman spokeswoman trustee governor inspector dean "
    "superintendent harbourmaster master foreman technician scientist biologist analyst adviser consultant captain "
    "commissioner ambassador principal chancellor apprentice developer designer teacher researcher nurse doctor "
    "senator councillor registrar assistant"
)
MEMBER = "member"
SUBSIDIARY = "subsidiary"
FOUNDER = words("founder co-founder cofounder")
FORMER = words(
    "former ex previous late then next future incoming would-be designate aspiring possible proposed erstwhile "
    "outgoing retiring departing elect onetime sometime"
)
# Said of one who holds the role, but no part of its name.
PASSING = words("new longtime current our first own popular present its their his her the a an female male youngest")

BE = words("is are was were be been being 's")
PRESENT_BE = words("is are 's")
BECOME = words("became becomes become")
STAY = words("remains remained remain")
APPOINT = words("appointed appoints named elected elects made promoted hired chosen selected installed")
TAKE_UP = words("joined took succeeded succeeds replaced replaces joins takes started returned")
SERVE = words("served serves serving worked works acted acts continues continued")
STEP_DOWN = words("resigned resigns retired retires stepped stood steps")

SAY = words(
    "said says say saying told tells claimed claims claim reported reports report wrote writes announced stated states "
    "argued argues suggested suggests alleged alleges insisted insists believes believed believe thinks thought think "
    "guess suppose assume hear heard understand"
)
DENY = words("denied denies deny disputed disputes rejected rejects untrue false confused mistaken")
HEDGE_VERBS = words(
    "expected expects expect plans planned planning hopes hoped hope wants wanted considering considered proposed "
    "proposes thought believed rumoured rumored said understood tipped asked invited offered seeks sought intends "
    "intended supposed likely due set wishes agreed nominated urged seems seemed appears appeared tried failed refused "
    "declined"
)
HEDGES = words(
    "may might could would should will shall 'll reportedly allegedly apparently perhaps possibly probably supposedly "
    "maybe presumably purportedly likely almost nearly"
)
LOUD_HEDGES = (
    "reportedly", "allegedly", "rumour", "rumor", "supposedly", "purportedly", "unconfirmed", "speculat", "apparently",
)  # fmt: skip
CONDITIONS = words("if whether unless")
NEGATIONS = words("not n't never neither nor longer hardly no")
UNREAL = re.compile(  # told of a made-up world, or as an example
    r"\bin (?:the|this|that|his|her|their|a|an|one) (?:\w+ ){0,2}"
    r"(?:novel|novels|film|movie|story|stories|series|play|plays|book|game|poem|dream|episode|fairy tale|sketch)\b"
    r"|\b(?:imagine|suppose|pretend|for example|e\.g\.|once upon a time|fictional|fictitious|hypothetical)\b"
    r"|^example\b",
    re.IGNORECASE,
)
MANY_PEOPLE = words("people persons workers employees staff men women")
EMPLOY = words("employs employ employed")
SUMS = {"revenue": "has_revenue", "revenues": "has_revenue", "turnover": "has_revenue", "budget": "has_budget"}
HAVE_SUM = words("has have had reported reports posted posts generated generates recorded records made makes")
REACH_SUM = words("is was were are rose fell grew increased reached amounted stood totalled totaled")
BODIES = words("board committee council commission association society union club federation panel parliament")
OFFICES = words("office offices headquarters base seat workshop workshops depot staff")
