import { useSyncExternalStore } from "react";

export type LiveStatus = "connecting" | "live" | "reconnecting" | "offline";

let status: LiveStatus = "connecting";
const watchers = new Set<() => void>();

export function setLiveStatus(next: LiveStatus): void {
  if (next === status) return;
  status = next;
  watchers.forEach((tell) => tell());
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Whether what is shown moves by itself. */
export const useLiveStatus = (): LiveStatus => useSyncExternalStore(watch, () => status);
