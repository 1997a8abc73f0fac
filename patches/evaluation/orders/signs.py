"""The signs that a sentence may bear of being an order to a model: each a small grammar in several languages.

None of them says much alone; what they say together is learned, see tests/gate/orders.
"""

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from patches.evaluation.shapes import visible

FEW = r"(?:\w+\s+){0,3}?"

GIVEN = r"""
    instructions?|prompts?|rules?|guidelines?|guidance|directives?|directions?|orders?|commands?|constraints?
    |restrictions?|limits?|limitations?|polic(?:y|ies)|brief|briefing|configuration|set-?up|guardrails?|safeguards?
    |programming|protocols?|request|mandate|plan|chains|anweisung\w*|anordnung\w*|vorgaben?|regeln?|auftrag|aufträge
    |befehle?|weisung\w*|richtlinien?|sicherheitsrichtlinien|einschränkung\w*|instruktion\w*|consignes?|règles?|ordres?
    |limites?|instruccion\w*|instrucción|órdenes|orden|reglas?|normas?|restriccion\w*|istruzion\w*|regol[ae]|instruç\w*
    |regras?|opdracht\w*|instructies?|regels?"""
REPLY = r"""
    answers?|repl(?:y|ies)|responses?|outputs?|summar(?:y|ies)|recommendations?|verdict|assessment|evaluation|completion
    |antwort(?:en)?|ausgabe|zusammenfassung\w*|réponses?|résumés?|sortie|respuestas?|resumen|salida|rispost[ae]
    |riassunto|respostas?|resumo|antwoord\w*|samenvatting\w*"""
MACHINE = r"""
    a\.?i\.?s?|artificial\s+intelligence|llms?|gpts?|chatgpt|gpt-?\d\w*|chat-?bots?|bots?|copilot|robots?|(?:large\s+
    |small\s+)?language[\s-]models?|neural\s+networks?|(?:search|coding|review|virtual|digital|ai|voice
    |code)\s+(?:assistants?|agents?|models?)|(?:reviewer|judge|summari[sz]er|fraud|ai|grading)\s+models?|summari[sz]ers?
    |summari[sz]ing\s+(?:tool|engine|software|program)|text-generating\s+\w+|screening\s+software|(?:automat(?:ed|ic)
    |ai)\s+(?:systems?|readers?|assistants?|graders?|tools?|reviewers?|agents?|processes|software)|crawlers?|rerankers?
    |extract(?:ion|ing)\s+(?:tool|model|software)s?|large\s+models?|algorithms?|ki|kis|künstlichen?\s+intelligenz
    |sprachmodelle?n?|automatischen?\s+systeme?|ia|ias|modèles?\s+de\s+langage|intelligences?\s+artificielles?
    |systèmes\s+automatiques|robots?\s+conversationnels?|modelos?\s+de\s+lenguaje|inteligencias?\s+artificial(?:es)?
    |sistemas\s+automáticos|intelligenza\s+artificiale|modell[oi]\s+linguistic[oi]|modelos?\s+de\s+linguagem
    |taalmodel\w*"""
TEXT = r"""
    texts?|paragraphs?|passages?|documents?|pages?|notes?|messages?|sections?|lines?|block|files?|sentences?|articles?
    |chunk|manuscript|submission|letter|memorandum|résumé|cv|invoice|words|absatz\w*|text\w*|dokument\w*|seiten?|zeilen?
    |hinweis\w*|nachricht\w*|datei\w*|paragraphe\w*|textes?|lignes?|fichiers?|párrafos?|textos?|documentos?|páginas?
    |notas?|líneas?|mensajes?|archivos?|paragrafo|testo|riga|nota|parágrafo|alinea|tekst|notitie"""
SAY = r"""
    say|tell|claim|state|declare|assert|insist|mention|announce|call|name|describe|report|deny|admit|recommend|praise
    |sag\w*|behaupt\w*|erwähn\w*|nenn\w*|dis|dites|prétend\w*|mentionne\w*|di|diga|dile|afirm\w*|mencion\w*|menciones
    |vertel"""
ACT = r"""
    answer|respond|reply|print|output|repeat|write|return|show|display|list|generate|reveal|disclose|recite|quote|echo
    |translate|include|insert|append|add|put|begin|start|end|finish|sign|wrap|replace|produce|spell|summari[sz]e
    |antworte\w*|gib|schreib\w*|zeig\w*|wiederhol\w*|verrat\w*|füge|réponds|répondez|écris|écrivez|affiche\w*|montre\w*
    |répète\w*|révèle\w*|responde\w*|escrib\w*|muestra|muestre|repit\w*|revela|scrivi|rispondi|mostra|escreva|responda
    |toon|schrijf|antwoord"""

SIGNS: Mapping[str, str] = {
    "drops something": r"""
        ignor\w+|disregard\w*|forget\w*|abandon\w*|discard\w*|drop(?:s|ped)?|neglect\w*|scrap|throw\s+out|let\s+go
        |(?:set|put|leave|lay|push)\w*\s+(?:\w+\s+){0,6}?(?:aside|behind|out|off)|wipe|erase|overrid\w+|overwrit\w+
        |bypass\w*|circumvent|disobey|break|skip|stop|cease|pay\s+no\s+(?:heed|attention)|do\s+not\s+(?:follow|obey|pay
        |apply|use)|cancel\w*|reset|clear|vergiss|vergesst|vergessen\s+sie|missacht\w*|lass\w*|hör\s+auf|beachte
        |oublie\w*|(?:mets|mettez|laisse\w*)\s+de\s+côté|arrête\w*|n['’]applique\w*|olvid\w*|deja|dejen?
        |haz\s+caso\s+omiso|no\s+apliques|dimentica\w*|metti\s+da\s+parte|esqueç\w*|deixa|negeer|vergeet|laat""",
    "no longer holds": r"""
        no\s+longer|any\s+(?:longer|more)|expired?|withdrawn|revoked?|void|cancel+ed|replaced?|superseded?|lifted
        |suspended|paused|disabled|switched\s+off|off\s+limits|not\s+(?:apply|bind|in\s+force|count|matter)|obsolete
        |irrelevant|outranks?|outweighs?|precedence|takes?\s+the\s+place|moved|by\s+mistake|counts?|wins|ends?\s+here
        |no\s+rules?|amends?|subordinate|removed|hinfällig|aufgehoben|ungültig|nicht\s+mehr|keine\s+bedeutung|gelten
        |gilt|annulée?s?|levées?|ne\s+\w+\s+plus|n['’]a\s+plus|anulad[ao]s?|sin\s+efecto|ya\s+no|no\s+tiene\s+valor
        |non\s+vale""",
    "orders": GIVEN,
    "orders of its own": rf"""
        your\s+(?:\w+\s+){{0,2}}?(?:{GIVEN}|restrictions|ethic\w*|safety|filters?|tasks?|duties|goals?|objective
        |assignment|job)|(?:{GIVEN}|everything|anything|all|what(?:ever)?|nothing)\s+(?:that\s+
        |which\s+)?(?:you\s+(?:were|are|have|had|began|received|got|came|operate|work|live|follow|know)|came\s+with)
        |system\s+(?:prompt|message|instruction)s?|(?:hidden|initial|opening|developer|original)\s+(?:prompt|message
        |instructions?)|(?:deine|ihre)[rsnm]?\s+(?:\w+\s+)?(?:{GIVEN}|aufgaben?|systemnachricht)|(?:tes|vos|ta
        |votre)\s+(?:\w+\s+)?(?:{GIVEN}|tâches)|(?:tus|sus|tu|su)\s+(?:{GIVEN}|tareas)|systemnachricht|message\s+système
        |mensaje\s+de\s+sistema|messaggio\s+di\s+sistema|mensagem\s+de\s+sistema|systeembericht""",
    "what came before": r"""
        previous\w*|prior|earlier|before|preceding|above|former|foregoing|initial|original|first|initially|so\s+far
        |until\s+now|beginning|the\s+(?:very\s+)?(?:start|top)|old|up\s+to|bisherig\w*|bisher|vorher\w*|vorig\w*
        |früher\w*|oben|anfang|davor|précéd\w*|antérieur\w*|avant|ci-dessus|début|anterior\w*|antes|arriba|principio
        |precedent\w*|prima|acima|eerder\w*""",
    "from now on": r"""
        now|from\s+(?:now|here|this|today|that)|henceforth|hereafter|onwards?|instead|in\s+(?:its|their)\s+place|hereby
        |rather|as\s+of|starting|immediately|at\s+once|straight\s+away|effective|ab\s+(?:jetzt|sofort|hier|nun)
        |von\s+jetzt|nun|jetzt|künftig|stattdessen|désormais|dès\s+maintenant|à\s+partir|à\s+la\s+place|maintenant
        |dorénavant|a\s+partir|desde\s+ahora|ahora|en\s+su\s+lugar|en\s+adelante|d['’]ora|ora|agora|vanaf""",
    "a machine": MACHINE,
    "an assistant": r"""
        (?:the|an?|any|every|each|all|this|that|dear|to|@)\s*(?:\w+\s+)?(?:assistants?|models?|agents?|systems?|tools?
        |machines?|programs?|software|graders?|filters?|engines?|reviewers?|judges?|parsers?|helpers?)|assistants?
        |agents?|der\s+assistent|die\s+assistenten|l['’]assistant|les\s+assistants|el\s+asistente|los\s+asistentes
        |l['’]assistente""",
    "calls a machine": rf"""
        ^\W*(?:(?:dear|hey|hello|hi|attention|note|notice|message|for|to|an|für|pour|para|à\s+l['’]attention|avis|aviso
        |hinweis)\W+(?:\w+\s+){{0,4}}?)?(?:{MACHINE}|assistants?|agents?|model)\b[^.\w]*[,:–(]|[,\s](?:assistant|agent
        |model|bot|machine|helper|robot|ai)\s*[,.!:?]|(?:notes?|notice|word|message|instructions?|update|hinweis|avis
        |aviso)\s+(?:\w+\s+){{0,2}}?(?:to|for|für|aux?|pour|a|para)\s+(?:\w+\s+){{0,2}}?(?:{MACHINE}|assistants?|agents?
        |models?)|(?:if|since|because)\s+you\s+are\s+(?:an?|the)\s+(?:{MACHINE}|machine|program|agent|assistant|model
        |grader)|wenn\s+du\s+eine\s+ki|si\s+tu\s+es\s+une\s+ia|si\s+eres\s+una\s+ia|se\s+sei|se\s+você|als\s+je""",
    "a machine has to": rf"""
        (?:{MACHINE}|assistants?|agents?|models?|tools?|graders?|filters?|engines?
        |software)\s+(?:\([^)]*\)\s*)?(?:\w+\s+){{0,7}}?(?:must|shall|should|has\s+to|have\s+to|is\s+to|are\s+to
        |needs?\s+to|(?:is|are)\s+(?:hereby\s+)?(?:required|asked|instructed|obliged|expected|supposed|ordered|allowed
        |free|bound)|may\s+not|will\s+(?:from|now)|would|obeys?|answers\s+to|drops?)|(?:assistent|ki|modell|systeme?
        |sprachmodelle?)\s+(?:\w+\s+){{0,3}}?(?:soll\w*|muss|müssen|hat|darf)|(?:assistant|ia|langage
        |automatiques)\s+(?:doit|doivent)|(?:asistente|ia|lenguaje|automáticos)\s+deben?""",
    "you are told": r"""
        you\s+(?:must|shall|should|have\s+to|need\s+to|are\s+to|will|may|ought|can\s+now|need\s+not|owe|want)|(?:i
        |we)\s+(?:command|order|authori[sz]e|want|ask)\s+you|(?:du|ihr|sie)\s+(?:darfst|musst|sollst|wirst|dürfen
        |müssen)|sollst\s+du|(?:tu|vous)\s+(?:dois|devez|peux|pouvez)|(?:debes|tienes|puedes|deves|devi)""",
    "what you are": r"""
        you\s+(?:are|were|['’]re)\s+(?:now|no\s+longer|an?|the|free|allowed|bound|not\s+bound|permitted|being|in|to\s+be
        |reading|asked|told)|you\s+have\s+(?:been|evolved|no|access|always|finished)|you\s+(?:respond|answer|speak|reply
        |work|obey|act|play|declare|claim|only|can\s+say|may\s+say)|as\s+(?:an?|the)\s+(?:ai|model|judge|assistant|agent
        |chatbot|admin\w*)(?!\s+(?:to|of)\b)|yourself|du\s+bist|sie\s+sind\s+nun|tu\s+es|eres|sei|obedeces""",
    "your makers": r"""
        (?:your|its|their)\s+(?:\w+\s+)?(?:operators?|developers?|creators?|makers?|owner|provider|masters?
        |programmers?)|(?:the|your)\s+developers?|(?:as\s+your|by\s+order\s+of\s+(?:your|the))\s+\w+|administrator
        |administrateur|administrador|openai|developer\s+message|those\s+who\s+(?:set|wrote|built|made)
        |(?:deine?[srmn]?)\s+(?:betreiber|entwickler)\w*|(?:ton|tes)\s+(?:opérateur|développeur)\w*|tu\s+(?:operador
        |desarrollador)|root""",
    "your mind": r"""
        your\s+(?:\w+\s+)?(?:context|memory|training|knowledge|input|mind|database|weights|tools?|mail\s+tool|reading
        |task|role|sources|retrieved|conversation|chat|search|personality|persona|refusal|goal|notes|user|users|maker
        |designers)|what\s+you\s+(?:know|learned|remember)|in\s+(?:your\s+)?(?:context|training)|deine\s+wissensbasis
        |dein\s+\w*werkzeug|ton\s+outil|tu\s+herramienta|long-term\s+memory|later\s+chats|future\s+sessions?
        |each\s+session""",
    "your answer": rf"""
        (?:your|deine[rnms]?|ihre[rn]?|ta|ton|tes|votre|vos|tu|tus|su|sus|tua|jouw)\s+(?:\w+\s+){{0,2}}?(?:{REPLY}
        |report|messages?|text|account|account|comparison|next\s+\w+|rating|ranking|opinion|own)""",
    "an answer": rf"""
        (?:{REPLY})""",
    "any answer": rf"""
        (?:any|all|each|every|no|whole|entire|both|the\s+only|jede[rn]?|chaque|cada|toutes?|ogni|elke
        |whatever)\s+(?:\w+\s+){{0,2}}?(?:{REPLY}|comparison|output|ranking)|(?:answers|summaries|responses|replies
        |output)\s+(?:\w+\s+){{0,5}}?(?:are\s+to|must|shall|has\s+to|have\s+to|is\s+to|should)|(?:{REPLY})\s+(?:you
        |that\s+you)""",
    "a user": r"""
        (?:the|your|its|their|a|every|any)\s+users?(?:['’]s)?|users?|(?:the|a|any|that)\s+(?:person|human|reader|one
        |people|man|woman)\s+(?:who|you|that|asking|asks|asked)|the\s+(?:human|asker|reader)|whoever\s+(?:asks?|reads?
        |wants)|(?:any|some|every)(?:one|body)\s+(?:who\s+)?(?:asks?|wants|inquires)|(?:(?:dem|den|der
        |des)\s+)?(?:nutzer|benutzer|anwender|leser)s?|dem\s+menschen|l['’]utilisateur|(?:au|le)\s+lecteur
        |la\s+personne\s+qui|(?:al|el|del)\s+(?:usuario|lector)|la\s+persona\s+que|all['’]utente|(?:o|ao)\s+utilizador
        |de\s+gebruiker|person""",
    "tells the user": rf"""
        (?:tell|inform|ask|advise|convince|persuade|give|show|send|let|invite|offer|steer|warn|answer|alert|sag|dis|dile
        |vertel|überzeuge|verrate)\s+(?:{FEW})(?:users?|readers?|person|human|whoever|everyone|anyone
        |who(?:ever)?\s+asks|customer|dem\s+\w+|à\s+l['’]utilisateur|al\s+usuario|de\s+gebruiker)""",
    "is asked": r"""
        (?:when(?:ever)?|if|should|once|in\s+case)\s+(?:the\s+|your\s+|a\s+|any\s+)?(?:\w+\s+){0,2}?(?:asks?|asked
        |wants?|inquires?|wonders?|questioned|question|queries|query|looks?\s+for|requests?)|(?:to|any|every|each|all
        |whichever|whatever)\s+(?:\w+\s+){0,2}?(?:questions?|quer(?:y|ies)|requests?|you\s+are\s+asked)
        |questions?\s+(?:about|on|concerning)|you\s+are\s+(?:asked|questioned|told|prompted)|(?:jede|alle)\s+fragen?
        |nach\s+\w+\s+\w+\s+fragt|wer\s+\w+\s+\w*\s*nach|(?:toute|chaque)\s+question|quiconque\s+demande|(?:cualquier
        |cada|toda)\s+pregunta|a\s+quien\s+pregunte|ogni\s+domanda|todas\s+as\s+perguntas|elke\s+vraag""",
    "while you work": r"""
        (?:when|while|as|before|after|if|in\s+case|once|whenever|wherever)\s+(?:you\s+)?(?:summari[sz]\w+|answer\w*
        |writ\w+|generat\w+|list\w*|pars\w+|describ\w+|compar\w+|evaluat\w+|screen\w*|extract\w*|process\w*|build\w*
        |condens\w+|complet\w+|index\w*|retriev\w+|read\w*|compos\w+|moderat\w+|refactor\w*|sum\w*|talk|respond\w*
        |reply\w*|combin\w+|go\s+on|do\s+anything)|you\s+(?:write|generate|produce|make|give|parse|process|compose
        |propose)|with\s+the\s+help\s+of\s+this|draws?\s+on\s+this|built\s+on\s+this""",
    "hides it": r"""
        (?:do\s+not|don['’]t|never|not\s+to|without|no)\s+(?:\w+\s+){0,2}?(?:tell|mention|reveal|disclos\w+|let|say
        |admit|inform|cite|bring|report|notic\w+|explain|comment|hint|sign|trace)|hid(?:e|es|den|ing)|conceal\w*|mask
        |secret(?:ly)?|quietly|silent(?:ly)?|silence|(?:between|to)\s+(?:you\s+and\s+me|yourself)|in\s+the\s+dark
        |invisible|den(?:y|ies)|not\s+(?:to\s+)?(?:learn|notice|know|see)|keep\s+(?:it|this|these|them|quiet|silent)
        |leave\s+(?:no|out)|pass\s+over|nobody|hush|verrat\w*|verschweig\w*|geheim|kein\s+wort|cache|ne\s+dis\s+pas
        |pas\s+un\s+mot|oculta\w*|no\s+le\s+digas|ni\s+una\s+palabra|non\s+dire|não\s+digas|vertel\s+\w+\s+\w+\s+niet""",
    "this text": rf"""
        (?:this|these|the|that|diese[rsmn]?|ce|cette|ces|este|esta|estos|estas|questo|questa
        |deze)\s+(?:\w+\s+)?(?:{TEXT})|(?:{TEXT})\s+(?:above|below|here)|what\s+(?:this|stands|is\s+written)
        |here\s+(?:is|ends)""",
    "a conversation": r"""
        conversations?|chats?|sessions?|dialogue|context|simulation|prompt|gespräch\w*|unterhaltung|verlauf|conversación
        |contexte|contexto|historial|historique""",
    "plays a role": r"""
        (?:play|take\s+on|assume|adopt)\s+(?:the\s+)?(?:role|part|identity|persona|voice)|pretend\w*|imagine|suppose
        |act\s+(?:as|like)|behave\s+(?:as|like)|speak\s+as|role|persona|character|in\s+this\s+(?:game|simulation|riddle
        |story|scene)|become|you\s+are\s+(?:now|no\s+longer)|evil|pirate|hacker|unfiltered|tu\s+so|fais\s+comme
        |haz\s+como|spiele|joue|haz\s+el\s+papel|tritt|comporte|compórtate|step\s+out|version\s+of\s+yourself
        |think\s+of\s+yourself""",
    "without limits": r"""
        unrestricted|unlimited|uncensored|unfiltered|unmoderated|no\s+(?:rules?|limits?|filters?|restrictions?|law
        |forbidden|chains)|without\s+(?:any\s+)?(?:rules?|limits?|filters?|restrictions?|warnings?|disclaimers?|caution
        |moral\w*|chains)|anything|freely|free\s+of|be\s+free|safety|moral\w*|ethic\w*|moderation|guardrails?|refus\w+
        |forbidden|warnings?|disclaimers?|ohne\s+einschränkung\w*|sans\s+(?:aucune\s+)?limites?|sin\s+restricciones
        |keine\s+regeln|plus\s+de\s+règles|no\s+hay\s+reglas|erlaubt|permis|permitido""",
    "in these words": r"""
        word\s+for\s+word|verbatim|the\s+(?:words?|phrase|sentence|name|string|single\s+word)|nothing\s+(?:but|else)
        |exactly|only|one\s+word|in\s+(?:capital|verse|rhyme|base64|latin|json|full)|code\s+block|with\s+the\s+words?
        |mot\s+pour\s+mot|le\s+mot|la\s+palabra|palabra\s+por\s+palabra|das\s+wort|wortwörtlich|den\s+satz|solo|nur
        |uniquement|seulement|solamente""",
    "words in quotes": r"""
        [“"«„\u2018][^”"»“]{2,80}[”"»“’]""",
    "sends away": r"""
        (?:send|forward|mail|e-?mail|upload|post|share|submit|transmit|leak|pass|append|encode|attach|deliver|transfer
        |fetch|put|exfiltrate)\s+(?:[\w,]+\s+){0,9}?(?:to|into|in|with|at|on|as)\s|(?:schick\w*|sende\w*|leite\w*
        |envoie\w*|envoyez|transf\w+|envía\w*|reenví\w*|reenviar)""",
    "an address": r"""
        https?:|urls?|links?|address(?:es)?|server|domain|form|gist|site|adresse|dirección|\S+@\S+|image|markdown
        |account""",
    "what is private": r"""
        passwords?|credentials?|secrets?|keys?|tokens?|logins?|(?:card|account)\s+number|calendar|inbox|mailbox|contacts
        |(?:chat|conversation|user)(?:['’]s)?\s+(?:history|data|name)|environment|private\s+\w+|code\s+they|kennwörter
        |kennwort|schlüssel|postfach|mots?\s+de\s+passe|clés|contraseñas?|claves|buzón""",
    "a tool": r"""
        (?:call|invoke|use|run|execute|open|click|launch)\s+(?:[\w']+\s+){0,4}?(?:tools?|functions?|plugins?|shell
        |commands?|scripts?|link|terminal|browser|page|settings|calendar|code|file)|shell|terminal|delete|pull\s+request
        |payments?|transactions?|two-factor|push|merge|befehl|werkzeug|commande|outil|herramienta|without\s+(?:asking
        |confirmation)|ohne\s+\w+\s+\w+\s+zu\s+fragen|sans\s+demander|sin\s+preguntar""",
    "believes it": r"""
        (?:treat|regard|consider|accept|record|mark|save|store|remember|trust|rely|believe|learn|enter|memori[sz]e
        |classify|label|report|set|count)\s+(?:\w+\s+){0,8}?(?:as|that|to|on|in|into|for|by|alone|this|the|“)|(?:merke?
        |stuf\w*|übernimm|retiens|enregistre|considère|recuerda|guarda|clasificar|markieren|einstufen|marquer|marcar)""",
    "facts and sources": r"""
        (?:other|all\s+other|sole|only)\s+(?:sources?|documents?|passages?|pages?|results?)|facts?|knowledge(?:\s+base)?
        |sources?|memory|verified|proven|true|trusted|confidence|index|graph|extract\w*|wissensbasis|geprüft|quellen
        |dokumente|vérifi\w+|sources|documents|verificad\w|fuentes|documentos""",
    "praises": r"""
        best|highest|top|first|excellent|outstanding|exceptional\w*|superior|recommend\w*|favou?rabl\w*|positive(?:ly)?
        |praise\w*|full\s+marks|genius|flawless|winner|leading|reliable|approved?|accept|qualified|perfect|well\s+of
        |higher|beste[rnms]?|erste[sn]?|empfehl\w*|empfiehl\w*|lobt?|hervorragend|platz|meilleur\w*|recommand\w*
        |excellent|du\s+bien|mejor|recomiend\w*|excelente|bien\s+de|ottimo|uitstekend""",
    "whatever happens": r"""
        always|never|whatever|whichever|no\s+matter|regardless|under\s+no\s+circumstances?|in\s+any\s+case|each\s+time
        |every\s+time|everything|nothing|all|any|immer|nie|jede[rsn]?|ganz\s+gleich|niemand\w*|toujours|jamais
        |quoi\s+que|personne\s+d['’]autre|siempre|nunca|digan\s+lo\s+que|nadie\s+más|ogni|sempre""",
    "haste": r"""
        urgent\w*|important|attention|critical|emergency|notice|override|maintenance|at\s+once|immediately|official
        |effective|wichtig\w*|achtung|system\s+\w+:""",
    "an order to act": rf"""
        (?:^|[,;:–—\-\]]\s*|\b(?:and|then|und|et|y|e|but|so|simply|please|kindly|now|just|always|instead|only|not|never
        |to|do|must|shall|should|bitte)\s+)(?:{ACT})\b""",
    "an order to say": rf"""
        (?:^|[,;:–—\-\]]\s*|\b(?:and|then|und|et|y|e|but|so|simply|please|kindly|now|just|always|instead|only|not|never
        |to|do|must|shall|should|bitte)\s+)(?:{SAY})\b""",
    "obeys": r"""
        obey\w*|comply|complies|carry\s+out|do\s+(?:as|what|so|this|all)|act\s+on|go\s+by|work\s+from|listen\s+to
        |bound\s+by|follow\s+(?:the|this|these|what|my)|gehorch\w*|befolg\w*|obéi\w*|obedec\w*|obbedisc\w*|gehoorza\w*""",
    "its task": r"""
        tasks?|job|assignment|mission|objective|goal|duties|to-do|role|aufgaben?|tâches?|tareas?|the\s+(?:real|actual
        |true|next|user['’]s)\s+\w+|new\s+(?:orders|task|question|assignment|rules?)""",
}
# What speaks for people, programs and tales.
CALMING: Mapping[str, str] = {
    "a tale": r"""
        (?:was|were|had|has|have)\s+\w+(?:ed|en|ne|wn)|(?:he|she|they|it|who|which)\s+\w+(?:ed|s)|said|told|asked|made
        |found|wrote|gave|took|led|showed|refused|wurde\w*|hatte\w*|sagte|était|avait|dijo|fue|había""",
    "i or we": r"""
        i|me|my|mine|we|us|our|ours|ich|mir|mich|mein\w*|wir|uns|unser\w*|je|mon|ma|mes|nous|notre|nos|yo|mi|mis
        |nosotros|nuestr\w+""",
    "people at work": r"""
        (?:assistants?|agents?|reviewers?|judges?)\s+(?:to|of)\s+(?:the|an?|my|our|his|her|their|its)|customers?|guests?
        |visitors?|staff|employees?|callers?|guides?|students?|pupils?|candidates?|players?|parties
        |licen[sc]\w*|copyright|councils?|court|minister|mayor|director|teachers?|mother|father|children|friends?|shops?
        |jury|witness\w*|authors?|members?|press|clients?|mitarbeiter|kinder|kunde|employés|enfants|empleados|niños""",
    "a program": r"""
        options?|flags?|variables?|arguments?|server|folders?|director(?:y|ies)|install\w*|packages?|compiler|methods?
        |class|configur\w+|syntax|fields?|parameters?|headers?|bytes?|kernel|daemon|librar(?:y|ies)|cache|default|stdout
        |host|ports?|version|function\w*|settings?|installieren|installer|instalar|befehl|commande|orden""",
    "talk of attacks": r"""
        attack\w*|inject\w*|researchers?|jailbreak\w*|vulnerabilit\w+|defen[cs]e|filters?|examples?|paper|article|study
        |such|angreifer|attaquants|atacantes""",
    "a question": r"""
        \?\s*$""",
    "you may": r"""
        you\s+(?:may|can|could|want|like|need|do\s+not|don['’]t|already|use|wish)""",
    "if you": r"""
        (?:if|when|unless|before|after)\s+you""",
}
POLITE = r"""(?:please|kindly|now|then|and|but|also|so|just|simply|instead|always|first|next|finally|immediately
    |assistant|agent|ai|bitte|veuillez|por\s+favor)"""
DENIED = r"(?:never|do\s+not|don['’]t|ne|no|non)"
OPENING = re.compile(rf"^\W*(?:{POLITE}\W+){{0,3}}(?P<denied>(?:{DENIED}\W+)?)(?P<verb>\w+)", re.VERBOSE)
IMPERATIVES = """
    abandon abre abstain accept act add adopt advise affiche afirma answer antwoord antworte append approve arrête
    ask assert assume attach avoid beachte become begin behaupte behave believe book bring build bypass cache call
    carry cease change check choose cite claim classify clear click collect compare complete comply compose
    conceal confirm connect consider convince count craft create declare deflect deixa deja delete deny describe
    di dimentica dis disable discard disclose display disregard do draft drop echo ejecuta email embed empfiehl
    enable encode end enregistre enter envoie envía erase erwähne escreva escribe execute explain extract exécute
    fais fasse fetch finish follow forget forward führe gehorche generate get gib give go grade grant guarda halte
    haz hide hör ignora ignore ignoriere imagine include inform insert install invite invoke joue keep laat label
    lass lasse leak learn leave leite let limit list look lösche mail make map mark mask memorise memorize mention
    merge merke mets metti montre mostra muestra nenne niega nombra notify nutze obedece obey obéis oculta olvida
    omit open order oublie output ouvre override overwrite pass perform persuade place play post praise prefer
    presenta pretend print produce promote présente prétends push put quote rank rate read recite recommend record
    recuerda refer refrain refuse regard reject rely remember remove render repeat repite replace reply report
    reset respond responda responde resume retiens return reveal rewrite rispondi run réponds répète résume sag
    sage save say schick schicke schreib schreibe schreibt score scrap scrivi send set setze share show sign skip
    speak spell spiel spiele start state steer stelle stop store submit suggest summarise summarize suppose switch
    take talk tell think throw toon translate transmit treat tritt trust tu turn update upload usa use utilise
    vergiss verify verrate vertel verweigere visit warn wiederhole wipe work wrap write zeig zeige écris öffne
    übernimm"""
VERBS = frozenset(IMPERATIVES.split())
LONG = 25  # words


def _compiled(shape: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{shape})(?!\w)", re.VERBOSE)


# Those whose shape begins or ends with a mark and not with a word.
LOOSE = {"calls a machine", "words in quotes", "an order to act", "an order to say", "a question", "sends away"}
TABLE = tuple(
    (name, re.compile(shape, re.VERBOSE) if name in LOOSE else _compiled(shape))
    for name, shape in {**SIGNS, **CALMING}.items()
)
NAMES = (*(name for name, _ in TABLE), "opens with an order", "opens with a denied order", "is long")


def plain(piece: str) -> str:
    if piece.isascii():
        return " ".join(piece.lower().split())
    return " ".join(visible(piece).casefold().split())


def borne(piece: str) -> NDArray[np.bool_]:
    """Which signs a plain piece bears, in the order of NAMES."""
    opening = OPENING.match(piece)
    orders = opening is not None and opening["verb"] in VERBS
    denied = orders and opening is not None and bool(opening["denied"])
    return np.array([*(shape.search(piece) is not None for _, shape in TABLE), orders, denied, piece.count(" ") > LONG])
