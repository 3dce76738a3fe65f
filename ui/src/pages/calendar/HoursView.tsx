import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { Chip } from "@/pages/calendar/Chip";
import { bundled, placed, type Bundle } from "@/pages/calendar/model";
import type { CalendarViewProps } from "@/pages/calendar/MonthView";
import { HOUR, toDate, type Micros } from "@/time/format";
import { dateText } from "@/time/local";

const HOUR_PIXELS = 48;
const CHIP_MINUTES = 30;
const MANY = 4;
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
const NAME = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric" });
const LONG = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });
const pixels = (minutes: number): number => (minutes / 60) * HOUR_PIXELS;

/** Days as columns of 24 hours: one, or a week. */
export function HoursView({ days, entries, today, onOpen, onDay, now }: CalendarViewProps & { now: Micros }) {
  const navigate = useNavigate();
  const box = useRef<HTMLDivElement>(null);
  const clock = toDate(now);
  const minutes = clock.getHours() * 60 + clock.getMinutes();
  const first = days[0]?.getTime();
  useEffect(() => {
    // What is about now is in sight at first.
    box.current?.scrollTo({ top: pixels(Math.max(0, minutes - 180)) });
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [first, days.length]);
  const many = (day: Date, bundle: Bundle) => {
    const since = Math.floor(bundle.first.at / HOUR) * HOUR;
    if (bundle.first.run) void navigate({ to: "/runs", search: { since: String(since), until: String(since + HOUR) } });
    else if (days.length > 1) onDay(day);
    else if (bundle.first.tick) void navigate({ to: "/deployments/$flow/$name", params: { flow: bundle.first.tick.flow_name, name: bundle.first.tick.deployment_name } });
  };
  return (
    <div ref={box} tabIndex={0} role="region" aria-label={days.length > 1 ? "Week" : "Day"} className="max-h-[calc(100dvh-9rem)] overflow-auto focus-visible:outline-offset-[-3px]">
      <div className={`grid ${days.length > 1 ? "min-w-4xl grid-cols-[3.25rem_repeat(7,minmax(0,1fr))]" : "grid-cols-[3.25rem_minmax(0,1fr)]"}`}>
        <span className="sticky top-0 z-2 h-9 border-b border-line bg-surface" />
        {days.map((day) => {
          const isToday = dateText(day) === today;
          return (
            <button key={day.getTime()} type="button" onClick={() => onDay(day)} title={LONG.format(day)} {...(isToday ? { "aria-current": "date" } : {})} className="sticky top-0 z-2 h-9 border-b border-l border-line bg-surface text-xs font-medium text-muted hover:bg-hover focus-visible:outline-offset-[-3px]">
              <span className={isToday ? "rounded-full bg-accent px-2 py-0.5 text-on-accent" : ""}>{NAME.format(day)}</span>
            </button>
          );
        })}
        <div aria-hidden className="relative" style={{ height: pixels(24 * 60) }}>
          {HOURS.slice(1).map((hour) => <span key={hour} className="absolute right-2 -translate-y-1/2 text-xs text-faint" style={{ top: pixels(hour * 60) }}>{String(hour).padStart(2, "0")}:00</span>)}
        </div>
        {days.map((day) => {
          const key = dateText(day);
          const bundles = placed(bundled(entries.get(key) ?? [], { many: MANY, hourly: true }), { now, minutesMin: CHIP_MINUTES, lanesMax: days.length > 1 ? 3 : 8 });
          return (
            <section key={key} aria-label={LONG.format(day)} className="relative border-l border-line" style={{ height: pixels(24 * 60), backgroundImage: `repeating-linear-gradient(to bottom, transparent 0 ${HOUR_PIXELS - 1}px, var(--line) ${HOUR_PIXELS - 1}px ${HOUR_PIXELS}px)` }}>
              {bundles.map(({ bundle, top, minutes: high, lane, lanes }) => (
                <div key={bundle.first.id} className="absolute bg-surface p-px" style={{ top: pixels(top), height: pixels(high), left: `${(lane / lanes) * 100}%`, width: `${100 / lanes}%` }}>
                  <Chip tall bundle={bundle} onOpen={onOpen} onMany={() => many(day, bundle)} />
                </div>
              ))}
              {key === today && <span aria-hidden className="pointer-events-none absolute inset-x-0 z-1 border-t-2 border-danger before:absolute before:-top-1 before:-left-1 before:size-1.5 before:rounded-full before:bg-danger" style={{ top: pixels(minutes) }} />}
            </section>
          );
        })}
      </div>
    </div>
  );
}
