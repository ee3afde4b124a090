// The live view: the board of all calls, and the one that was chosen.

import { LiveFeed } from "../live_feed.js";
import { Actions } from "./actions.js";
import { Board } from "./board.js";
import { Link } from "./link.js";
import { CallList } from "./list.js";
import { CallPanel } from "./panel.js";
import { optionsOf } from "./server.js";
import { countOf } from "./words.js";

const TICK = 1000; // ms
const UNSEEN = 30_000; // ms after which a page that nobody sees lets go of its connections: a browser has six for us

const part = (id) => document.getElementById(id);
const page = part("calls");
const board = new Board();
const list = new CallList(part("rows"));
const panel = new CallPanel(part("call"));
const actions = new Actions(part("ask-hang-up"), part("ask-transfer"));
const link = new Link(part("link"));
const feed = new LiveFeed("calls/live");

function choose(callId, { byKey }) {
  const row = board.get(callId);
  if (row === undefined) return;
  if (callId !== panel.callId) panel.open(row);
  page.dataset.shows = "call";
  list.choose(callId);
  tick();
  // On a narrow page the list is hidden now, and the focus with it; who uses the keyboard wants to go on there.
  if (byKey || part("list").offsetParent === null) panel.focus();
}

function close() {
  const { callId } = panel;
  panel.close();
  list.choose("");
  page.dataset.shows = "list";
  list.focus(callId);
}

function take(news) {
  link.live();
  const { changed, gone } = board.take(news, Date.now());
  list.remove(gone);
  list.update(changed, board.rows);
  for (const row of changed) {
    if (row.call_id === panel.callId) panel.update(row);
    if (row.over) actions.over(row.call_id);
  }
  if (gone.includes(panel.callId)) close();
  count();
  tick();
}

function count() {
  const words = countOf(board.running);
  if (part("count").textContent !== words) part("count").textContent = words;
  part("empty").hidden = list.size > 0;
  part("rows").parentElement.hidden = list.size === 0;
}

function tick() {
  const at = Date.now();
  const lengthOf = (callId) => board.length(board.get(callId), at);
  list.tick(lengthOf);
  if (panel.callId && board.get(panel.callId)) panel.tick(lengthOf(panel.callId));
}

function sweep() {
  const gone = board.sweep(Date.now(), (callId) => list.isUsed(callId));
  if (gone.length === 0) return;
  list.remove(gone);
  count();
}

/** A page that nobody sees gives its connections back; what it missed comes when it is looked at again. */
function restWhileUnseen() {
  let timer = 0;
  const rest = () => {
    feed.rest();
    panel.rest();
  };
  const resume = () => {
    clearTimeout(timer);
    feed.resume();
    panel.resume();
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(rest, UNSEEN);
    else resume();
  });
  addEventListener("pagehide", rest);
  addEventListener("pageshow", resume);
}

feed.addEventListener("board", ({ detail }) => take(detail));
feed.addEventListener("lost", ({ detail }) => link.lost(detail.message));
feed.addEventListener("back", () => link.live());
feed.addEventListener("gone", ({ detail }) => link.gone(detail));
list.addEventListener("choose", ({ detail }) => choose(detail.callId, detail));
actions.addEventListener("done", ({ detail }) => detail.callId === panel.callId && panel.say(detail.words));
part("close").addEventListener("click", close);
part("hang-up").addEventListener("click", () => actions.hangUp(panel.row));
part("transfer").addEventListener("click", () => actions.transfer(panel.row));
part("call").addEventListener("keydown", (event) => event.key === "Escape" && close());
const here = new URL("./", location.href).href.replace(/\/$/, "");
part("command").textContent = `.venv/bin/voicebot call --url ${here} --say "When are you open?"`;
setInterval(() => {
  tick();
  sweep();
}, TICK);
restWhileUnseen();
part("sign-out").hidden = !(await optionsOf()).signOut;
