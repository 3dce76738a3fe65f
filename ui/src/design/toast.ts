import { useSyncExternalStore } from "react";

const SHOWN_MILLISECONDS = 6_000;

export interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

let toasts: readonly Toast[] = [];
let last = 0;
const watchers = new Set<() => void>();

function show(next: readonly Toast[]): void {
  toasts = next;
  watchers.forEach((tell) => tell());
}

/** Say what was done, for a few seconds. */
export function toast(text: string, bad = false): void {
  const id = ++last;
  show([...toasts.slice(-3), { id, text, bad }]);
  setTimeout(() => show(toasts.filter((other) => other.id !== id)), SHOWN_MILLISECONDS);
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export const useToasts = (): readonly Toast[] => useSyncExternalStore(watch, () => toasts);
