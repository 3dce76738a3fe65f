import { useEffect } from "react";
import { VIEWS, type View } from "@/pages/calendar/model";

interface CalendarKeys {
  turn: (by: number) => void;
  show: (view: View) => void;
  today: () => void;
}

/** j and k turn the page, t comes back to today, 1 2 3 choose month, week, day. */
export function useCalendarKeys({ turn, show, today }: CalendarKeys): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
      if (typing || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("[role=dialog]")) return;
      const view = VIEWS[Number(event.key) - 1];
      if (event.key === "j" || event.key === "k") turn(event.key === "j" ? 1 : -1);
      else if (event.key === "t") today();
      else if (view) show(view);
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  });
}
