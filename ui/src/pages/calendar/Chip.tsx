import { CalendarClock } from "lucide-react";
import { colourOf, lookOf, STACK_ORDER, wordOf } from "@/design/state";
import { StateMark } from "@/design/StateMark";
import { countsOf, type Bundle, type Entry } from "@/pages/calendar/model";
import { clockTime, count, duration, exactInstant } from "@/time/format";

interface ChipProps {
  bundle: Bundle;
  onOpen: (entry: Entry) => void;
  /** Where a bundle of several leads. */
  onMany: () => void;
  /** Takes the height it is given. */
  tall?: boolean;
}

const short = (at: number): string => clockTime(at).slice(0, 5);

/** A run, a time to come, or many of them: its state, when, and what. */
export function Chip({ bundle, onOpen, onMany, tall = false }: ChipProps) {
  const { first, entries, title } = bundle;
  const { run, tick } = first;
  const shape = `flex w-full min-w-0 overflow-hidden rounded px-1 text-left text-xs leading-5 hover:bg-hover focus-visible:outline-offset-[-2px] gap-1 ${tall ? "h-full items-start [&>svg]:mt-1" : "h-6 items-center"}`;
  if (entries.length > 1) {
    const last = entries.at(-1) ?? first;
    return (
      <button type="button" onClick={onMany} className={`${shape} bg-hover`} title={`${count(entries.length)} ${run ? "runs" : "times to come"} of ${title}\n${exactInstant(first.at)}\n${exactInstant(last.at)}`}>
        <span className="font-medium">{count(entries.length)}×</span> <span className="min-w-0 flex-1 truncate">{title}</span>
        {run ? <Shares entries={entries} /> : <CalendarClock size={12} aria-label="to come" className="shrink-0 text-faint" />}
      </button>
    );
  }
  if (run) {
    const look = lookOf(run.state.type, run.state.name);
    const took = run.started_at != null && run.ended_at != null ? `, ${duration(run.ended_at - run.started_at)}` : "";
    return (
      <button type="button" onClick={() => onOpen(first)} className={`${shape} tint-9 border-l-2`} style={{ color: colourOf(look), borderColor: colourOf(look) }} title={`${run.name}: ${run.state.name}${took}\n${exactInstant(first.at)}`}>
        <StateMark type={run.state.type} name={run.state.name} size={12} titled /> <span className="text-muted">{short(first.at)}</span> <span className="min-w-0 truncate text-ink">{title}</span>
      </button>
    );
  }
  const skipped = tick?.skipped === true;
  return (
    <button
      type="button" onClick={() => onOpen(first)} className={`${shape} border border-dashed border-line-strong ${skipped ? "text-faint line-through" : "text-muted"}`}
      title={`${title}, ${skipped ? "skipped" : tick && tick.at !== tick.fire_at ? "moved" : wordOf("SCHEDULED").toLowerCase()}\n${exactInstant(first.at)}`}
    >
      <CalendarClock size={12} aria-label={skipped ? "skipped" : "to come"} className="shrink-0" /> <span>{short(first.at)}</span> <span className={`min-w-0 truncate ${skipped ? "" : "text-ink"}`}>{title}</span>
    </button>
  );
}

/** The states of many runs, as shares of a bar. */
function Shares({ entries }: { entries: readonly Entry[] }) {
  const counts = countsOf(entries);
  const parts = STACK_ORDER.flatMap((type) => (counts[type] ? [[type, counts[type]] as const] : []));
  const said = parts.map(([type, value]) => `${count(value)} ${wordOf(type)}`).join(", ");
  return (
    <span className="my-auto flex h-1.5 w-7 shrink-0 overflow-hidden rounded-full" title={said}>
      <span className="sr-only">{said}</span>
      {parts.map(([type, value]) => <span key={type} aria-hidden style={{ flexGrow: value, minWidth: 2, backgroundColor: colourOf(lookOf(type)) }} />)}
    </span>
  );
}
