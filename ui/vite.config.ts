import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `make ui-dev` serves the console by itself and passes the API through to a server on its usual port.
const SERVER = process.env["PENSTOCK_UI_SERVER"] ?? "http://127.0.0.1:4200";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: { port: 4201, strictPort: true, proxy: { "/api": { target: SERVER, changeOrigin: true, headers: { Origin: SERVER } } } },
  build: {
    outDir: "../src/penstock/server/static",
    emptyOutDir: true,
    target: "es2022",
    // No inlined files: the server's content security policy allows none.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  worker: { format: "es" },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"], setupFiles: ["src/testing/setup.ts"], isolate: false },
});
