import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { PLACES } from "@/shell/places";

const CHORD_MILLISECONDS = 1_200;

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

interface Shortcuts {
  openPalette: () => void;
  openHelp: () => void;
}

/** Keys that work on every page: `g` and a letter goes somewhere, `/` searches, `?` helps, Ctrl or Cmd and K commands. */
export function useShortcuts({ openPalette, openHelp }: Shortcuts): void {
  const navigate = useNavigate();
  const chordAt = useRef(-Infinity);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        openPalette();
        return;
      }
      if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (document.querySelector("[role=dialog]")) return;
      const place = PLACES.find(({ key }) => key === event.key);
      if (place && performance.now() - chordAt.current < CHORD_MILLISECONDS) {
        chordAt.current = -Infinity;
        event.preventDefault();
        void navigate({ to: place.to });
      } else if (event.key === "g") {
        chordAt.current = performance.now();
      } else if (event.key === "/") {
        event.preventDefault();
        const search = document.querySelector<HTMLInputElement>("[data-search]");
        if (search) search.focus();
        else openPalette();
      } else if (event.key === "?") {
        openHelp();
      }
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [navigate, openPalette, openHelp]);
}

/** What the help lists. */
export const SHORTCUTS: readonly (readonly [string, string])[] = [
  ["Ctrl K", "Command palette: runs, flows, pages, actions"],
  ["/", "Search on this page"],
  ["?", "This list"],
  ...PLACES.map(({ key, name }) => [`g ${key}`, name] as const),
  ["j / k", "Next, previous row of a table"],
  ["Enter", "Open the row"],
  ["x", "Select the row"],
  ["j / k / t", "Calendar: later, earlier, today"],
  ["1 / 2 / 3", "Calendar: month, week, day"],
  ["+ / - / 0", "Timeline: zoom in, out, all"],
  ["← → ↑ ↓", "Timeline: move"],
  ["n", "Timeline: next task run that failed"],
  ["Esc", "Close, clear"],
];
