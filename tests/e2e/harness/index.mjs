// Everything that a test needs: `import { startHost, connect, … } from "./harness/index.mjs"`.

export * from "./admin.mjs";
export * from "./client.mjs";
export * from "./host.mjs";
export * from "./paths.mjs";
export * from "./process.mjs";
export * from "./proxy.mjs";
export * from "./raw.mjs";
export * from "./wait.mjs";
