// Events of clients: from the export to the listeners, and the answer.

import { acks, keepAck, keptPayload, log, sendAck, takeAck } from "./host.mjs";
import { DONE, PASS, allEnded, endFailed, endVerdict, endWith, failed, isThenable, leave } from "./calls.mjs";
import { runChain } from "./chain.mjs";
import { attempt, describe, toFailure } from "./errors.mjs";
import { text } from "./names.mjs";
import { decode, encode, encodeOne } from "./payload.mjs";
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
  if (keptPayload === null) return outcome;
  if (outcome === DONE) return { tag: "done", val: takeAck() };
  sendAck();
  return outcome;
}

function handle(arrived, socket) {
  const args = decode(arrived.payload);
  const answer = socket._middleware === null ? invoke(arrived, socket, arrived.name, args) : throughMiddleware(arrived, socket, args);
  if (typeof answer === "object") {
    if (isThenable(answer)) return endWith(arrived.call, answer, answered);
    if (answer instanceof Unanswering) return endWith(arrived.call, answer.promise, () => DONE);
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
  const hasAck = arrived.ack !== null;
  if (hasAck) args.push(callbackFor(arrived));
  if (listeners.length === 1) return callOne(listeners[0], socket, args, count, hasAck);
  const results = listeners.map((listener) => callOne(listener, socket, args, count, hasAck));
  const isWaiting = (result) => result instanceof Unanswering || isThenable(result);
  const answer = results.find((result) => result !== undefined && !isWaiting(result));
  const waits = results.filter(isWaiting);
  if (waits.length === 0) return answer;
  return allEnded(waits.map(answerOf)).then((values) => [answer].concat(values).find((value) => value !== undefined));
}

/** Calls a listener. Returns what of its result counts: an answer or a promise of it, or a promise that only has to be waited for. */
function callOne(listener, socket, args, count, hasAck) {
  const result = listener.apply(socket, args);
  if (result === undefined || (hasAck && listener.length <= count)) return result;
  return isThenable(result) ? new Unanswering(result) : undefined;
}

function answerOf(result) {
  return result instanceof Unanswering ? InnkeeperPromise.resolve(result.promise).then(nothing) : result;
}

function nothing() {}

function answered(value) {
  return value === undefined ? DONE : { tag: "done", val: encodeOne(value) };
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
  return (...values) => {
    const { socket, ack } = arrived;
    if (ack === null) return;
    arrived.ack = null;
    const payload = values.length === 1 ? encodeOne(values[0]) : encode(values);
    if (current === arrived) return keepAck(socket, ack, payload);
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
