from __future__ import annotations

import json
from base64 import b64decode
from collections import deque
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import audioop
import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from playwright.async_api import Page

from tests.browser.audio_page import stand_in
from tests.browser.chromium import Chromium

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(chromium: Chromium) -> AsyncIterator[Page]:
    async with stand_in() as bot, chromium.visit(bot.url) as visit:
        yield visit.page


async def run(page: Page, module: str, body: str, argument: object = None) -> Any:  # noqa: ANN401 - JavaScript's
    """Evaluate `body`, a function of a module of ours and an argument."""
    return await page.evaluate(
        f"async ([module, argument]) => ({body})(await import(new URL(module, document.baseURI).href), argument)",
        [f"assets/{module}", argument],
    )


# Typed arrays come as text: playwright would send a message for each number.
_TEXT = """
const text = (array) => {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let binary = "";
  for (let i = 0; i < bytes.length; i += 4096) binary += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return btoa(binary);
};
"""


def floats(text: str) -> NDArray[np.float64]:
    return np.frombuffer(b64decode(text), dtype="<f4").astype(float)


# --- mu-law ---------------------------------------------------------------------------------------------------------


async def test_every_sample_is_encoded_as_audioop_does(page: Page) -> None:
    codes = await run(
        page,
        "audio/mulaw.js",
        f"""({{ encode }}) => {{
          {_TEXT}
          return text(Uint8Array.from({{ length: 65536 }}, (_, i) => encode(i - 32768)));
        }}""",
    )
    samples = np.arange(-32768, 32768).astype("<i2").tobytes()
    assert b64decode(codes) == audioop.lin2ulaw(samples, 2)


async def test_every_code_is_decoded_as_audioop_does(page: Page) -> None:
    samples = await run(
        page,
        "audio/mulaw.js",
        f"""({{ decode }}) => {{
          {_TEXT}
          return text(Int16Array.from({{ length: 256 }}, (_, code) => decode(code)));
        }}""",
    )
    assert b64decode(samples) == audioop.ulaw2lin(bytes(range(256)), 2)


async def test_what_is_too_loud_is_clipped_and_silence_is_the_code_of_zero(page: Page) -> None:
    codes = await run(
        page, "audio/mulaw.js", "({ encodeFloat, SILENCE }) => [...[-2, -1, 1, 2, 0].map(encodeFloat), SILENCE]"
    )
    assert codes == [0x00, 0x00, 0x80, 0x80, 0xFF, 0xFF]


# --- The resampler --------------------------------------------------------------------------------------------------

_SINES = f"""
({{ Resampler }}, {{ from, to, tones }}) => {{
  {_TEXT}
  return tones.map((tone) => {{
    const input = Float32Array.from({{ length: from * 0.3 }}, (_, i) => Math.sin((2 * Math.PI * tone * i) / from));
    const output = new Float32Array(Math.ceil((input.length * to) / from) + 1);
    const count = new Resampler(from, to, input.length).process(input, input.length, output);
    return text(output.subarray(0, count));
  }});
}}
"""


async def sines(page: Page, source: int, target: int, tones: list[float]) -> list[NDArray[np.float64]]:
    """What becomes of sines of full scale, but for the beginning, where the filter fills."""
    argument = {"from": source, "to": target, "tones": tones}
    return [floats(text)[target // 20 :] for text in await run(page, "audio/resampler.js", _SINES, argument)]


def decibels(amplitude: float) -> float:
    return 20 * float(np.log10(max(amplitude, 1e-12)))


def rms_of_sine(sound: NDArray[np.float64]) -> float:
    """Amplitude of a sine of this power."""
    return float(np.sqrt(2 * np.mean(sound**2)))


_RATES = [48000, 44100, 16000, 96000, 22050]


@pytest.mark.parametrize("rate", _RATES)
async def test_speech_passes_downwards_unchanged(page: Page, rate: int) -> None:
    for sound in await sines(page, rate, 8000, [100, 300, 1000, 2000, 3000, 3300]):
        assert abs(decibels(rms_of_sine(sound))) < 0.1


@pytest.mark.parametrize("rate", _RATES)
async def test_nothing_above_the_phones_band_is_folded_into_it(page: Page, rate: int) -> None:
    tones = [float(tone) for tone in np.linspace(4001, rate / 2 - 1, 60)]
    assert max(decibels(rms_of_sine(sound)) for sound in await sines(page, rate, 8000, tones)) < -60


@pytest.mark.parametrize("rate", _RATES)
async def test_upwards_there_is_the_tone_and_nothing_else(page: Page, rate: int) -> None:
    tones = [200.0, 1000.0, 2000.0, 3300.0]
    for tone, sound in zip(tones, await sines(page, 8000, rate, tones), strict=True):
        time = np.arange(len(sound)) / rate
        basis = np.stack([np.sin(2 * np.pi * tone * time), np.cos(2 * np.pi * tone * time)])
        weights = np.linalg.lstsq(basis.T, sound, rcond=None)[0]
        rest = sound - weights @ basis
        assert abs(decibels(float(np.hypot(*weights)))) < 0.1
        assert decibels(rms_of_sine(rest)) < -60


@pytest.mark.parametrize(("source", "target"), [(48000, 8000), (44100, 8000), (8000, 48000), (8000, 44100)])
async def test_how_the_sound_is_cut_makes_no_difference(page: Page, source: int, target: int) -> None:
    rng = Random(source + target)  # noqa: S311 - repeatable
    cuts = [rng.randrange(0, 129) for _ in range(60)]
    whole, pieces, pulled, counted = await run(
        page,
        "audio/resampler.js",
        f"""({{ Resampler }}, {{ source, target, cuts }}) => {{
          {_TEXT}
          const total = cuts.reduce((a, b) => a + b, 0);
          const input = Float32Array.from({{ length: total }}, () => Math.random() - 0.5);
          const room = Math.ceil((total * target) / source) + 1;
          const whole = new Float32Array(room);
          new Resampler(source, target, total).process(input, total, whole);
          const resampler = new Resampler(source, target, 128);
          const pieces = new Float32Array(room);
          let counted = true;
          let read = 0;
          let written = 0;
          for (const cut of cuts) {{
            const enough = Array.from({{ length: 800 }}, (_, i) => i).findLast((i) => resampler.needed(i) <= cut);
            const made = resampler.process(input.subarray(read), cut, pieces.subarray(written));
            counted &&= made === enough;
            read += cut;
            written += made;
          }}
          // And as play-out does it: as much input as the next outputs need.
          const pulling = new Resampler(source, target, 1000);
          const pulled = new Float32Array(room);
          for (let taken = 0, at = 0; ; at += 128) {{
            const need = pulling.needed(128);
            if (taken + need > total || at + 128 > room) {{
              whole.fill(0, at);
              pieces.fill(0, at);
              break;
            }}
            pulling.process(input.subarray(taken), need, pulled.subarray(at, at + 128));
            taken += need;
          }}
          return [text(whole), text(pieces), text(pulled), counted];
        }}""",
        {"source": source, "target": target, "cuts": cuts},
    )
    assert whole == pieces == pulled
    assert np.abs(floats(whole)).max() > 0.1
    assert counted


async def test_the_delay_is_what_it_says(page: Page) -> None:
    peak, delay = await run(
        page,
        "audio/resampler.js",
        """({ Resampler }) => {
          const resampler = new Resampler(8000, 48000, 200);
          const output = new Float32Array(1200);
          resampler.process(Float32Array.of(1, ...new Float32Array(199)), 200, output);
          return [output.indexOf(Math.max(...output)) / 6, resampler.delay];
        }""",
    )
    assert peak == delay


# --- Levels ---------------------------------------------------------------------------------------------------------


async def test_meters_have_even_steps_of_decibels(page: Page) -> None:
    shown = await run(page, "audio/level.js", "({ meter }) => [0, 0.001, 0.0316227766, 1, 2].map(meter)")
    assert shown == pytest.approx([0, 0, 0.5, 1, 1])


# --- The play-out buffer --------------------------------------------------------------------------------------------


class Model:
    """The buffer one sample at a time, from its description: the only clock is `now`, samples pulled."""

    def __init__(self, lag: int) -> None:
        self.lag = lag
        self.queue: deque[int | str] = deque()  # bytes, and marks between them
        self.queued = 0  # bytes in it
        self.leaving: list[tuple[int, str]] = []
        self.now = 0
        self.playing = False
        self.arrived = 0
        self.last_sound: int | None = None
        self.dry: int | None = None
        self.target = 640
        self.calm = 0
        self.heard: list[tuple[int, int]] = []  # when, which byte
        self.back: list[tuple[int, str]] = []

    def push(self, audio: bytes) -> None:
        if not audio:
            return
        if self.dry is not None and not self.playing and self.now - self.dry < 4000:
            self.target = min(3200, self.target + max(160, self.now - self.dry))
            self.calm = 0
        self.dry = None
        self.queue.extend(audio)
        self.queued += len(audio)
        self.arrived = self.now

    def mark(self, name: str) -> None:
        if self.queued:
            self.queue.append(name)
        else:
            self.leaving.append((max(self.now, -1 if self.last_sound is None else self.last_sound + self.lag), name))
        self.give()

    def give(self) -> None:
        while self.leaving and self.leaving[0][0] <= self.now:
            self.back.append((self.now, self.leaving.pop(0)[1]))

    def clear(self) -> None:
        names = [name for _, name in self.leaving] + [thing for thing in self.queue if isinstance(thing, str)]
        self.back += [(self.now, name) for name in names]
        self.queue.clear()
        self.leaving, self.queued = [], 0
        self.playing, self.dry, self.last_sound = False, None, None

    def pull(self, count: int) -> None:
        if not self.playing and self.queued:
            self.playing = self.queued >= self.target or self.now - self.arrived >= self.target
        end = self.now + count
        sounded = 0
        while self.playing and self.now < end:
            if not self.queued:
                self.playing, self.dry = False, self.last_sound
                break
            byte = self.queue.popleft()
            self.queued -= 1
            assert isinstance(byte, int)
            self.heard.append((self.now, byte))
            self.now += 1
            sounded += 1
            self.last_sound = self.now
            while self.queue and isinstance(self.queue[0], str):
                self.leaving.append((self.now + self.lag, str(self.queue.popleft())))
        self.calm += sounded
        if self.calm >= 80_000:
            self.calm, self.target = 0, max(640, self.target - 160)
        self.now = end
        self.give()


_PLAY_SCHEDULES = """
({ PlayoutBuffer }, { lag, schedules }) => JSON.stringify(JSON.parse(schedules).map((schedule) => {
  const buffer = new PlayoutBuffer(lag);
  const block = new Float32Array(30000);
  const sound = [];
  const back = [];
  let now = 0;
  for (const [what, value] of schedule) {
    if (what === "push") buffer.push(Uint8Array.from(value));
    if (what === "mark") buffer.mark(value);
    if (what === "clear") back.push(...buffer.clear().map((name) => [now, name]));
    if (what === "pull") {
      buffer.pull(block, value);
      for (let i = 0; i < value; i += 1) if (Math.abs(block[i]) > 0.01) sound.push([now + i, block[i]]);
      now += value;
    }
    back.push(...buffer.due().map((name) => [now, name]));
  }
  return { sound, back, target: buffer.target, queued: buffer.queued };
}))
"""

type _Step = tuple[str, Any]


def _schedule(rng: Random) -> list[_Step]:
    """Bursts, drips, holes, marks and clears. All bytes are below 0x40: loud, unlike what is faded."""
    steps: list[_Step] = []
    for number in range(rng.randrange(20, 80)):
        match rng.choice(
            ["push", "push", "push", "mark", "pull", "pull", "pull", "clear" if rng.random() < 0.3 else "mark"]
        ):
            case "push":
                steps.append(("push", [rng.randrange(0x40) for _ in range(rng.choice([0, 1, 20, 160, 700, 3000]))]))
            case "mark":
                steps.append(("mark", f"m{number}"))
            case "clear":
                steps.append(("clear", None))
            case _:
                size = rng.choice([1, 21, 22, 160])
                steps += [("pull", size)] * rng.choice([1, 5, 40])
    return steps + [("pull", 160)] * 200


async def test_the_buffer_does_what_its_description_says(page: Page) -> None:
    rng = Random(7)  # noqa: S311 - repeatable
    schedules = [_schedule(rng) for _ in range(60)]
    argument = {"lag": 29, "schedules": json.dumps(schedules)}
    played = json.loads(await run(page, "audio/playout_buffer.js", _PLAY_SCHEDULES, argument))
    holes = 0
    for schedule, result in zip(schedules, played, strict=True):
        model = Model(29)
        for what, value in schedule:
            match what:
                case "push":
                    model.push(bytes(value))
                case "mark":
                    model.mark(value)
                case "clear":
                    model.clear()
                case _:
                    model.pull(value)
        assert [tuple(mark) for mark in result["back"]] == model.back
        assert (result["target"], result["queued"]) == (model.target, model.queued)
        heard = dict(model.heard)
        got = {at: sample for at, sample in result["sound"] if at in heard}
        levels = np.frombuffer(audioop.ulaw2lin(bytes(heard.values()), 2), dtype="<i2") / 32768
        assert np.allclose([got.get(at, 0) for at in heard], levels)
        holes += model.target > 640
    assert holes > 10, "the schedules try too few holes"


async def test_a_hole_in_mid_speech_is_faded_into_and_widens_the_wait_that_calm_narrows_again(page: Page) -> None:
    result = await run(
        page,
        "audio/playout_buffer.js",
        """({ PlayoutBuffer }) => {
          const buffer = new PlayoutBuffer();
          const block = new Float32Array(160);
          const pull = (times) => { for (let i = 0; i < times; i += 1) buffer.pull(block, 160); };
          const targets = [buffer.target];
          buffer.push(new Uint8Array(1600).fill(0x20));
          pull(10);
          buffer.pull(block, 160);
          const fading = [block[0], block[30], block[159]];
          pull(4);
          buffer.push(new Uint8Array(160)); // 100 ms late
          const hole = buffer.takeHole();
          targets.push(buffer.target);
          for (let i = 0; i < 5; i += 1) {
            for (let second = 0; second < 10; second += 1) { buffer.push(new Uint8Array(8000)); pull(50); }
            targets.push(buffer.target);
          }
          return { targets, hole, again: buffer.takeHole(), fading, level: 0.2 };
        }""",
    )
    assert result["hole"] == 800
    assert result["again"] == 0
    assert result["targets"][:2] == [640, 1440]
    assert result["targets"][2:] == sorted(result["targets"][2:], reverse=True)
    assert result["targets"][-1] < 1440
    first, later, last = (abs(sample) for sample in result["fading"])
    assert first > 10 * later > 0
    assert last == 0


async def test_the_wait_never_grows_beyond_its_bound(page: Page) -> None:
    target, highest = await run(
        page,
        "audio/playout_buffer.js",
        """({ PlayoutBuffer, HIGHEST_TARGET }) => {
          const buffer = new PlayoutBuffer();
          const block = new Float32Array(3000);
          for (let i = 0; i < 30; i += 1) {
            buffer.push(new Uint8Array(4000));
            buffer.pull(block, 3000);
            buffer.pull(block, 3000);
          }
          return [buffer.target, HIGHEST_TARGET];
        }""",
    )
    assert target == highest == 3200


async def test_more_than_ten_minutes_are_thrown_away(page: Page) -> None:
    taken = await run(
        page,
        "audio/playout_buffer.js",
        """({ PlayoutBuffer }) => {
          const buffer = new PlayoutBuffer();
          return [600 * 8000, 1, 0].map((size) => buffer.push(new Uint8Array(size))).concat(buffer.queued);
        }""",
    )
    assert taken == [True, False, True, 4_800_000]


# --- The worklets ---------------------------------------------------------------------------------------------------

_RENDER = f"""
async (_, {{ rate, seconds, name, input, at, messages }}) => {{
  {_TEXT}
  const context = new OfflineAudioContext(1, rate * seconds, rate);
  await context.audioWorklet.addModule(new URL(`assets/audio/${{name}}_worklet.js`, document.baseURI).href);
  const node = new AudioWorkletNode(context, name, {{ numberOfOutputs: 1, outputChannelCount: [1] }});
  const posted = [];
  node.port.onmessage = ({{ data }}) => posted.push({{ ...data, frame: data.frame && [...data.frame] }});
  node.connect(context.destination);
  if (input) {{
    const source = new OscillatorNode(context, {{ frequency: input }});
    source.connect(node);
    source.start();
  }}
  const send = (list) => {{
    for (const message of list) {{
      node.port.postMessage(message.media ? {{ media: Uint8Array.from(message.media) }} : message);
    }}
  }};
  // A message is a task of the audio thread: it is there when the rendering goes on after a moment.
  const moments = at.map((time, i) => context.suspend(time).then(async () => {{
    send(messages[i]);
    await new Promise((done) => setTimeout(done, 50));
    await context.resume();
  }}));
  const sound = (await context.startRendering()).getChannelData(0);
  await Promise.all(moments);
  await new Promise((done) => setTimeout(done, 50));
  return {{ sound: text(sound), posted }};
}}
"""


@pytest.mark.parametrize("rate", [48000, 44100, 16000])
async def test_a_microphone_becomes_frames_of_a_phone(page: Page, rate: int) -> None:
    result = await run(
        page,
        "audio/level.js",
        _RENDER,
        {"rate": rate, "seconds": 1, "name": "capture", "input": 1000, "at": [], "messages": []},
    )
    posted = result["posted"]
    assert len(posted) == 49 or len(posted) == 50
    assert {len(message["frame"]) for message in posted} == {160}
    times = np.array([message["at"] for message in posted])
    assert np.diff(times) == pytest.approx(0.02, abs=128 / rate)
    assert all(abs(message["level"] - 0.7071) < 0.001 for message in posted[2:])
    codes = bytes(code for message in posted[2:] for code in message["frame"])
    sound = np.frombuffer(audioop.ulaw2lin(codes, 2), dtype="<i2") / 32768
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert np.argmax(spectrum) * 8000 / len(sound) == pytest.approx(1000, abs=2)


async def test_a_clear_is_silent_within_one_quantum_without_a_click_and_gives_back_every_mark(page: Page) -> None:
    tone = audioop.lin2ulaw((8000 * np.sin(2 * np.pi * 300 * np.arange(8000) / 8000)).astype("<i2").tobytes(), 2)
    clear_at = 0.5
    result = await run(
        page,
        "audio/level.js",
        _RENDER,
        {
            "rate": 48000,
            "seconds": 1,
            "name": "playout",
            "input": 0,
            "at": [0, clear_at],
            "messages": [
                [
                    {"mark": "ahead"},
                    {"media": list(tone[:1600])},
                    {"mark": "in"},
                    {"media": list(tone)},
                    {"mark": "end"},
                ],
                [{"clear": True}, {"mark": "new"}],
            ],
        },
    )
    sound = floats(result["sound"])
    cleared = int(np.ceil(clear_at * 48000 / 128)) * 128
    assert np.abs(sound[cleared - 480 : cleared]).max() > 0.2
    assert not sound[cleared + 128 :].any()
    assert np.abs(np.diff(sound)).max() < 0.03  # a step to nothing would be 0.24
    given = [
        (kind, message[kind]) for message in result["posted"] for kind in ("marks", "cleared") if kind in message
    ]
    assert given == [("marks", ["ahead"]), ("marks", ["in"]), ("cleared", ["end"]), ("marks", ["new"])]


@pytest.mark.parametrize("rate", [48000, 44100, 24000])
async def test_what_is_played_is_what_was_sent_at_any_rate(page: Page, rate: int) -> None:
    rng = np.random.default_rng(5)
    smooth = np.convolve(rng.standard_normal(4000), np.hanning(9) / 4.5, "same") * 0.2
    ulaw = audioop.lin2ulaw((smooth * 32767).astype("<i2").tobytes(), 2)
    result = await run(
        page,
        "audio/level.js",
        _RENDER,
        {
            "rate": rate,
            "seconds": 1,
            "name": "playout",
            "input": 0,
            "at": [0],
            "messages": [[{"media": list(ulaw[i : i + 300])} for i in range(0, 4000, 300)]],
        },
    )
    sent = np.frombuffer(audioop.ulaw2lin(ulaw, 2), dtype="<i2") / 32768
    sound = floats(result["sound"])
    # Back to 8 kHz by a filter that is not ours: the spectrum up to 3.4 kHz.
    spectrum = np.fft.rfft(sound)
    kept = np.where(np.fft.rfftfreq(len(sound), 1 / rate) < 3400, spectrum, 0)[:4001]
    played = np.fft.irfft(kept, 8000) * 8000 / rate
    delay = int(np.argmax(np.correlate(played, sent, "valid")))
    heard = played[delay : delay + 4000]
    assert np.corrcoef(heard, sent)[0, 1] > 0.99
    onset = [message["sound"] for message in result["posted"] if "sound" in message]
    loud = np.flatnonzero(np.abs(sound) > 200 / 32768)[0] / rate
    assert onset == pytest.approx([loud], abs=1e-6)
