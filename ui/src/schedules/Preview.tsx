import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { previewQuery, type Definition } from "@/api/queries/schedules";
import { Skeleton } from "@/design/Placeholder";
import { useSettled } from "@/keys/useSettled";
import { relativeTime, nowMicros, exactInstant } from "@/time/format";
import { hereZone, zoneTime } from "@/time/local";

const SHOWN = 10;
const SETTLE_MILLISECONDS = 250;

interface PreviewProps {
  definition: Definition;
  zone: string;
  /** What the server says of a schedule that can never fire; none if it does. */
  onRefused: (error: unknown) => void;
}

/** When a schedule would fire next, as the server reckons. */
export function Preview({ definition, zone, onRefused }: PreviewProps) {
  // The same text is the same question: a form makes a new object at every key.
  const settled = useSettled(JSON.stringify(definition), SETTLE_MILLISECONDS);
  const asked = useMemo(() => JSON.parse(settled) as Definition, [settled]);
  const times = useQuery(previewQuery(asked, SHOWN));
  const error = times.error;
  useEffect(() => onRefused(error), [error, onRefused]);
  const offsets = new Set(times.data?.map(({ offset_seconds }) => offset_seconds));
  return (
    <section aria-label="Next times" aria-busy={times.isFetching} className="rounded-md border border-line bg-sunken px-3 py-2.5">
      <h3 className="mb-1 font-semibold">Next times</h3>
      <p className="mb-1.5 truncate text-xs text-muted">in {zone}{zone !== hereZone() && ", yours on hover"}</p>
      {times.isError ? <p className="text-muted">It cannot fire as it is.</p>
        : !times.data ? <Skeleton className="h-40" />
        : times.data.length === 0 ? <p className="text-muted">It does not fire any more.</p>
        : (
          <ol aria-label="Next times">
            {times.data.map(({ at, offset_seconds }) => (
              <li key={at} title={exactInstant(at)} className="flex h-6 items-baseline justify-between gap-2">
                <span className="truncate">{zoneTime(at, zone)}{offsets.size > 1 && <span className="ml-1 text-xs text-faint">{offset_seconds >= 0 ? "+" : "−"}{Math.abs(offset_seconds) / 3600}</span>}</span>
                <span className="text-xs text-faint">{relativeTime(at, nowMicros())}</span>
              </li>
            ))}
          </ol>
        )}
    </section>
  );
}
