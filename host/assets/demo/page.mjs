// The chat page: one socket on /chat, any number of rooms, one of them in view. Everything that others wrote goes in as text.

import { $, Log, complain, drawPeople, drawRooms, element, notice, tell } from "./draw.mjs";

const CLIENT = "/socket.io/socket.io.esm.min.js";
/** How long an ack may take before a message counts as failed. */
const ACK_MS = 10_000;
/** Several who come or go at once cost one question for each room. */
const GATHER_MS = 200;
/** As many as the server gives at once. */
const HISTORY = 50;
const ENTRIES_MAX = 500;

const [signIn, chat, text] = ["sign-in", "chat", "text"].map($);
const log = new Log($("log"), () => earlier(current));

/** name → {entries, ids: of the messages among them, people: Map(id → {name, nodes}), unread, more: older ones are on the server}. */
const rooms = new Map();
let current;
let socket;
/** The id of the user that we are; without a token that of the socket. */
let me;
/** The official client's. */
let io;
/** What the demo's server offers: `{users: [{id, name, token}], expired}`. */
let known = { users: [] };
let gathering;

signIn.addEventListener("submit", (event) => {
  event.preventDefault();
  const who = chosen();
  sessionStorage.setItem("who", who);
  connect(who, $("first-room").value.trim());
});
signIn.addEventListener("change", () => {
  $("own").hidden = chosen() !== "own";
});

$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  const room = $("room").value.trim();
  $("room").value = "";
  if (rooms.has(room)) show(room);
  else if (room) join(room);
});

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!current) return complain("Join a room first.");
  const [said, to] = [text.value, $("to").value];
  text.value = "";
  // The next one is for many only if that is chosen again.
  $("to").value = "room";
  if (to === "room") send(current, said);
  else if (to === "rooms") tellMany("announce", { rooms: [...rooms.keys()], text: said });
  else tellMany("global", { text: said });
});

$("leave").addEventListener("click", async () => {
  const room = current;
  if (!room) return;
  const answer = await ask("room:leave", room);
  if (!answer.success) return complain(`You are still in ${room}: ${reason(answer)}`);
  rooms.delete(room);
  show(rooms.keys().next().value);
  (current ? text : $("room")).focus();
});

$("out").addEventListener("click", () => {
  socket.disconnect();
  socket = undefined;
  rooms.clear();
  current = undefined;
  chat.hidden = true;
  signIn.hidden = false;
  $("notices").replaceChildren();
  complain();
  tell("idle", "not connected");
  signIn.querySelector("[name=who]:checked").focus();
});

/** Whom one can be here: the demo's server lists its users. Another server has no such list. */
async function offer() {
  const { users, expired } = await tokens();
  $("users").replaceChildren(...users.map(({ id, name }) => {
    const [label, radio] = [element("label"), element("input")];
    Object.assign(radio, { type: "radio", name: "who", value: `user ${id}` });
    label.append(radio, ` ${name}`);
    return label;
  }));
  const radios = [...signIn.querySelectorAll("[name=who]")];
  radios.find(({ value }) => value === "expired").parentElement.hidden = !expired;
  const last = radios.find(({ value }) => value === sessionStorage.getItem("who"));
  const first = last ?? (users.length ? radios[0] : radios.at(-1));
  first.checked = true;
  $("own").hidden = first.value !== "own";
  first.focus();
}

async function tokens() {
  const answer = await fetch("users.json", { cache: "no-store" }).catch(() => undefined);
  if (answer?.ok) known = await answer.json().catch(() => known);
  return known;
}

function chosen() {
  return signIn.querySelector("[name=who]:checked").value;
}

/** Asked for at each connection: a demo that was started again has made new ones. */
async function tokenOf(who) {
  if (who === "none") return undefined;
  if (who === "own") return $("token").value.trim();
  const { users, expired } = await tokens();
  return who === "expired" ? expired : users.find(({ id }) => who === `user ${id}`)?.token;
}

function connect(who, room) {
  complain();
  socket?.disconnect();
  let claimed;
  const auth = async (send) => {
    const { engine } = mine.io;
    const token = await tokenOf(who);
    claimed = userOf(token);
    // If the connection broke meanwhile, the next one asks for itself.
    if (mine.io.engine === engine) send(token ? { token } : {});
  };
  const mine = io("/chat", { auth, forceNew: true });
  socket = mine;
  tell("wait", "connecting …");
  let entered = false;
  const engineChanged = () => socket === mine && mine.connected && tell("on", `connected, ${mine.io.engine.transport.name}`);

  mine.on("connect", async () => {
    complain();
    me = claimed ?? mine.id;
    engineChanged();
    mine.io.engine.once("upgrade", engineChanged);
    if (!entered) {
      entered = true;
      signIn.hidden = true;
      chat.hidden = false;
      await join(room);
      text.focus();
      return;
    }
    // A new socket is in no room: go back to where we were.
    for (const name of [...rooms.keys()]) {
      note(name, "connected again");
      await join(name, false);
    }
  });
  mine.on("connect_error", (error) => {
    // `active`: the client tries again by itself. If not, the server has refused us.
    tell(mine.active ? "wait" : "off", mine.active ? "no answer, trying again …" : "refused");
    const refused = () => `The server refused you: ${reason({ error: error.message, ...error.data })}`;
    complain(mine.active ? `Cannot reach the server: ${error.message}` : refused());
  });
  mine.on("disconnect", (why) => {
    if (socket !== mine) return;
    tell(mine.active ? "wait" : "off", mine.active ? "reconnecting …" : "disconnected");
    for (const room of rooms.keys()) note(room, `connection lost (${why})`);
    if (!mine.active) complain(`Disconnected: ${why}. Sign out and sign in again.`);
  });
  mine.on("user:joined", gather);
  mine.on("user:left", gather);
  mine.on("chat:message", (message) => add(message.roomId, said(message)));
  const announce = (names, to, { text, from }) => {
    for (const name of names) add(name, { ...said({ text, from, sentAt: Date.now() }), about: `to ${to}` });
  };
  mine.on("announcement", (told) => announce(told.rooms, told.rooms.join(", "), told));
  mine.on("global", (told) => announce(rooms.keys(), "everybody", told));
  mine.on("notification", ({ text, from }) => notice(`${nameOf(from)} to you: ${text}`));
  mine.on("error", ({ message, ...rest }) => current && add(current, { error: reason({ error: message, ...rest }) }));
}

async function join(name, look = true) {
  const answer = await ask("room:join", name);
  if (!answer.success) return complain(`You cannot join ${name}: ${reason(answer)}`);
  complain();
  const known = rooms.has(name);
  if (!known) rooms.set(name, { entries: [], ids: new Set(), people: new Map(), unread: 0, more: false });
  if (look) show(name);
  await Promise.all([refresh(name), known ? catchUp(name) : earlier(name)]);
  if (!known) note(name, "you joined");
}

/** Messages from before those that are here, put in front. */
async function earlier(name) {
  const room = rooms.get(name);
  const before = room?.entries.find(({ id }) => id)?.id;
  const messages = await history(name, before);
  if (!messages) return;
  room.more = messages.length === HISTORY;
  const news = messages.filter(({ id }) => !room.ids.has(id));
  for (const { id } of news) room.ids.add(id);
  room.entries.unshift(...news.map(said));
  if (name === current) log.show(room, before !== undefined);
}

/** Messages that were sent while we were away. */
async function catchUp(name) {
  for (const message of (await history(name)) ?? []) add(name, said(message));
}

async function history(name, before) {
  const answer = await ask("chat:history", { roomId: name, before });
  if (answer.success) return rooms.has(name) ? answer.messages : undefined;
  add(name, { error: `No history: ${reason(answer)}` });
  return undefined;
}

/** Who is there. The events do not say in which room somebody joined or left, so the server is asked. */
async function refresh(name) {
  const people = await ask("room:people", name);
  const room = rooms.get(name);
  if (!room || !Array.isArray(people)) return;
  // Where nobody looks at tokens.
  if (people.some(({ id }) => id === socket.id)) me = socket.id;
  const before = room.people;
  // A user may be there with several sockets.
  room.people = new Map(people.map((user) => [user.id, { name: nameOf(user), nodes: user.nodes ?? [] }]));
  if (name === current) showPeople();
  if (before.size === 0) return;
  for (const [id, who] of room.people) if (!before.has(id)) note(name, `${who.name} joined`);
  for (const [id, who] of before) if (!room.people.has(id)) note(name, `${who.name} left`);
}

function gather() {
  gathering ??= setTimeout(() => {
    gathering = undefined;
    if (!socket?.connected) return;
    for (const name of rooms.keys()) refresh(name);
  }, GATHER_MS);
}

async function send(room, words) {
  const entry = add(room, { who: "You", mine: true, said: words, at: Date.now(), mark: "pending" });
  const answer = await ask("chat:send", { roomId: room, text: words });
  if (answer.success) {
    entry.id = answer.messageId;
    rooms.get(room)?.ids.add(entry.id);
  }
  entry.mark = answer.success ? "delivered" : "failed";
  entry.repaint?.();
  if (!answer.success) add(room, { error: `Not sent: ${reason(answer)}` });
}

/** An announcement comes back to us like to everybody else. */
async function tellMany(event, argument) {
  const room = current;
  const answer = await ask(event, argument);
  if (!answer.success) add(room, { error: `Not sent: ${reason(answer)}` });
}

async function wave(id, name) {
  const room = current;
  const answer = await ask("notify", { userId: id, text: `Hello, ${name}!` });
  if (answer.success) note(room, `you waved at ${name}`);
  else add(room, { error: `${name} did not get it: ${reason(answer)}` });
}

/** The ack, or what stands for it when none comes. */
async function ask(event, argument) {
  try {
    return await socket.timeout(ACK_MS).emitWithAck(event, argument);
  } catch (error) {
    return { success: false, error: error.message };
  }
}

/** A refusal in words; how long to wait, where that helps. */
function reason({ error, code, retryAfterMs }) {
  const what = code && code !== "RATE_LIMITED" ? `${error} (${code})` : error;
  if (!retryAfterMs) return what;
  const at = new Date(Date.now() + retryAfterMs).toLocaleTimeString();
  return `${what}. Wait ${Math.ceil(retryAfterMs / 1000)} s, until ${at}.`;
}

/** A message as an entry. From another tab of ours it is ours as well. */
function said({ id, text, from, sentAt }) {
  const mine = from.id === me;
  return { id, who: mine ? "You" : nameOf(from), mine, said: text, at: sentAt };
}

function note(room, words) {
  add(room, { note: words });
}

function add(name, entry) {
  const room = rooms.get(name);
  if (!room) return entry;
  if (entry.id && room.ids.has(entry.id)) return entry;
  if (entry.id) room.ids.add(entry.id);
  room.entries.push(entry);
  const full = room.entries.length > ENTRIES_MAX;
  if (full && room.entries.shift().id) room.more = true;
  if (name === current) log.append(entry, full);
  else if (entry.said) {
    room.unread += 1;
    showRooms();
  }
  return entry;
}

function show(name) {
  current = name;
  const room = rooms.get(name);
  if (room) room.unread = 0;
  $("talk-title").textContent = name ?? "no room";
  $("leave").disabled = text.disabled = !room;
  log.show(room);
  showRooms();
  showPeople();
}

function showRooms() {
  drawRooms(rooms, current, show);
}

function showPeople() {
  drawPeople(rooms.get(current)?.people ?? [], me, wave);
}

function nameOf({ id, name }) {
  return typeof name === "string" && name ? name : `user ${String(id).slice(0, 5)}`;
}

/** What the token says of itself; only the server can tell whether it is true. */
function userOf(token) {
  try {
    const bytes = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    const claims = new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
    return JSON.parse(claims).userId?.toString();
  } catch {
    return undefined;
  }
}

try {
  ({ io } = await import(CLIENT));
} catch {
  const answer = await fetch(CLIENT).catch(() => undefined);
  const why = answer?.status === 404 ? await answer.text() : "the server gave no client out";
  complain(`The official Socket.IO client is missing, so this page cannot connect. The server says: ${why}`);
  signIn.querySelector("button").disabled = true;
}
await offer();
