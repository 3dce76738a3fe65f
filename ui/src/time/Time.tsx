import { useNow } from "@/time/useNow";
import { clockTime, dayTime, duration, exactInstant, relativeTime, toDate, type Micros } from "@/time/format";

interface TimeProps {
  at: Micros | null | undefined;
  as?: "relative" | "day" | "clock" | "clock-ms";
  className?: string;
}

/** An instant as people say it; the exact one on hover. */
export function Time({ at, as = "relative", className }: TimeProps) {
  const now = useNow(as === "relative");
  if (at == null) return <span className="text-faint">–</span>;
  const text =
    as === "relative" ? relativeTime(at, now) : as === "day" ? dayTime(at, now) : clockTime(at, as === "clock-ms");
  return (
    <time dateTime={toDate(at).toISOString()} title={exactInstant(at)} className={`whitespace-nowrap ${className ?? ""}`}>
      {text}
    </time>
  );
}

interface SpanProps {
  from: Micros | null | undefined;
  to: Micros | null | undefined;
  className?: string;
}

/** How long something took, or has been taking until now. */
export function Span({ from, to, className }: SpanProps) {
  const now = useNow(from != null && to == null);
  if (from == null) return <span className="text-faint">–</span>;
  return (
    <span className={`whitespace-nowrap ${className ?? ""}`} title={`${exactInstant(from)}\n→ ${to == null ? "now" : exactInstant(to)}`}>
      {duration((to ?? now) - from)}
    </span>
  );
}
