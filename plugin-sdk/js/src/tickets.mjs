// Questions to the host: asked at once, answered in a later entry through `wake`.

import { calls } from "./host.mjs";
import { fromHost } from "./errors.mjs";
import { pending, reject, resolve } from "./promise.mjs";

/** What is to be done when a ticket is answered. */
const open = new Map();
/** Questions of the plugin's module while it is loaded: they are asked when the instance has been started. Null from then on. */
let early = [];

/** Asks a question and promises its answer. `begin` asks and returns the ticket; `take` gets the answer for the ticket. */
export function ask(begin, take) {
  const promise = pending();
  const refused = (error) => reject(promise, fromHost(error));
  const answered = (ticket) => {
    let answer;
    try {
      answer = take(ticket);
    } catch (error) {
      return refused(error);
    }
    resolve(promise, answer);
  };
  if (early !== null) early.push(() => tryTo(begin, answered, refused));
  else tryTo(begin, answered, refused);
  return promise;
}

/** Asks a question whose answer a function gets. Returns the ticket, and throws what the host refuses. */
export function openTicket(begin, answered) {
  const ticket = begin();
  open.set(ticket, answered);
  return ticket;
}

/** Puts something off until the instance has been started; returns false if it has been. */
export function isEarly(later) {
  if (early === null) return false;
  early.push(later);
  return true;
}

/** Does what was put off. */
export function started() {
  if (early === null) return;
  const list = early;
  early = null;
  for (const later of list) later();
}

/** The ticket was answered. */
export function answered(ticket) {
  const fn = open.get(ticket);
  if (fn === undefined) return;
  open.delete(ticket);
  fn(ticket);
}

/** Takes a question back. */
export function cancel(ticket) {
  if (open.delete(ticket)) calls.cancel(ticket);
}

function tryTo(begin, answered, refused) {
  try {
    open.set(begin(), answered);
  } catch (error) {
    refused(error);
  }
}
