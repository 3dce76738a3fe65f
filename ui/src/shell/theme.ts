import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";
const PLACE = "penstock-theme";
const watchers = new Set<() => void>();
const dark = window.matchMedia("(prefers-color-scheme: dark)");

const read = (): Theme => {
  const kept = localStorage.getItem(PLACE);
  return kept === "light" || kept === "dark" ? kept : "system";
};

let theme: Theme = read();
apply();
dark.addEventListener("change", () => watchers.forEach((tell) => tell()));

function apply(): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

export function setTheme(next: Theme): void {
  theme = next;
  if (next === "system") localStorage.removeItem(PLACE);
  else localStorage.setItem(PLACE, next);
  apply();
  watchers.forEach((tell) => tell());
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export const useTheme = (): Theme => useSyncExternalStore(watch, () => theme);

/** Whether what is drawn by hand, on a canvas, should be dark. */
export const useIsDark = (): boolean =>
  useSyncExternalStore(watch, () => theme === "dark" || (theme === "system" && dark.matches));
