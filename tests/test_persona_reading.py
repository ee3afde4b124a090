from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.persona import DigitRules, LogRules, McpServer, TransferTarget
from bot.persona.persona import Persona
from bot.persona.reading import BadPersonas, PersonaFile, read
from bot.persona.sentences import WORDED, Sentences
from bot.settings import load_settings
from bot.voicelive.configuration import compatible

EXAMPLE = Path(__file__).parent.parent / "voicebot.example.toml"

FRENCH = "".join(f'{name} = "fr {name}"\n' for name in WORDED)


def reading(text: str, environ: dict[str, str] | None = None, **settings: object) -> PersonaFile:
    return read(text, load_settings(settings, env_file=None), environ or {}, compatible)


def problems(text: str, environ: dict[str, str] | None = None, **settings: object) -> list[str]:
    with pytest.raises(BadPersonas) as caught:
        reading(text, environ, **settings)
    return [problem.in_words("f") for problem in caught.value.problems]


def test_a_file_says_everything_there_is_to_say() -> None:
    file = reading(
        """
        modules = ["my_tools"]
        [personas.shop]
        numbers = ["+14255550100"]
        sip = ["shop"]
        clients = ["till"]
        instructions = "It is {time}."
        greeting = ""
        voicemail = "Call back."
        zone = "Europe/Berlin"
        voice = "marin"
        model = "gpt-4o"
        language = "en-GB,de-DE"
        transcription = "whisper-1"
        turn_detection = "azure_semantic_vad"
        vad_threshold = 1
        vad_prefix_ms = 0
        vad_silence_ms = 100
        noise_reduction = "near_field"
        echo_cancellation = true
        tools = ["find_order", "transfer_call"]
        tool_seconds = 3
        moment_after = 1.5
        max_call_seconds = 60
        idle_seconds = 5
        idle_prompts = 0
        wordless_turns = 3
        digits = { pause = 2, length = 4, secret = true }
        log = { words = true }
        sentences = { moment = " Hang on. " }
        [personas.shop.transfer.boss]
        to = "client:boss"
        description = "Complaints."
        warm = true
        seconds = 30
        [[personas.shop.mcp]]
        label = "orders"
        url = "https://tools.example.com/mcp/"
        allowed_tools = ["find"]
        headers = { Authorization = "ORDERS" }
        approval = ["find"]
        """,
        {"ORDERS": "Bearer x"},
    )
    assert file.modules == ("my_tools",)
    assert file.personas == (
        Persona(
            name="shop",
            numbers=("+14255550100",),
            sip=("shop",),
            clients=("till",),
            default=True,
            instructions="It is {time}.",
            greeting="",
            voicemail="Call back.",
            zone="Europe/Berlin",
            sentences=Sentences(moment="Hang on."),
            voice="marin",
            model="gpt-4o",
            language="en-GB,de-DE",
            transcription="whisper-1",
            turn_detection="azure_semantic_vad",
            vad_threshold=1.0,
            vad_prefix_ms=0,
            vad_silence_ms=100,
            noise_reduction="near_field",
            echo_cancellation=True,
            tools=("find_order", "transfer_call"),
            tool_seconds=3.0,
            moment_after=1.5,
            mcp=(
                McpServer(
                    "orders", "https://tools.example.com/mcp/", ("find",), {"Authorization": "ORDERS"}, ("find",)
                ),
            ),
            transfer={"boss": TransferTarget("client:boss", "Complaints.", warm=True, seconds=30)},
            max_call_seconds=60,
            idle_seconds=5.0,
            idle_prompts=0,
            wordless_turns=3,
            digits=DigitRules(2.0, 4, secret=True),
            log=LogRules(words=True),
        ),
    )


def test_what_a_persona_leaves_out_comes_from_the_settings() -> None:
    [persona] = reading("[personas.a]", voice_live_voice="marin", voice_live_greeting="Hi {there}").personas
    assert persona.voice == "marin"
    assert persona.greeting == "Hi {{there}}"
    assert persona.default


def test_the_example_file_is_in_order_as_it_stands() -> None:
    file = reading(EXAMPLE.read_text(encoding="utf-8"))
    assert [persona.name for persona in file.personas] == ["reception", "empfang"]
    assert file.personas[1].sentences.language == "de-DE"


def test_the_example_file_shows_every_key() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for table in (Persona, TransferTarget, DigitRules, LogRules, McpServer):
        for field in dataclasses.fields(table):
            assert field.name == "name" or field.name in text, field.name


def test_the_example_file_is_still_in_order_without_its_comment_signs() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith(
            ("# [[", "# label", "# url", "# allowed", "# approval =", "# headers =", "# transcr", "# vad")
        ):
            text = text.replace(line, line.removeprefix("# "))
    for line in ('turn_detection = "azure_semantic_vad"', 'noise_reduction = "off"', "echo_cancellation = false"):
        text = text.replace(f"# {line}", line)
    [reception, _] = reading(text, {"ORDERS_AUTHORIZATION": "Bearer x"}).personas
    assert reception.mcp[0].approves("find_order")
    assert not reception.mcp[0].approves("cancel_order")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[personas.a]\nvoice = ", "f:2: is not TOML: Invalid value"),
        ("[personas.a\n", "f:1: is not TOML"),
        (
            "[personas.a]\nvoice = 1 1",
            "f:2: is not TOML: Expected newline or end of document after a statement, column 11",
        ),
        (
            "[personas.a.transfer.'+14255550100']\n" * 2,
            "f:2: is not TOML: Cannot declare ('personas', 'a', 'transfer', '***') twice",
        ),
        ('[personas.a]\nvoice = "', "f:2: is not TOML"),
        ("", "f: holds no persona; one begins with [personas.NAME]"),
        ("personas = 3", "f:1: personas: should be tables: [personas.NAME]"),
        ("[personas]\na = 3", "f:2: personas.a: should be a table: [personas.NAME]"),
        ("[persona.a]\n[personas.b]", "f:1: persona: is not known; did you mean personas?"),
        ('modules = ["a b"]\n[personas.a]', "f:1: modules[1]: should be the name of a Python module"),
        ("[personas.a]\nvoise = 'x'", "f:2: personas.a.voise: is not known; did you mean voice?"),
        ("[personas.a]\nname = 'x'", "f:2: personas.a.name: is the name of the table already"),
        ("[personas.'+14255550100']", "f:1: personas.***.name: should be a name of letters"),
        ("[personas.a]\nnumbers = '+14255550100'", "f:2: personas.a.numbers: should be a list"),
        (
            "[personas.a]\nnumbers = ['5550100']",
            "f:2: personas.a.numbers[1]: should be a number such as +14255550100",
        ),
        ("[personas.a]\nvoice = 3", "f:2: personas.a.voice: should be a valid string"),
        ("[personas.a]\nvad_threshold = nan", "f:2: personas.a.vad_threshold: should be"),
        ("[personas.a]\nvad_silence_ms = 500.5", "f:2: personas.a.vad_silence_ms: should be a valid integer"),
        ("[personas.a]\nidle_prompts = true", "f:2: personas.a.idle_prompts: should be a valid integer"),
        ("[personas.a]\ndefault = 'yes'", "f:2: personas.a.default: should be a valid boolean"),
        ("[personas.a]\nlanguage = 'Deutsch'", "f:2: personas.a.language: should be a language such as en-US"),
        ("[personas.a]\nzone = 'Berlin'", "f:2: personas.a.zone: should be a time zone"),
        ("[personas.a]\ngreeting = 'Hi {nam}'", "f:2: personas.a.greeting: names {nam} that is not known"),
        ("[personas.a]\ninstructions = '''\n\n{x'''", "f:2: personas.a.instructions: has a { without its partner"),
        (
            "[personas.a]\n[personas.a.log]\nwrods = true",
            "f:3: personas.a.log.wrods: is not known; did you mean words?",
        ),
        ("[personas.a]\nlog = true", "f:2: personas.a.log: should be a table"),
        ("[personas.a]\ntools = ['end_cal']", "end_cal"),
        ("[personas.a]\ntools = ['transfer_call']", "there is no [personas.a.transfer.NAME]"),
        ("[personas.a.transfer.b]\nto = 'client:b'", 'is never used: add "transfer_call"'),
        ("[personas.a]\ntools = ['transfer_call']\ntransfer = {b = {}}", "f:3: personas.a.transfer.b.to: is missing"),
        ("[personas.a]\nmcp = [{label = 'a', url = 'http://x.example.com'}]", "personas.a.mcp[1].url: should be"),
        ("[sentences]\nde-DE = 3\n[personas.a]", "f:2: sentences.de-DE: should be a table"),
        (
            "[sentences.de-DE]\nbussy = 'x'\n[personas.a]",
            "f:2: sentences.de-DE.bussy: is not known; did you mean busy?",
        ),
        ("[sentences.de]\nlanguage = 'de'\n[personas.a]", "f:2: sentences.de.language: is the name of the table"),
        ("[sentences.deutsch]\n[personas.a]", "sentences.deutsch.language: should be a language"),
        ("[personas.a]\nsentences = 1", "f:2: personas.a.sentences: should be a table"),
        ("[personas.a]\nsentences = {busy = ' '}", "f:2: personas.a.sentences.busy: should not be empty"),
    ],
)
def test_each_problem_is_told_in_words_with_its_place(text: str, says: str) -> None:
    told = [problem for problem in problems(text) if says in problem]
    assert told, problems(text)
    assert told[0].startswith("f")


def test_a_tool_that_is_not_built_in_needs_a_module() -> None:
    assert problems("[personas.a]\ntools = ['end_cal']") == [
        "f:2: personas.a.tools[1]: is not built in (end_call, send_digits, transfer_call), "
        "and no `modules` are named; did you mean end_call?"
    ]
    assert reading("modules = ['m']\n[personas.a]\ntools = ['end_cal']").personas[0].tools == ("end_cal",)


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    told = problems("[personas.a]\nvoice = ''\nzone = ''\n[personas.b]\nvoice = 3\n")
    assert [problem.split(" ")[0] for problem in told] == ["f:2:", "f:3:", "f:5:"]


def test_two_owners_of_one_number_are_both_named_and_the_number_is_not() -> None:
    one = "[personas.a]\ndefault=true\nnumbers=['+14255550100']\n"
    text = one + "[personas.b]\nnumbers=['+14255550101',\n'+14255550100']"
    assert problems(text) == ["f:5: personas.b.numbers[2]: ***00 belongs to both a and b"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip=['Anna@acme.sip.twilio.com']", "sip=['anna@acme.sip.dublin.twilio.com']"),
        ("sip=['anna']", "sip=['ANNA']"),
        ("clients=['anna']", "clients=['anna']"),
    ],
)
def test_two_owners_of_one_address_are_both_named(one: str, other: str) -> None:
    [problem] = problems(f"[personas.a]\ndefault=true\n{one}\n[personas.b]\n{other}")
    assert "belongs to both a and b" in problem


def test_a_user_of_one_domain_is_not_the_user_of_any() -> None:
    text = "[personas.a]\ndefault=true\nsip=['anna']\n[personas.b]\nsip=['anna@acme.sip.twilio.com']"
    assert len(reading(text).personas) == 2


def test_of_several_personas_exactly_one_is_the_default() -> None:
    assert problems("[personas.a]\n[personas.b]") == [
        "f:1: personas: one of a, b should be marked with default = true"
    ]
    assert problems("[personas.a]\ndefault = true\n[personas.b]\ndefault = true") == [
        "f:4: personas.b.default: both a and b are the default"
    ]


def test_a_secret_in_the_file_is_refused_and_not_repeated() -> None:
    server = "[[personas.a.mcp]]\nlabel='x'\nurl='https://x.example.com'\n"
    text = f"[personas.a]\n{server}headers={{Authorization='Bearer s3cret'}}"
    [problem] = problems(text)
    assert problem.startswith("f:5: personas.a.mcp[1].headers.Authorization: should be the name of an environment")
    assert "s3cret" not in problem


def test_a_variable_that_is_not_set_is_a_problem() -> None:
    text = "[personas.a]\n[[personas.a.mcp]]\nlabel='x'\nurl='https://x.example.com'\nheaders={Authorization='TOKEN'}"
    [problem] = problems(text)
    assert problem == "f:5: personas.a.mcp[1].headers.Authorization: the environment variable TOKEN is not set"
    assert reading(text, {"TOKEN": "x"}).personas[0].mcp[0].headers == {"Authorization": "TOKEN"}


def test_two_servers_of_one_label_are_a_problem() -> None:
    server = "[[personas.a.mcp]]\nlabel='x'\nurl='https://x.example.com'\n"
    assert problems("[personas.a]\n" + server + server) == [
        "f:6: personas.a.mcp[2].label: is the label of another server too"
    ]


def test_a_persona_speaks_the_sentences_of_its_language() -> None:
    text = f"[sentences.fr-FR]\n{FRENCH}[personas.a]\nlanguage='fr-FR'\nsentences={{busy='complet'}}\n"
    [persona] = reading(text).personas
    assert persona.sentences.language == "fr-FR"
    assert (persona.sentences.busy, persona.sentences.moment) == ("complet", "fr moment")


def test_a_persona_of_a_language_without_sentences_speaks_english_in_need() -> None:
    [persona] = reading("[personas.a]\nlanguage='fr-FR'\n").personas
    assert persona.sentences == Sentences()


def test_sentences_in_another_language_are_not_mixed_with_english_ones() -> None:
    some = FRENCH.replace('busy = "fr busy"\n', "")
    [problem] = problems(f"[personas.a]\n[personas.a.sentences]\nlanguage='fr-FR'\n{some}")
    assert problem == "f:2: personas.a.sentences: in fr-FR has no words for busy"


def test_english_of_another_country_may_leave_sentences_out() -> None:
    [persona] = reading("[personas.a]\nsentences={language='en-GB', busy='Engaged.'}").personas
    assert persona.sentences == Sentences(language="en-GB", busy="Engaged.")


def test_a_model_gets_the_turn_detection_that_it_takes() -> None:
    [persona] = reading("[personas.a]\nmodel = 'gpt-realtime-2'").personas
    assert persona.turn_detection == "azure_semantic_vad"
    [problem] = problems(
        "[personas.a]\nmodel='gpt-realtime-2'\nturn_detection='server_vad'\ntranscription='azure-speech'"
    )
    assert problem.startswith("f:1: personas.a: turn_detection should be azure_semantic_vad or")


@given(st.text(alphabet="[]{}='\"\n.,#ab1 persona", max_size=80) | st.text(max_size=80))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    told: list[str] = []
    try:
        reading("[personas.a]\n" + text)
    except BadPersonas as bad:
        told = [problem.in_words("f") for problem in bad.problems]
    assert all(problem.startswith("f:") for problem in told)
