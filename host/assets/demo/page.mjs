// The chat page: one socket on /chat, any number of rooms, one of them in view. Everything that others wrote goes in as text.

const CLIENT = "/socket.io/socket.io.esm.min.js";
/** How long an ack may take before a message counts as failed. */
const ACK_MS = 10_000;
const TYPING_MS = 3_000;
const ENTRIES_MAX = 500;

const $ = (id) => document.getElementById(id);
const [state, problem, enter, house, log, text] = ["state", "problem", "enter", "house", "log", "text"].map($);

/** name → {entries, people: Map(id → name), unread}. */
const rooms = new Map();
let current;
let socket;
let io;

try {
  ({ io } = await import(CLIENT));
} catch {
  const answer = await fetch(CLIENT).catch(() => undefined);
  const why = answer?.status === 404 ? await answer.text() : "the server gave no client out";
  complain(`The official Socket.IO client is missing, so this page cannot connect. The server says: ${why}`);
  enter.querySelector("button").disabled = true;
}
$("name").value = sessionStorage.getItem("name") ?? "";
$("name").focus();

enter.addEventListener("submit", (event) => {
  event.preventDefault();
  const [name, room, token] = ["name", "first-room", "token"].map((id) => $(id).value.trim());
  if (!name) return complain("Choose a name that others can read.");
  sessionStorage.setItem("name", name);
  connect(name, room, token);
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
  send(current, text.value);
  text.value = "";
});

let typed = 0;
text.addEventListener("input", () => {
  if (!current || !socket.connected || Date.now() - typed < TYPING_MS) return;
  typed = Date.now();
  socket.emit("action", { type: "typing", roomId: current });
});

$("leave").addEventListener("click", async () => {
  const room = current;
  if (!room) return;
  const answer = await ask("room:leave", room);
  if (!answer.success) return complain(`You are still in ${room}: ${answer.error}`);
  rooms.delete(room);
  show(rooms.keys().next().value);
  (current ? text : $("room")).focus();
});

$("out").addEventListener("click", () => {
  socket.disconnect();
  socket = undefined;
  rooms.clear();
  current = undefined;
  house.hidden = true;
  enter.hidden = false;
  tell("idle", "not connected");
  $("name").focus();
});

function connect(name, room, token) {
  complain();
  socket?.disconnect();
  const mine = io("/chat", { query: { name }, auth: token ? { token } : {}, forceNew: true });
  socket = mine;
  tell("wait", "connecting …");
  let entered = false;
  const engineChanged = () => socket === mine && mine.connected && tell("on", `connected, ${mine.io.engine.transport.name}`);

  mine.on("connect", async () => {
    complain();
    engineChanged();
    mine.io.engine.once("upgrade", engineChanged);
    if (!entered) {
      entered = true;
      enter.hidden = true;
      house.hidden = false;
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
    complain(mine.active ? `Cannot reach the server: ${error.message}` : `The server refused you: ${error.message}`);
    if (!mine.active && !entered) enter.querySelector("details").open = true;
  });
  mine.on("disconnect", (reason) => {
    if (socket !== mine) return;
    tell(mine.active ? "wait" : "off", mine.active ? "reconnecting …" : "disconnected");
    for (const room of rooms.keys()) note(room, `connection lost (${reason})`);
    if (!mine.active) complain(`Disconnected: ${reason}. Sign out and come in again.`);
  });
  mine.on("user:joined", ({ id, name }) => arrivals(id, name));
  mine.on("user:left", departures);
  mine.on("user:typing", ({ id, roomId }) => showTyping(id, roomId));
  mine.on("chat:message", ({ roomId, text, from, name, sentAt }) => {
    const who = name ?? short(from);
    rooms.get(roomId)?.people.set(from, name);
    if (roomId === current) $("typing").textContent = "";
    add(roomId, { who, said: text, at: sentAt });
  });
  mine.on("error", ({ message, code }) => current && add(current, { error: `${message} (${code})` }));
}

async function join(name, look = true) {
  const answer = await ask("room:join", name);
  if (!answer.success) return complain(`You cannot join ${name}: ${answer.error}`);
  complain();
  if (!rooms.has(name)) {
    rooms.set(name, { entries: [], people: new Map(), unread: 0 });
    note(name, "you joined");
  }
  if (look) show(name);
  await refresh(name);
}

/** Who is there. The events do not say in which room somebody joined or left, so the server is asked. */
async function refresh(name) {
  const room = rooms.get(name);
  const people = await ask("room:people", name);
  if (!room || !Array.isArray(people)) return undefined;
  const before = room.people;
  room.people = new Map(people.map(({ id, name }) => [id, name]));
  if (name === current) showPeople();
  return before;
}

async function arrivals(id, name) {
  for (const room of [...rooms.keys()]) {
    const before = await refresh(room);
    if (before && !before.has(id) && rooms.get(room)?.people.has(id)) note(room, `${name ?? short(id)} joined`);
  }
}

async function departures(id) {
  for (const room of [...rooms.keys()]) {
    const before = await refresh(room);
    if (before?.has(id) && !rooms.get(room)?.people.has(id)) note(room, `${before.get(id) ?? short(id)} left`);
  }
}

async function send(room, said) {
  const entry = add(room, { who: "You", mine: true, said, at: Date.now(), mark: "pending" });
  const answer = await ask("chat:send", { roomId: room, text: said });
  entry.mark = answer.success ? "delivered" : "failed";
  entry.repaint?.();
  if (!answer.success) add(room, { error: `Not sent: ${answer.error}${answer.code ? ` (${answer.code})` : ""}` });
}

/** The ack, or what stands for it when none comes. */
async function ask(event, argument) {
  try {
    return await socket.timeout(ACK_MS).emitWithAck(event, argument);
  } catch (error) {
    return { success: false, error: error.message };
  }
}

function note(room, said) {
  add(room, { note: said });
}

function add(name, entry) {
  const room = rooms.get(name);
  if (!room) return entry;
  room.entries.push(entry);
  if (room.entries.length > ENTRIES_MAX) room.entries.shift();
  if (name === current) append(entry);
  else if (entry.said) {
    room.unread += 1;
    showRooms();
  }
  return entry;
}

function append(entry) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  log.append(drawn(entry));
  while (log.childElementCount > ENTRIES_MAX) log.firstElementChild.remove();
  if (atEnd || entry.mine) log.scrollTop = log.scrollHeight;
}

function drawn(entry) {
  const kind = entry.error ? "error" : entry.note ? "note" : entry.mine ? "mine" : "";
  const box = element("div", `entry ${kind}`);
  if (entry.error || entry.note) {
    box.textContent = entry.error ?? entry.note;
    return box;
  }
  const head = element("div", "head");
  const time = element("time", "", new Date(entry.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = new Date(entry.at).toISOString();
  head.append(element("span", "who", entry.who), time);
  if (entry.mark) {
    const mark = element("span", "mark");
    entry.repaint = () => {
      mark.dataset.mark = entry.mark;
      mark.textContent = entry.mark;
    };
    entry.repaint();
    head.append(mark);
  }
  box.append(head, element("div", "said", entry.said));
  return box;
}

function show(name) {
  current = name;
  const room = rooms.get(name);
  if (room) room.unread = 0;
  $("talk-title").textContent = name ?? "no room";
  $("leave").disabled = text.disabled = !room;
  $("typing").textContent = "";
  log.replaceChildren(...(room?.entries ?? []).map(drawn));
  log.scrollTop = log.scrollHeight;
  showRooms();
  showPeople();
}

function showRooms() {
  const focused = document.activeElement?.dataset?.room;
  $("rooms").replaceChildren(...[...rooms].map(([name, { unread }]) => {
    const button = element("button", "", name);
    button.type = "button";
    button.dataset.room = name;
    if (name === current) button.setAttribute("aria-current", "true");
    if (unread) {
      const count = element("span", "unread", String(unread));
      count.append(element("span", "unseen", " unread"));
      button.append(count);
    }
    button.addEventListener("click", () => show(name));
    const item = element("li");
    item.append(button);
    return item;
  }));
  $("rooms").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  // The buttons are new; the keyboard stays where it was.
  if (focused) [...$("rooms").querySelectorAll("button")].find(({ dataset }) => dataset.room === focused)?.focus();
}

function showPeople() {
  const people = [...(rooms.get(current)?.people ?? [])];
  $("people").replaceChildren(...people.map(([id, name]) => {
    const item = element("li", "", name ?? short(id));
    if (id === socket?.id) item.append(element("span", "you", " (you)"));
    return item;
  }));
}

let typingEnds;
function showTyping(id, room) {
  if (room !== current) return;
  $("typing").textContent = `${rooms.get(room).people.get(id) ?? short(id)} is typing …`;
  clearTimeout(typingEnds);
  typingEnds = setTimeout(() => ($("typing").textContent = ""), TYPING_MS);
}

function tell(kind, words) {
  state.dataset.state = kind;
  state.textContent = words;
}

function complain(words) {
  problem.hidden = !words;
  problem.textContent = words ?? "";
}

function short(id) {
  return `guest ${id.slice(0, 5)}`;
}

function element(kind, className = "", words = "") {
  const made = document.createElement(kind);
  if (className) made.className = className.trim();
  made.textContent = words;
  return made;
}
