import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { activityQuery } from "@/api/queries/charts";
import { flowsQuery } from "@/api/queries/catalogue";
import { runListQuery } from "@/api/queries/runs";
import { ActivityBars } from "@/charts/ActivityBars";
import { Card } from "@/design/Card";
import { PageHead } from "@/design/PageHead";
import { Empty, Fault, Skeleton } from "@/design/Placeholder";
import { Segments } from "@/design/Segments";
import { FlowHealth } from "@/pages/home/FlowHealth";
import { Freshness } from "@/pages/home/Freshness";
import { Health } from "@/pages/home/Health";
import { Pulse } from "@/pages/home/Pulse";
import { RunList } from "@/pages/home/RunList";
import { RunningNow } from "@/pages/home/RunningNow";
import { Stuck } from "@/pages/home/Stuck";
import { RANGES } from "@/pages/runs/filter";
import { Upcoming } from "@/pages/home/Upcoming";
import { DAY, nowMicros } from "@/time/format";
import { useMinute } from "@/time/useMinute";

const BARS = 48;
const FAILED_SHOWN = 8;

const FIRST_RUN = `pip install penstock
penstock demo             # real data from the web to a lake

# or your own: hello.py
from penstock import flow

@flow(log_prints=True)
def hello():
    print("it runs")

hello()`;

/** Is everything all right? */
export function HomePage() {
  const { range = "24h" } = useSearch({ from: "/" });
  const navigate = useNavigate({ from: "/" });
  const minute = useMinute();
  const [now] = useState(nowMicros);
  const span = RANGES[range]?.span ?? DAY;
  const until = Math.max(minute, now);
  const since = until - span;
  const activity = useQuery(activityQuery(since, until, BARS));
  const failed = useQuery(runListQuery(useMemo(() => ({ state_types: ["FAILED" as const, "CRASHED" as const], top_level: true, since }), [since]), FAILED_SHOWN));
  const flows = useQuery(flowsQuery);
  const word = RANGES[range]?.word.toLowerCase() ?? "";
  if (flows.isError) return <Fault error={flows.error} retry={() => void flows.refetch()} />;
  if (flows.data?.length === 0)
    return <><PageHead title="Home" /><Card><Empty title="Nothing has run here yet" code={FIRST_RUN}>Type one of these in a terminal. Its run appears on this page by itself.</Empty></Card></>;
  return (
    <>
      <PageHead
        title="Home"
        aside={<Segments label="Time" choices={Object.keys(RANGES).map((value) => [value, RANGES[value]?.word ?? value] as const)} chosen={range} onChange={(value) => void navigate({ search: { range: value } })} />}
      />
      <Pulse activity={activity.data} word={word} since={since} />
      <div className="grid grid-cols-[minmax(0,2fr)_minmax(20rem,1fr)] gap-3 max-xl:grid-cols-[minmax(0,1fr)]">
        <div className="flex min-w-0 flex-col gap-3">
          <Card title="Run activity" aside={<span className="text-xs text-faint">Drag to see the runs</span>} flush>
            <div className="px-3 pb-2">
              {activity.data ? (
                <ActivityBars activity={activity.data} onChoose={(from, to) => void navigate({ to: "/runs", search: { since: String(from), until: String(to) } })} />
              ) : activity.isError ? <Fault error={activity.error} /> : <Skeleton className="h-44" />}
            </div>
          </Card>
          <Card title="What broke" flush aside={failed.data && failed.data.length > 0 && <span className="text-xs text-faint">newest first</span>}>
            {failed.data ? <RunList runs={failed.data} empty={`Nothing failed in the ${word}.`} /> : <div className="p-3.5"><Skeleton className="h-20" /></div>}
          </Card>
          <Card title="Flows" flush><FlowHealth since={since} /></Card>
        </div>
        <div className="flex min-w-0 flex-col gap-3">
          <Stuck />
          <RunningNow />
          <Upcoming />
          <Health />
          <Freshness />
        </div>
      </div>
    </>
  );
}
