// Events of clients: from the export to the listeners, and the answer.

import { acks, keepAck, keptAck, log, sendAck, takeAck } from "./host.mjs";
import { DONE, PASS, allEnded, endFailed, endVerdict, endWith, failed, isThenable, leave } from "./calls.mjs";
import { runChain } from "./chain.mjs";
import { attempt, describe, toFailure } from "./errors.mjs";
import { text } from "./names.mjs";
import { decode, encode } from "./payload.mjs";
import { InnkeeperPromise } from "./promise.mjs";
import { sockets } from "./socket.mjs";

/** The event whose listeners are called right now. */
let current = null;

/** What a listener returned that answers with its callback: a promise whose value is not the ack. */
class Unanswering {
  constructor(promise) {
    this.promise = promise;
  }
}

/** The export `event`. A listener that waits for nothing makes no promise. */
export function event(arrived) {
  const socket = sockets.get(arrived.socket);
  if (socket === undefined) return failed(new Error(`this instance does not know the socket ${arrived.socket}`));
  current = arrived;
  let outcome;
  try {
    outcome = handle(arrived, socket);
  } catch (error) {
    outcome = endFailed(error);
  }
  current = null;
  if (keptAck === null) return outcome;
  if (outcome === DONE) return { tag: "done", val: takeAck() };
  sendAck();
  return outcome;
}

function handle(arrived, socket) {
  const args = decode(arrived.payload);
  const answer = socket._middleware === null ? invoke(arrived, socket, arrived.name, args) : throughMiddleware(arrived, socket, args);
  if (answer !== undefined) {
    if (answer instanceof Unanswering) return endWith(arrived.call, answer.promise, () => DONE);
    if (isThenable(answer)) return endWith(arrived.call, answer, answered);
  }
  leave();
  return answered(answer);
}

/** The export `event-middleware`. `list` are the functions of `useEvent`. */
export function eventMiddleware(arrived, list, socket) {
  try {
    const packet = [arrived.name, ...decode(arrived.payload)];
    const before = JSON.stringify(packet);
    const run = (fn, next) => fn.call(socket.nsp, socket, packet, next);
    return endVerdict(arrived.call, runChain(list, run, 3, () => rewritten(packet, before), rejected));
  } catch (error) {
    return endFailed(error);
  }
}

/**
 * Calls the listeners of an event. Returns what is to be acknowledged, or a promise of it: `undefined` is nothing. A listener that names its
 * callback answers with that, whatever it returns.
 */
function invoke(arrived, socket, name, args) {
  const any = socket._any;
  if (any !== null) for (const listener of any) listener.call(socket, name, ...args);
  const listeners = socket._listeners.get(name);
  if (listeners === undefined) return undefined;
  const count = args.length;
  const { ack } = arrived;
  if (ack !== null) args.push(callbackFor(arrived));
  let waits = null;
  let answer;
  for (let i = 0; i < listeners.length; i++) {
    const listener = listeners[i];
    const result = listener.apply(socket, args);
    if (result === undefined) continue;
    const isAnswer = ack !== null && listener.length <= count;
    if (isThenable(result)) (waits ??= []).push(isAnswer ? result : new Unanswering(result));
    else if (isAnswer && answer === undefined) answer = result;
  }
  if (waits === null) return answer;
  if (waits.length === 1 && answer === undefined) return waits[0];
  return allEnded(waits.map(answerOf)).then((values) => [answer].concat(values).find((value) => value !== undefined));
}

function answerOf(result) {
  return result instanceof Unanswering ? InnkeeperPromise.resolve(result.promise).then(nothing) : result;
}

function nothing() {}

function answered(value) {
  return value === undefined ? DONE : { tag: "done", val: encode([value]) };
}

function rejected(error) {
  return { tag: "reject", val: toFailure(error) };
}

function rewritten(packet, before) {
  if (JSON.stringify(packet) === before) return PASS;
  return { tag: "rewrite", val: { name: text(packet[0]), payload: encode(packet.slice(1)) } };
}

/** The last argument of a listener whose client asked for an ack. Its first call counts. */
function callbackFor(arrived) {
  let isSent = false;
  return (...values) => {
    if (isSent) return;
    isSent = true;
    const { socket, ack } = arrived;
    const payload = encode(values);
    if (current === arrived) return keepAck({ socket, ack, payload });
    attempt(() => acks.reply(socket, ack, payload));
  };
}

/** `socket.use`: what the middleware makes of the list is what the listeners get. Nobody but `error` listeners hears of an error. */
function throughMiddleware(arrived, socket, args) {
  const packet = [arrived.name, ...args];
  const run = (fn, next) => fn.call(socket, packet, next);
  return runChain(socket._middleware, run, 2, () => answerOf(invoke(arrived, socket, packet[0], packet.slice(1))), (error) => {
    const listeners = socket._listeners.get("error");
    if (listeners === undefined) log.write("error", `no listener for \`error\` on the socket: ${describe(error)}`.toWellFormed(), []);
    else for (const listener of listeners) listener.call(socket, error);
  });
}
