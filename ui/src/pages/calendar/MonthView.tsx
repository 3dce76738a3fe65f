import { Chip } from "@/pages/calendar/Chip";
import { bundled, type Entry } from "@/pages/calendar/model";
import { dateText } from "@/time/local";

export interface CalendarViewProps {
  days: readonly Date[];
  entries: ReadonlyMap<string, readonly Entry[]>;
  /** As `2026-11-21`. */
  today: string;
  onOpen: (entry: Entry) => void;
  onDay: (day: Date) => void;
}

const SHOWN_MAX = 4;
const MANY = 3;
const WEEKDAY = new Intl.DateTimeFormat("en-GB", { weekday: "short" });
const LONG = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });

/** Weeks of a month. */
export function MonthView({ days, entries, today, onOpen, onDay, month }: CalendarViewProps & { month: number }) {
  const weeks = Array.from({ length: days.length / 7 }, (_, week) => days.slice(week * 7, week * 7 + 7));
  return (
    <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="Month">
      <table className="w-full min-w-3xl table-fixed border-collapse">
        <thead><tr className="h-8 text-xs text-muted">{(weeks[0] ?? []).map((day) => <th key={day.getTime()} scope="col" className="border-b border-line px-2 text-left font-medium">{WEEKDAY.format(day)}</th>)}</tr></thead>
        <tbody>
          {weeks.map((week) => (
            <tr key={week[0]?.getTime()}>
              {week.map((day) => {
                const key = dateText(day);
                const bundles = bundled(entries.get(key) ?? [], { many: MANY, hourly: false });
                const rest = bundles.slice(SHOWN_MAX).reduce((sum, bundle) => sum + bundle.entries.length, 0);
                return (
                  <td key={key} className={`h-34 border-b border-l border-line align-top first:border-l-0 ${day.getMonth() === month ? "" : "bg-sunken"}`}>
                    <div className="flex flex-col gap-0.5 p-1">
                      <button
                        type="button" onClick={() => onDay(day)} aria-label={LONG.format(day)} {...(key === today ? { "aria-current": "date" } : {})}
                        className={`mb-0.5 size-6 rounded-full text-xs hover:bg-hover ${key === today ? "bg-accent font-semibold text-on-accent hover:bg-accent-strong" : day.getMonth() === month ? "" : "text-muted"}`}
                      >
                        {day.getDate()}
                      </button>
                      {bundles.slice(0, SHOWN_MAX).map((bundle) => <Chip key={bundle.first.id} bundle={bundle} onOpen={onOpen} onMany={() => onDay(day)} />)}
                      {rest > 0 && <button type="button" onClick={() => onDay(day)} className="rounded h-6 px-1 text-left text-xs text-muted hover:bg-hover">and {rest} more</button>}
                    </div>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
