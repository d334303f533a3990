// Limits of rate, which the host counts. Needs the capability `rate-limit`.

import { rateLimit as host } from "./host.mjs";
import { milliseconds, text } from "./names.mjs";
import { ask } from "./tickets.mjs";

export const rateLimit = {
  /**
   * Takes points from what a key has left of `limit`, `{points, windowMs}`. Promises `{allowed, remainingPoints, consumedPoints,
   * beforeNextMs}`.
   */
  consume(key, limit, points = 1) {
    const checked = { points: milliseconds(limit.points, "points"), windowMs: milliseconds(limit.windowMs, "windowMs") };
    return ask(() => host.askConsume(text(key), milliseconds(points, "points"), checked), host.consumed);
  },
};
