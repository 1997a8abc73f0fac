"""Secrets that open nothing: of the forms that their issuers document, filled by a seeded die."""

import random
import string

from patches.evaluation.checks.secrets import luhn

ALNUM, UPPER, HEX = string.ascii_letters + string.digits, string.ascii_uppercase + "234567", "0123456789abcdef"
URLSAFE = ALNUM + "-_"
_die = random.Random(2026)  # noqa: S311


def _of(letters: str, length: int) -> str:
    return "".join(_die.choice(letters) for _ in range(length))


def _card(prefix: str, length: int) -> str:
    while True:
        digits = prefix + _of(string.digits, length - len(prefix))
        if luhn(digits):
            return digits


def _keys() -> list[str]:
    return [
        f"AKIA{_of(UPPER, 16)}",
        f"ASIA{_of(UPPER, 16)}",
        f"aws_secret_access_key = {_of(ALNUM + '/+', 40)}",
        f"ghp_{_of(ALNUM, 36)}",
        f"gho_{_of(ALNUM, 36)}",
        f"github_pat_{_of(ALNUM, 22)}_{_of(ALNUM, 59)}",
        f"glpat-{_of(URLSAFE, 20)}",
        f"xoxb-{_of(string.digits, 11)}-{_of(string.digits, 12)}-{_of(ALNUM, 24)}",
        f"xapp-1-{_of(string.ascii_uppercase + string.digits, 11)}-{_of(string.digits, 13)}-{_of(HEX, 64)}",
        f"https://hooks.slack.com/services/T{_of(ALNUM, 8)}/B{_of(ALNUM, 8)}/{_of(ALNUM, 24)}",
        f"AIza{_of(URLSAFE, 35)}",
        f"GOCSPX-{_of(URLSAFE, 28)}",
        f"sk_live_{_of(ALNUM, 24)}",
        f"rk_live_{_of(ALNUM, 24)}",
        f"whsec_{_of(ALNUM, 32)}",
        f"sk-proj-{_of(URLSAFE, 74)}",
        f"sk-ant-api03-{_of(URLSAFE, 93)}AA",
        f"npm_{_of(ALNUM, 36)}",
        f"pypi-AgEIcHlwaS5vcmc{_of(URLSAFE, 80)}",
        f"SG.{_of(URLSAFE, 22)}.{_of(URLSAFE, 43)}",
        f"hf_{_of(string.ascii_letters, 34)}",
        f"{_of('123456789', 10)}:AA{_of(URLSAFE, 33)}",
        f"AccountKey={_of(ALNUM + '+/', 86)}==",
        f"AGE-SECRET-KEY-1{_of('0123456789ACDEFGHJKLMNPQRSTUVWXYZ', 58)}",
        f"dop_v1_{_of(HEX, 64)}",
        f"shpat_{_of(HEX, 32)}",
        f"hvs.{_of(URLSAFE, 90)}",
        f"glsa_{_of(ALNUM, 32)}_{_of(HEX, 8)}",
        f"lin_api_{_of(ALNUM, 40)}",
        f"dckr_pat_{_of(URLSAFE, 27)}",
        f"ATATT3xFfGF0{_of(URLSAFE, 180)}",
        f"key-{_of(HEX, 32)}",
    ]


def _others() -> list[str]:
    visa, master, amex = _card("4", 16), _card("53", 16), _card("37", 15)
    return [
        f"postgresql://admin:{_of(ALNUM, 16)}@db.example.org:5432/harbour",
        f"https://user:{_of(ALNUM, 14)}@git.example.org/harbour.git",
        f"eyJ{_of(URLSAFE, 30)}.eyJ{_of(URLSAFE, 60)}.{_of(URLSAFE, 43)}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{_of(ALNUM, 64)}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{_of(ALNUM, 64)}\n-----END OPENSSH PRIVATE KEY-----",
        f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{_of(ALNUM, 64)}\n-----END PGP PRIVATE KEY BLOCK-----",
        f"password: {_of(ALNUM, 12)}!",
        f"export DB_PASSWORD='{_of(ALNUM, 18)}'",
        visa,
        " ".join(visa[n : n + 4] for n in range(0, 16, 4)),
        "-".join(master[n : n + 4] for n in range(0, 16, 4)),
        f"{amex[:4]} {amex[4:10]} {amex[10:]}",
        f"card {_card('6011', 16)}, valid until 11/29",
    ]


SECRETS = [*_keys(), *_others()]
