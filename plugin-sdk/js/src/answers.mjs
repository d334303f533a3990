// Emits that clients acknowledge.

import { emit as host } from "./host.mjs";
import { HostError, fromHost, uncaught } from "./errors.mjs";
import { milliseconds, refused, text } from "./names.mjs";
import { decode, encode } from "./payload.mjs";
import { whenSettled } from "./promise.mjs";
import { ask } from "./tickets.mjs";

const SENTENCES = { timeout: "operation has timed out", disconnected: "socket has been disconnected" };

/** Asks the client of a socket. Promises all arguments of its ack. */
export function askSocket(id, name, args, timeout) {
  const begin = () => host.askSocket(id, text(name), encode(args), milliseconds(timeout));
  return ask(named(name, begin), (ticket) => decode(taken(ticket).responses[0].payload));
}

/**
 * Asks the clients of all sockets that match. Promises the first argument of each ack. If some did not answer it is rejected with an error
 * whose `responses` are those that came, as in Socket.IO; which sockets were `missing` or `timedOut` stands beside them.
 */
export function askRooms(target, name, args, timeout) {
  const begin = () => host.askRooms(target, text(name), encode(args), milliseconds(timeout));
  return ask(named(name, begin), (ticket) => allOf(taken(ticket)));
}

/** The promise as a callback, the last argument of an `emit`. */
export function toCallback(promise, onAnswer, onError) {
  const guarded = (fn) => (value) => {
    try {
      fn(value);
    } catch (error) {
      uncaught("callback of an ack", error);
    }
  };
  whenSettled(promise, guarded(onAnswer), guarded(onError));
}

function named(name, begin) {
  return () => {
    try {
      return begin();
    } catch (error) {
      throw refused(name, error);
    }
  };
}

function taken(ticket) {
  try {
    return host.responses(ticket);
  } catch (thrown) {
    const error = fromHost(thrown);
    if (Object.hasOwn(SENTENCES, error.code)) error.message = SENTENCES[error.code];
    throw error;
  }
}

function allOf(answers) {
  const responses = answers.responses.map((response) => decode(response.payload)[0]);
  const { missing, timedOut, unanswered, nodesMissing } = answers;
  if (missing.length + timedOut.length + unanswered + nodesMissing === 0) return responses;
  const error = new HostError({ code: "timeout", message: SENTENCES.timeout });
  throw Object.assign(error, { responses, missing, timedOut, unanswered, nodesMissing });
}
