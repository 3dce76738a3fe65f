import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { deploymentsQuery, keyOf } from "@/api/queries/deployments";
import type { Deployment } from "@/api/types";
import { Card } from "@/design/Card";
import { PageHead } from "@/design/PageHead";
import { Empty, Fault, SkeletonRows } from "@/design/Placeholder";
import { SearchBox } from "@/design/SearchBox";
import { Segments } from "@/design/Segments";
import { TABLE } from "@/design/table";
import { useRowKeys } from "@/keys/useRowKeys";
import { DeploymentRow } from "@/pages/deployments/DeploymentRow";
import { RunDialog } from "@/pages/deployment/RunDialog";
import { plural } from "@/time/format";

const HOW = `penstock work-pool create local --type process
penstock deploy hello.py:hello --name daily --pool local --cron "0 5 * * *"
penstock worker start --pool local`;

const SHOWN: Readonly<Record<string, (deployment: Deployment) => boolean>> = {
  all: () => true,
  scheduled: ({ paused, schedules }) => !paused && schedules.some(({ active }) => active),
  paused: ({ paused }) => paused,
};

/** What runs when: all deployments. */
export function DeploymentsPage() {
  const { q = "", show = "all" } = useSearch({ from: "/deployments" });
  const navigate = useNavigate({ from: "/deployments" });
  const deployments = useQuery(deploymentsQuery({ name_contains: q }));
  const [asked, setAsked] = useState<Deployment | null>(null);
  const body = useRef<HTMLTableSectionElement>(null);
  useRowKeys(body);
  const found = (deployments.data?.items ?? []).filter(SHOWN[show] ?? (() => true));
  return (
    <>
      <PageHead
        title="Deployments"
        aside={
          <>
            <span className="text-muted">{deployments.data && plural(found.length, "deployment")}</span>
            <Segments label="Show" choices={[["all", "All"], ["scheduled", "Scheduled"], ["paused", "Paused"]]} chosen={show} onChange={(value) => void navigate({ search: (old) => ({ ...old, show: value === "all" ? "" : value }), replace: true })} />
            <SearchBox label="Search deployments" value={q} onChange={(text) => void navigate({ search: (old) => ({ ...old, q: text }), replace: true })} />
          </>
        }
      />
      <Card flush>
        {deployments.isError ? <Fault error={deployments.error} retry={() => void deployments.refetch()} />
          : deployments.isPending ? <SkeletonRows rows={10} />
          : found.length === 0 && (q || show !== "all") ? <Empty title={q ? `No deployment is named like “${q}”` : `No deployment is ${show}`}>Search for something else, or show all.</Empty>
          : found.length === 0 ? <Empty title="Nothing is deployed yet" code={HOW}>A deployment is a flow that runs by itself or on demand: where its code lies, its parameters, its schedules, and the pool whose workers run it.</Empty>
          : (
            <div className={TABLE.frame} tabIndex={0} role="region" aria-label="Deployments">
              <table className={TABLE.table}>
                <thead>
                  <tr className={TABLE.head}>
                    <th scope="col"><span className="sr-only">On</span></th><th scope="col" className="w-1/3 min-w-56">Deployment</th><th scope="col">Schedule</th><th scope="col">Next run</th>
                    <th scope="col">Last run</th><th scope="col">Work pool</th><th scope="col" className="text-right">Version</th><th scope="col"><span className="sr-only">Actions</span></th>
                  </tr>
                </thead>
                <tbody ref={body}>{found.map((deployment) => <DeploymentRow key={deployment.id} deployment={deployment} onRun={() => setAsked(deployment)} />)}</tbody>
              </table>
              {deployments.data.cursor && <p className="px-3.5 py-3 text-muted">There are more: search to narrow them down.</p>}
            </div>
          )}
      </Card>
      {asked && <RunDialog key={keyOf(asked)} deployment={asked} onClose={() => setAsked(null)} />}
    </>
  );
}
