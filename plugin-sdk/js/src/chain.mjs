// Middleware, one after the other.

import { isThenable } from "./calls.mjs";
import { InnkeeperPromise, pending, reject, resolve } from "./promise.mjs";

/**
 * Runs middleware and then `passed()`, or `refused(error)` after the first error. Returns what that returns: at once if nobody waited for
 * anything, else as a promise. One that names the parameter `next`, its last of `parameters`, goes on when it calls that; another one when
 * it returns, or when its promise is fulfilled. What it throws, or gives to `next`, is the error.
 */
export function runChain(list, call, parameters, passed, refused) {
  let promise = null;
  let end = null;
  const ended = (fn, error) => {
    if (promise === null) end = () => fn(error);
    else settleWith(promise, fn, error);
  };
  const step = (index) => {
    if (index === list.length) return ended(passed);
    const fn = list[index];
    const hasNext = fn.length >= parameters;
    let isDone = false;
    const next = (error) => {
      if (isDone) return;
      isDone = true;
      if (error) ended(refused, error);
      else step(index + 1);
    };
    const stop = (error) => next(error || new Error(`middleware has thrown ${String(error)}`));
    let result;
    try {
      result = call(fn, next);
    } catch (error) {
      return stop(error);
    }
    if (isThenable(result)) InnkeeperPromise.resolve(result).then(() => (hasNext ? undefined : next()), stop);
    else if (!hasNext) next();
  };
  step(0);
  // Not inside of the middleware's call of `next`: it would catch what a handler throws.
  if (end !== null) return end();
  promise = pending();
  return promise;
}

function settleWith(promise, fn, error) {
  try {
    resolve(promise, fn(error));
  } catch (thrown) {
    reject(promise, thrown);
  }
}
