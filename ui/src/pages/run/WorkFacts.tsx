import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { requestQuery } from "@/api/queries/waiting";
import type { FlowRun } from "@/api/types";
import { Copy } from "@/design/Copy";
import { Fact } from "@/design/Facts";
import { Time } from "@/time/Time";

/** Where a run that was asked for waits or waited, who took it, and on what it runs. */
export function WorkFacts({ run }: { run: FlowRun }) {
  const request = useQuery({ ...requestQuery(run.id), enabled: run.deployment != null });
  const asked = request.data;
  if (!asked) return null;
  return (
    <>
      {asked.work_pool && <Fact name="Work pool" wide><Link to="/work-pools/$name" params={{ name: asked.work_pool }} className="font-medium hover:text-accent-strong hover:underline">{asked.work_pool}</Link>{asked.work_queue && <span className="text-muted">, queue {asked.work_queue}</span>}</Fact>}
      {asked.worker && <Fact name="Worker"><span title={asked.worker}>{asked.worker}</span></Fact>}
      {asked.infrastructure && <Fact name="Infrastructure"><Copy text={asked.infrastructure} what="infrastructure" /></Fact>}
      {asked.schedule && <Fact name="Schedule">{asked.schedule}{asked.fire_at != null && <span className="text-muted">, <Time at={asked.fire_at} as="day" /></span>}</Fact>}
      {asked.period_start != null && asked.period_end != null && asked.period_end > asked.period_start && <Fact name="Period" wide><Time at={asked.period_start} as="day" /> – <Time at={asked.period_end} as="day" /></Fact>}
      {asked.backfill_id && <Fact name="Part of">a backfill</Fact>}
    </>
  );
}
