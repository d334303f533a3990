// Waiting: always for a condition, with a sentence that says which, and with an end.

/** Whatever a test waits for has happened by then, or never will. */
export const PATIENCE_MS = 10_000;
const STEP_MS = 10;

/** Resolves as `promise` does, or fails with the sentence. */
export async function within(sentence, promise, ms = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms in vain: ${sentence}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Calls `condition` until it gives something true, and returns that. What it throws counts as "not yet". */
export async function eventually(sentence, condition, ms = PATIENCE_MS) {
  const deadline = Date.now() + ms;
  for (;;) {
    let error;
    try {
      const value = await condition();
      if (value) return value;
    } catch (thrown) {
      error = thrown;
    }
    if (Date.now() > deadline) {
      throw new Error(`waited ${ms} ms in vain: ${sentence}`, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}

/** The arguments of the next such event of a socket, a manager or any other emitter. */
export function next(emitter, event, sentence = `the event ${JSON.stringify(event)} arrives`, ms = PATIENCE_MS) {
  let take;
  const arrived = new Promise((resolve) => {
    take = (...args) => resolve(args);
    emitter.once(event, take);
  });
  const waited = within(sentence, arrived, ms).finally(() => emitter.off?.(event, take));
  // The caller may await it only later, or never.
  waited.catch(() => {});
  return waited;
}

/** A list that fills with the arguments of these events, as `[name, ...args]`. */
export function record(socket, ...events) {
  const seen = [];
  for (const event of events) socket.on(event, (...args) => seen.push([event, ...args]));
  return seen;
}
