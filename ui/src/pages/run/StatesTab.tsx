import { useQuery } from "@tanstack/react-query";
import { statesQuery } from "@/api/queries/runs";
import type { FlowRun } from "@/api/types";
import { Fault, SkeletonRows } from "@/design/Placeholder";
import { StateBadge } from "@/design/StateMark";
import { duration } from "@/time/format";
import { Time } from "@/time/Time";

/** Every state the run was in, newest last, with the reason. */
export function StatesTab({ run }: { run: FlowRun }) {
  const states = useQuery(statesQuery(run.id));
  if (states.isError) return <Fault error={states.error} retry={() => void states.refetch()} />;
  if (!states.data) return <SkeletonRows rows={4} />;
  const entries = states.data;
  return (
    <ol className="flex flex-col px-4 py-3">
      {entries.map(({ state, epoch }, index) => {
        const next = entries[index + 1]?.state.at;
        return (
          <li key={`${epoch}-${state.at}-${index}`} className="relative grid grid-cols-[9.5rem_6rem_5rem_minmax(0,1fr)] items-baseline gap-3 border-l-2 border-line py-2 pl-4 before:absolute before:top-4 before:-left-[5px] before:size-2 before:rounded-full before:bg-line-strong">
            <StateBadge state={state} plain />
            <Time at={state.at} as="clock-ms" className="text-muted" />
            <span className="text-muted">{next === undefined ? "" : duration(next - state.at)}</span>
            <span className="break-words whitespace-pre-wrap text-muted">{epoch > 1 && <span className="mr-2 rounded bg-sunken px-1.5 text-xs">attempt {epoch}</span>}{state.message ?? state.reason?.replaceAll("_", " ")}</span>
          </li>
        );
      })}
    </ol>
  );
}
