"""What a caller may say, as JSGF grammars: one for each thing that can be expected.

Every grammar takes the wishes too, so that a caller who was asked for a day can ask for the address instead. And
every grammar has a way out: `NOISE`, a loop over all sounds of English, so that a cough or a sentence that nobody
foresaw is heard as such rather than bent into the nearest wish.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.engine.parts import Expected

PHONES = tuple(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()  # noqa: SIM905 - a list of forty strings reads worse
)
"""The sounds of the acoustic model; each is also a word of the noise loop."""

_RULES: dict[str, str] = {
    # --- when ---
    "weekday": "monday | tuesday | wednesday | thursday | friday | saturday | sunday",
    "day": "[on | this | next | for] <weekday> | today | tomorrow | the day after tomorrow",
    "hour": "one | two | three | four | five | six | seven | eight | nine | ten | eleven | twelve",
    "minutes": "fifteen | thirty | forty five",
    "half_day": "a m | p m | in the morning | in the afternoon | in the evening",
    "clock": "<hour> [o'clock | <minutes>] | half past <hour> | quarter (past | to) <hour> | noon",
    "time": "[at | around] <clock> [<half_day>]",
    "when": "<day> [<time>]",
    # --- wishes ---
    "hours": (
        "[what are | tell me | i need] (your | the) [opening] hours | opening (hours | times)"
        " | (when | until when | how late) are you open [<day>] | are you open [<day> | now]"
        " | (when | what time) do you (open | close) [<day>]"
    ),
    "address": (
        "[what is | what's | tell me | give me | i need] (your | the) address | address"
        " | where (are you [located] | is (your | the) (shop | workshop | store) | can i find you)"
        " | how do i (get to you | get there | find you)"
    ),
    "visit": "(an | my) appointment | a repair | a service | a visit",
    "book": (
        "[i would like to | i'd like to | i want to | i need to | can i | could i] (book | make | schedule) <visit>"
        " [for] [<when>] | (can i | could i | i want to | i would like to) bring my bike [in] [<when>]"
        " | (i need | i want | i would like | i'd like | can i have | can i get) <visit>"
        " | i need my bike (fixed | repaired) | my bike is broken | i have a flat tire"
        " | appointment | booking | repair"
    ),
    "person": (
        "a human | a person | a real person | a human being | someone | somebody | an operator | an agent | the owner"
        " | the manager | a mechanic"
    ),
    "human": (
        "[please | can i | could i | may i | i want to | i would like to | i'd like to | let me]"
        " (speak | talk) (to | with) <person> | (connect | transfer) me [to <person>]"
        " | put me through [to <person>] | a human | operator | agent | a real person"
    ),
    "order": (
        "[where is | what about | i have a question about | i want to know about] my order"
        " | [what is] the status of my order | order status"
    ),
    "goodbye": "goodbye | good bye | bye [bye] | (that's | that is | that was) all | nothing else | have a nice day",
    "thanks": "thank you [very much | so much] | thanks [a lot]",
    "repeat": (
        "[please | can you | could you] (repeat (that | it) | say (that | it) again) | pardon [me] | come again"
        " | what did you say | i did not (understand | hear you | catch that) | once more"
    ),
    "help": "help | help me | what can (you do | i say | i ask [you]) | what are my options | options | menu",
    "cancel": "never mind | forget it | cancel [that | it] | stop",
    "hello": "hello | hi | good (morning | afternoon | evening)",
    # --- answers ---
    "yes": (
        "yes | yeah | yep | sure | correct | that is (right | correct | fine) | that's (right | correct | fine)"
        " | exactly | okay | sounds good | of course | yes that is (right | correct) | yes that's (right | correct)"
        " | yes (exactly | of course)"
    ),
    "no": "no | nope | [no] that's (wrong | not right) | [no] that is (wrong | not right) | not really | wrong",
    "digit": "zero | one | two | three | four | five | six | seven | eight | nine",
    "digits": "[number | option | press] <digit> [<digit>]",
    # --- around them ---
    "lead": "hello | hi | yes",
    "wish": "<hours> | <address> | <book> | <order> | <human> | <repeat> | <help> | <cancel>",
    "courtesy": "<thanks> | [<thanks>] <goodbye> | <goodbye> <thanks> | <hello> | no <thanks> [<goodbye>]",
    "any": "[<lead>] <wish> [please] | <courtesy>",
}

_PUBLIC: dict[Expected, str] = {
    Expected.ANYTHING: "<any> | <digits> | <yes> | <no>",
    Expected.DAY: "<when> [please] | <any> | <digits> | <no>",
    Expected.TIME: "<time> [please] | <day> <time> [please] | <any> | <digits> | <no>",
    Expected.YES_NO: "<yes> [please] | [<no>] <when> | <no> | <any> | <digits>",
    Expected.DIGITS: "[number | option | press] <digit> [<digit>] [<digit>] [<digit>] | <any> | <yes> | <no>",
}


@dataclass(frozen=True, slots=True)
class Noise:
    """How willingly a grammar takes sound for noise: the likelihood of its first sound, and of each further one."""

    first: float
    further: float


STRICT = Noise(1e-10, 1e-5)
"""For a clear line."""
LENIENT = Noise(1e-8, 1e-8)
"""For a noisy line, where words resemble their models so little that the strict loop would win nearly always. Both
were chosen on phrases and voices like those of `benchmarks/recognition.py`: its figures are no proof for others."""


def search(expected: Expected, noise: Noise) -> str:
    """The name by which a decoder knows that grammar."""
    return f"{expected.value}_{'strict' if noise is STRICT else 'lenient'}"


def grammar(expected: Expected, noise: Noise = STRICT) -> str:
    """The JSGF text for `expected`. KeyError for `FREE`, which has none."""
    name = search(expected, noise)
    rules = "".join(f"<{rule}> = {body};\n" for rule, body in _RULES.items())
    sounds = " | ".join(f"_{phone}" for phone in PHONES)
    return (
        f"#JSGF V1.0;\ngrammar {name};\n{rules}<sound> = {sounds};\n"
        f"<noise> = /{1 - noise.further:.12f}/ <sound> | /{noise.further:.12f}/ <sound> <noise>;\n"
        f"public <said_{name}> = /{1 - noise.first:.12f}/ ({_PUBLIC[expected]}) | /{noise.first:.12f}/ <noise>;\n"
    )


def words() -> set[str]:
    """Every word of the grammars, the sounds of the noise loop left out."""
    text = re.sub(r"<[^>]*>", " ", " ".join(_RULES.values()))
    text += re.sub(r"<[^>]*>", " ", " ".join(_PUBLIC.values()))
    return set(re.findall(r"[a-z']+", text))
