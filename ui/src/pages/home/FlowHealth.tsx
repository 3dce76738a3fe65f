import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { flowSummariesQuery } from "@/api/queries/charts";
import { RunBars } from "@/charts/RunBars";
import type { FlowSummary } from "@/api/types";
import { Tag } from "@/design/Facts";
import { isFinal } from "@/design/state";
import { Skeleton } from "@/design/Placeholder";
import { percent, type Micros } from "@/time/format";
import { Time } from "@/time/Time";

const SHOWN = 8;

/** Whether its last run that ended did not end well. */
const isFailing = ({ recent }: FlowSummary): boolean => {
  const last = recent.find(({ state_type, state_name }) => isFinal(state_type, state_name));
  return last?.state_type === "FAILED" || last?.state_type === "CRASHED";
};

/** Flows with their last runs: those that fail, then those that ran last. */
export function FlowHealth({ since }: { since: Micros }) {
  const flows = useQuery(flowSummariesQuery("", since));
  if (!flows.data) return <div className="p-3.5"><Skeleton className="h-24" /></div>;
  const { items, cursor } = flows.data;
  const shown = items.toSorted((a, b) => Number(isFailing(b)) - Number(isFailing(a)) || (b.flow.last_run_at ?? 0) - (a.flow.last_run_at ?? 0)).slice(0, SHOWN);
  return (
    <>
      <ul>
        {shown.map((summary) => <Row key={summary.flow.id} summary={summary} />)}
      </ul>
      {(items.length > SHOWN || cursor) && <Link to="/flows" className="block border-t border-line px-3.5 py-2 text-accent-strong hover:bg-hover">All flows</Link>}
    </>
  );
}

function Row({ summary }: { summary: FlowSummary }) {
  const { flow, recent, success_rate } = summary;
  return (
    <li className="grid grid-cols-[minmax(0,1fr)_auto_3.5rem_4.5rem] items-center gap-4 max-sm:grid-cols-[minmax(0,1fr)_3.5rem_4.5rem] max-sm:[&>[role=img]]:hidden border-t border-line px-3.5 py-2">
      <span className="flex min-w-0 items-baseline gap-2"><Link to="/flows/$name" params={{ name: flow.name }} className="truncate font-medium hover:text-accent-strong hover:underline">{flow.name}</Link>{isFailing(summary) && <Tag warn>failing</Tag>}</span>
      <RunBars runs={recent} />
      <span className="text-right" title="Success rate">{success_rate == null ? "–" : percent(success_rate)}</span>
      <Time at={flow.last_run_at} className="text-right text-xs text-muted" />
    </li>
  );
}
