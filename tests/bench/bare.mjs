// The least that a component in JavaScript can do for an event: it gives the arguments back, without our SDK. `shared` measures handlers
// beside it, for what it costs is the interpreter's entry and the passage of texts.

const DONE = { tag: "done", val: null };
const PASS = { tag: "pass" };
const NAMESPACE = { name: "/", options: [], hooks: [], events: [{ name: "echo", options: [] }], otherEvents: null, serverEvents: [] };

export const register = () => ({ mode: "shared", namespaces: [NAMESPACE], hooks: [], capabilities: [], options: [], sdk: "none" });
export const event = ({ payload }) => ({ tag: "done", val: payload });

// The contract wants them all. The host calls none of them, since `register` names none.
export const start = () => DONE;
export const connectMiddleware = () => PASS;
export const connection = () => DONE;
export const eventMiddleware = () => PASS;
export const disconnecting = () => DONE;
export const disconnect = () => DONE;
export const timer = () => DONE;
export const serverEvent = () => DONE;
export const notice = () => DONE;
export const wake = () => {};
export const snapshot = () => "";
export const restore = () => {};
