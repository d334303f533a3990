// Calls of the host: how one ends, at once or later.

import { calls as host } from "./host.mjs";
import { toFailure, uncaught } from "./errors.mjs";
import { InnkeeperPromise, drain, ifSettled, isIdle, setHandled, takeRejected, whenSettled } from "./promise.mjs";

const WAITING = { tag: "waiting" };
/** A call that ended well and acknowledges nothing. */
export const DONE = { tag: "done", val: null };
/** Middleware that lets pass. */
export const PASS = { tag: "pass" };

/** How a call failed that threw this. */
export function failed(thrown) {
  return { tag: "failed", val: toFailure(thrown) };
}

/** Whether something can be waited for. */
export function isThenable(value) {
  return typeof value === "object" && value !== null && typeof value.then === "function";
}

/** The end of an entry: what waits for nothing but its turn runs now. */
export function leave() {
  if (isIdle()) return;
  for (drain(); !isIdle(); drain()) for (const error of takeRejected()) uncaught("unhandled rejection", error);
}

/** Ends a call with what a promise is fulfilled with, or with what `failed` makes of its error: in this entry, or in a later one. */
export function endWith(call, thenable, toResult, settle = host.settle) {
  const promise = InnkeeperPromise.resolve(thenable);
  setHandled(promise);
  leave();
  try {
    // Most promises are settled now, and whoever only looks needs no functions and no job.
    const result = ifSettled(promise, toResult, failed);
    if (result !== undefined) return result;
  } catch (error) {
    return failed(error);
  }
  whenSettled(promise, (value) => settle(call, attemptTo(toResult, value)), (error) => settle(call, failed(error)));
  return WAITING;
}

function attemptTo(toResult, value) {
  try {
    return toResult(value);
  } catch (error) {
    return failed(error);
  }
}

/** Ends a call of middleware with a verdict, or with the one that a promise is fulfilled with. */
export function endVerdict(call, verdict) {
  if (isThenable(verdict)) return endWith(call, verdict, (one) => one, host.settleVerdict);
  leave();
  return verdict;
}

/** Ends a call that threw before it waited for anything. */
export function endFailed(error) {
  leave();
  return failed(error);
}

/** A call that runs these listeners in their order. It ends when all that they wait for has ended. */
export function run(call, listeners, self, args) {
  let waits = null;
  try {
    for (const listener of listeners) {
      const result = listener.apply(self, args);
      if (isThenable(result)) (waits ??= []).push(result);
    }
  } catch (error) {
    return endFailed(error);
  }
  if (waits !== null) return endWith(call, allEnded(waits), () => DONE);
  leave();
  return DONE;
}

/** Is settled when all of the promises are, with their values or the first error among them. */
export function allEnded(promises) {
  if (promises.length === 1) return promises[0];
  return InnkeeperPromise.allSettled(promises).then((results) => results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  }));
}
