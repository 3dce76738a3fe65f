import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Activity } from "@/charts/ActivityBars";
import { Sparkline } from "@/charts/Sparkline";
import { Skeleton } from "@/design/Placeholder";
import { StateMark } from "@/design/StateMark";
import type { StateType } from "@/generated/states";
import { count, percent, plural, type Micros } from "@/time/format";

interface PulseProps {
  activity: Activity | undefined;
  word: string;
  since: Micros;
}

const sum = (values: readonly number[] = []): number => values.reduce((total, value) => total + value, 0);

/** One glance: a sentence that says whether all is well, and the figures behind it. */
export function Pulse({ activity, word, since }: PulseProps) {
  if (!activity) return <Skeleton className="mb-3 h-21" />;
  const { counts } = activity;
  const [completed, failed, crashed] = [sum(counts.COMPLETED), sum(counts.FAILED), sum(counts.CRASHED)];
  const ended = completed + failed + crashed;
  const bad = failed + crashed;
  const rates = Array.from({ length: Math.round((activity.until - activity.since) / activity.width) }, (_, bar) => {
    const good = counts.COMPLETED?.[bar] ?? 0;
    const all = good + (counts.FAILED?.[bar] ?? 0) + (counts.CRASHED?.[bar] ?? 0);
    return all === 0 ? null : good / all;
  });
  return (
    <section aria-label="At a glance" className="mb-3 flex flex-wrap items-stretch gap-px overflow-hidden rounded-lg border border-line bg-line">
      <div className="flex min-w-72 flex-[2] items-center gap-3 bg-surface px-4 py-3.5">
        <StateMark type={bad > 0 ? (failed > 0 ? "FAILED" : "CRASHED") : "COMPLETED"} size={26} />
        <div>
          <p className="text-base font-semibold">{bad > 0 ? `${plural(bad, "flow run")} did not end well` : ended > 0 ? "All is well" : "It is quiet"}</p>
          <p className="text-muted">{bad > 0 ? `of ${count(ended)} that ended in the ${word}` : ended > 0 ? `All ${plural(ended, "flow run")} of the ${word} completed` : `Nothing ended in the ${word}`}</p>
        </div>
      </div>
      <Figure name="Success rate" value={ended > 0 ? percent(completed / ended) : "–"}><Sparkline values={rates} label="Success rate over time" /></Figure>
      <Figure name="Failed" type="FAILED" value={count(failed)} since={since} />
      <Figure name="Crashed" type="CRASHED" value={count(crashed)} since={since} />
      <Figure name="Completed" type="COMPLETED" value={count(completed)} since={since} />
      <Figure name="Running" type="RUNNING" value={count(sum(counts.RUNNING))} since={since} />
    </section>
  );
}

interface FigureProps {
  name: string;
  value: string;
  type?: StateType;
  since?: Micros;
  children?: ReactNode;
}

function Figure({ name, value, type, since, children }: FigureProps) {
  const body = (
    <>
      <span className="flex items-center gap-1.5 text-xs text-muted">{type && <StateMark type={type} size={12} />}{name}</span>
      <span className="flex items-end gap-2.5 text-xl leading-7 font-semibold tracking-tight">{value}{children}</span>
    </>
  );
  const look = "flex min-w-28 flex-1 flex-col justify-center gap-0.5 bg-surface px-4 py-2.5";
  if (!type || since === undefined) return <div className={look}>{body}</div>;
  return <Link to="/runs" search={{ state: type, since: String(since) }} className={`${look} hover:bg-hover focus-visible:outline-offset-[-3px]`}>{body}</Link>;
}
