// What the chat page draws with: the log of a room, its people, the list of rooms, and what the server has to say.

export const $ = (id) => document.getElementById(id);

const NOTICES_MAX = 3;

/** The messages of the room in view, and what happened between them. */
export class Log {
  #box;
  #earlier;

  constructor(box, earlier) {
    this.#box = box;
    this.#earlier = element("button", "quiet earlier", "Earlier messages");
    this.#earlier.type = "button";
    this.#earlier.addEventListener("click", earlier);
  }

  /** Draws all of a room; `stay`: older ones came on top, and what was in view stays there. */
  show(room, stay = false) {
    const box = this.#box;
    const below = box.scrollHeight - box.scrollTop;
    // Nobody wants fifty old messages read out.
    box.setAttribute("aria-live", "off");
    box.replaceChildren(...(room?.more ? [this.#earlier] : []), ...(room?.entries ?? []).map(drawn));
    box.scrollTop = stay ? box.scrollHeight - below : box.scrollHeight;
    setTimeout(() => box.setAttribute("aria-live", "polite"), 100);
    if (stay) box.focus();
  }

  /** One more at the end; `full`: the first one goes. */
  append(entry, full) {
    const box = this.#box;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
    box.append(drawn(entry));
    if (full) box.querySelector(".entry")?.remove();
    if (atEnd || entry.mine) box.scrollTop = box.scrollHeight;
  }
}

function drawn(entry) {
  const kind = entry.error ? "error" : entry.note ? "note" : entry.about ? "announcement" : entry.mine ? "mine" : "";
  const box = element("div", `entry ${kind}`);
  if (entry.error || entry.note) {
    box.textContent = entry.error ?? entry.note;
    return box;
  }
  const head = element("div", "head");
  const time = element("time", "", shown(new Date(entry.at)));
  time.dateTime = new Date(entry.at).toISOString();
  head.append(element("span", "who", entry.who));
  if (entry.about) head.append(element("span", "about", ` ${entry.about}`));
  head.append(time);
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

/** Today the time will do. */
function shown(date) {
  const day = date.toDateString() === new Date().toDateString() ? {} : { day: "numeric", month: "short" };
  return date.toLocaleString([], { ...day, hour: "2-digit", minute: "2-digit" });
}

export function drawRooms(rooms, current, show) {
  const items = [...rooms].map(([name, { unread }]) => {
    const button = element("button", "", name);
    button.type = "button";
    button.dataset.of = name;
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
  });
  replace($("rooms"), items);
  $("rooms").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** `people`: id → {name, nodes: the servers that the user is there on}. */
export function drawPeople(people, me, wave) {
  const items = [...people].map(([id, { name, nodes }]) => {
    const item = element("li");
    item.append(element("span", "name", name));
    if (id === me) item.append(element("span", "you", " (you)"));
    const node = element("span", "node", ` ${nodes.join(", ")}`);
    node.title = `connected to the server ${nodes.join(" and ")}`;
    if (nodes.length > 0) item.append(node);
    if (id === me) return item;
    const button = element("button", "quiet", "Wave");
    button.type = "button";
    button.dataset.of = id;
    button.append(element("span", "unseen", ` at ${name}`));
    button.addEventListener("click", () => wave(id, name));
    item.append(button);
    return item;
  });
  replace($("people"), items);
}

/** The buttons are new; the keyboard stays where it was. */
function replace(list, items) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.of : undefined;
  list.replaceChildren(...items);
  if (focused !== undefined) [...list.querySelectorAll("button")].find(({ dataset }) => dataset.of === focused)?.focus();
}

/** Something for this user alone, whatever room is in view. */
export function notice(words) {
  const [box, button] = [element("div", "notice"), element("button", "quiet", "Dismiss")];
  button.type = "button";
  button.addEventListener("click", () => {
    box.remove();
    $("text").focus();
  });
  box.append(element("span", "", words), button);
  const notices = $("notices");
  notices.append(box);
  if (notices.childElementCount > NOTICES_MAX) notices.firstElementChild.remove();
}

export function tell(kind, words) {
  $("state").dataset.state = kind;
  $("state").textContent = words;
}

export function complain(words) {
  $("problem").hidden = !words;
  $("problem").textContent = words ?? "";
}

export function element(kind, className = "", words = "") {
  const made = document.createElement(kind);
  if (className) made.className = className.trim();
  made.textContent = words;
  return made;
}
