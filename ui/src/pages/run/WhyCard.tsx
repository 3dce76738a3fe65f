import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { taskFailuresQuery } from "@/api/queries/runs";
import type { FlowRun } from "@/api/types";
import { Copy } from "@/design/Copy";
import { reasonOf } from "@/design/reason";
import { colourOf, lookOf } from "@/design/state";
import { StateMark } from "@/design/StateMark";

const HINTS: Partial<Record<string, string>> = {
  FAILED: "Mend the cause, then go on where it stopped:",
  CRASHED: "Go on where it stopped:",
  CANCELLED: "It was stopped on request. Go on where it stopped:",
};

/** Why a run is not well, first cause first, and what can be done about it. */
export function WhyCard({ run }: { run: FlowRun }) {
  const hint = HINTS[run.state.type];
  const failures = useQuery({ ...taskFailuresQuery(run.id), enabled: hint !== undefined });
  if (hint === undefined) return null;
  const command = `penstock flow-run resume ${run.id}`;
  const [first, ...others] = failures.data ?? [];
  return (
    <section
      aria-label="Why" className="mb-3 rounded-lg border border-line border-l-4 bg-surface px-4 py-3"
      style={{ borderLeftColor: colourOf(lookOf(run.state.type, run.state.name)) }}
    >
      <h2 className="flex items-start gap-2 font-semibold">
        <span className="pt-0.75"><StateMark type={run.state.type} name={run.state.name} /></span>
        <span className="min-w-0 break-words whitespace-pre-wrap">{reasonOf(run)}</span>
      </h2>
      {first && (
        <div className="mt-2">
          <p className="text-muted">
            First: <Link to="/runs/$id" params={{ id: run.id }} search={(old) => ({ ...old, task: first.id })} className="font-medium text-ink underline decoration-line-strong underline-offset-2 hover:text-accent-strong">{first.name}</Link>
            {first.attempt > 1 && `, after ${first.attempt} tries`}
            {others.length > 0 && `; ${others.length}${others.length >= 9 ? "+" : ""} more did not end well`}
          </p>
          {first.state.message && <pre tabIndex={0} aria-label="Message" className="mt-1.5 max-h-40 overflow-auto rounded-md bg-sunken px-3 py-2 font-mono text-xs whitespace-pre-wrap">{first.state.message}</pre>}
        </div>
      )}
      <p className="mt-2 flex flex-wrap items-center gap-x-2 text-muted">{hint} <Copy text={command} className="text-ink">{command}</Copy></p>
    </section>
  );
}
