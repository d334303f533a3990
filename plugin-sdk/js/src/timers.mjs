// Timers of the plugin, which the host keeps: they live through traps and new versions. `setTimeout` is of one instance.

import { timers as host } from "./host.mjs";
import { checked } from "./emitter.mjs";
import { attempt } from "./errors.mjs";
import { milliseconds, text } from "./names.mjs";

/** The handlers, by the names of the timers. */
export const timerHandlers = new Map();

export const timers = {
  /** Registers the handler of all timers with this name: `({name, key, socket, data}) => …`. */
  on(name, handler) {
    timerHandlers.set(text(name), checked(handler));
  },

  /** Sets a timer. One with the same name, key and socket is replaced, or with `keep` left alone. */
  set(name, { delay = 0, every, key, socket, data = null, keep = false } = {}) {
    const setting = {
      name: text(name), key: optional(key), socket: idOf(socket), delayMs: milliseconds(delay, "delay"), everyMs: milliseconds(every, "every"),
      data: JSON.stringify(data), options: keep ? ["keep"] : [],
    };
    attempt(() => host.set(setting));
  },

  clear(name, { key, socket } = {}) {
    attempt(() => host.clear(text(name), optional(key), idOf(socket)));
  },
};

function optional(value) {
  return value === undefined || value === null ? null : text(value);
}

/** Of a socket, or an id. */
function idOf(socket) {
  return optional(typeof socket === "object" && socket !== null ? socket.id : socket);
}
