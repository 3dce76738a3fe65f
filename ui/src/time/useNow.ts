import { useSyncExternalStore } from "react";
import { nowMicros, type Micros } from "@/time/format";

const TICK_MILLISECONDS = 1_000;

// One clock for the whole page: a thousand rows tick together and cost one timer.
let now: Micros = nowMicros();
let timer: ReturnType<typeof setInterval> | undefined;
const watchers = new Set<() => void>();

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  timer ??= setInterval(() => {
    now = nowMicros();
    watchers.forEach((tell) => tell());
  }, TICK_MILLISECONDS);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

const stand = (): (() => void) => () => undefined;

/** The current instant, moving by the second while `ticking`. */
export function useNow(ticking = true): Micros {
  return useSyncExternalStore(ticking ? watch : stand, () => now);
}
