"""Removing what looks like a secret from a text. It rather removes too much: the text is for people who look for a fault.

Written here because what exists is made for another purpose: scanners (detect-secrets, gitleaks) report lines of files for a person
to judge, by settings of the whole process, and leave the value in the text; log filters know the names of keys only.
"""

import re
from typing import Any

REMOVED = "[removed]"
LONGEST_SENTENCE = 8_000  # characters

_BASE64 = r"[A-Za-z0-9+/_-]"
# The end of a name that says what its value is: DB_PASSWORD, x-api-key, AccountKey, SharedAccessSignature. What stands before it
# stays as it is, and to look for it would cost the more, the longer the words of a text are. Codes of errors are no such names.
_NAME = (
    r"(?:(?:secret|(?<!invalidauthentication)token(?!iz)|passw(?:or)?d|passphrase|passcode|pwd|credential|signature"
    r"|connection[_-]?str(?:ing)?|conn[_-]?str"
    r"|(?:api|account|access|shared|private|encryption|signing|primary|secondary|subscription|master|storage|function|hub|sas"
    r"|instrumentation|license|session|openai)[_-]?key"
    r")(?!\w{0,20}(?:error|exception)(?![\w-]))[\w-]{0,20}"
    r"|(?:(?<![a-z])|(?<=%[0-9a-f][0-9a-f]))(?:key[12]?|auth|sas|sig|jwt|pass|pw|creds?|bearer)(?![a-z0-9]))"
)
_QUOTE = r"(?:\\*[\"']|&quot;|&#3[49];|%2[27]|\\u002[27])"  # also in JSON inside of JSON, in HTML and in URLs
_IS = r"[ \t]*(?:=>|->|:=|[=!]?=|:|%3[ad])[ \t]*"
# A text may come through here twice: what was taken out already goes as it is, with the full stop behind it.
_VALUE = r"(?:\\+\"[^\"\n]*\"?|\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|(?!\[removed\][.,;:)]*(?:\s|\Z))\S+)"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A key in PEM, also one whose end or beginning is not in the text.
    (
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", re.DOTALL | re.IGNORECASE
        ),
        REMOVED,
    ),
    (
        re.compile(
            rf"(?:^[ \t]*{_BASE64}{{16,}}={{0,2}}[ \t]*\n){{0,200}}-----END [A-Z0-9 ]{{1,40}}-----", re.MULTILINE
        ),
        REMOVED,
    ),
    # Whatever begins with `eyJ` is base64 of JSON: JWTs, also cut off.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*"), REMOVED),
    (re.compile(r"(?i)\b(bearer|basic|sharedaccesssignature)[ \t]+[A-Za-z0-9._~+/=&%-]{6,}"), rf"\1 {REMOVED}"),
    # scheme://user:password@host, the password with any characters.
    (re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{1,20}://)[^\s/@]{0,200}:[^\s]{0,200}@(?=[\w\[.-])"), rf"\1{REMOVED}@"),
    (re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]{1,20}://)[^\s/@:]{12,200}@(?=[\w\[.-])"), rf"\1{REMOVED}@"),
    # Addresses that are secrets themselves.
    (re.compile(r"(?i)(hooks\.slack\.com/|\.webhook\.office\.com/|discord\.com/api/webhooks/)\S+"), rf"\1{REMOVED}"),
    # Headers: the rest of the line.
    (re.compile(rf"(?i)\b((?:set-)?cookie|(?:proxy-)?authorization)((?:{_QUOTE})?{_IS})[^\n]+"), rf"\1\2{REMOVED}"),
    # The name is itself a value: {"name": "DB_PASSWORD", "value": "..."}.
    (
        re.compile(
            rf"(?i)(\bname{_QUOTE}?{_IS}{_QUOTE}?[\w.-]{{0,60}}?{_NAME}{_QUOTE}?[\s,]{{1,40}}{_QUOTE}?value{_QUOTE}?{_IS}){_VALUE}"
        ),
        rf"\1{REMOVED}",
    ),
    # Values over several lines, or in the next one, and lists of them.
    (
        re.compile(rf"(?i)({_NAME}{_QUOTE}?{_IS}[bruf]{{0,2}})(\"{{3}}|'{{3}}).{{0,4000}}?\2", re.DOTALL),
        rf"\1{REMOVED}",
    ),
    (re.compile(rf"(?i)({_NAME}{_QUOTE}?[ \t]*[=:][ \t]*(?:[|>][-+]?)?[ \t]*\n[ \t]+)\S+"), rf"\1{REMOVED}"),
    (re.compile(rf"(?i)({_NAME}{_QUOTE}?{_IS})(?:\[[^\]\n]{{0,2000}}\]|\{{[^}}\n]{{0,2000}}\}})"), rf"\1{REMOVED}"),
    # ("password", "..."), ["--token", "..."]
    (re.compile(rf"(?i)({_NAME}{_QUOTE}[ \t]*,[ \t]*)(?=[bruf]?\\*[\"']){_VALUE}"), rf"\1{REMOVED}"),
    (re.compile(rf"(?i)(<{_NAME}>)[^<\n]+"), rf"\1{REMOVED}"),
    (re.compile(rf"(?i)({_NAME}{_QUOTE}?{_IS}){_VALUE}"), rf"\1{REMOVED}"),
    (re.compile(r"(?i)(\b(?:password|passphrase)[ \t]+(?:is[ \t]+)?)(?=\S{0,200}\d)\S{8,}"), rf"\1{REMOVED}"),
    (re.compile(r"((?:^|\s)(?:-u|--user)[ \t=]+[^\s:]{1,100}:)\S+"), rf"\1{REMOVED}"),
    # `--password VALUE`, `-p VALUE` is not told apart from anything.
    (re.compile(rf"(?i)((?<!-)--[\w.-]{{0,60}}?{_NAME}[ \t]+){_VALUE}"), rf"\1{REMOVED}"),
    # Tokens that say what they are.
    (
        re.compile(
            r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}|sk-[\w-]{16,}"
            r"|hf_[A-Za-z0-9]{16,}|pypi-[\w-]{16,}|npm_[A-Za-z0-9]{16,}|(?:AKIA|ASIA)[A-Z0-9]{12,}|AIza[\w-]{20,}|dapi[a-f0-9]{20,}"
            r"|mlr_\w{8,}|[sr]k_(?:live|test)_\w{8,}|SG\.[\w-]{8,}\.[\w-]{8,}|ya29\.[\w-]{16,}|whsec_[\w+/=]{8,}|[\w.~-]{3}\dQ~[\w.~-]{20,})"
        ),
        REMOVED,
    ),
    # Long and without a name: keys of Azure in base64 (88 or 44 characters), in hexadecimal (32 and more). A digest says that it is one.
    (re.compile(r"(?<![\w:+/-])[0-9a-fA-F]{32,}(?![\w-])"), REMOVED),
    (
        re.compile(
            r"(?<![\w+/.-])(?<!sha256:)(?=[\w+/]*[a-z])(?=[\w+/]*[A-Z])(?=[\w+/]*[0-9])[A-Za-z0-9+/]{40,}={0,2}(?![\w/])"
        ),
        REMOVED,
    ),
)


def redact(text: str) -> str:
    """The text without what looks like a secret; ``[removed]`` says where it was."""
    for looks_like, replacement in _RULES:
        text = looks_like.sub(replacement, text)
    return text


def sentence_of(text: str) -> str:
    """What Azure, its SDK or a team's code said, fit to be a sentence of ours: events and webhooks keep it for ever."""
    return redact(text[:LONGEST_SENTENCE])


def redact_all(value: Any) -> Any:
    """JSON, each of its texts redacted."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {key: redact_all(each) for key, each in value.items()}
        case list() | tuple():
            return [redact_all(each) for each in value]
    return value
